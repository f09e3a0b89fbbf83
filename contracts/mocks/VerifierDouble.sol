// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IAggregationVerifier, ITrainingVerifier} from "../interfaces/IVerifiers.sol";

/// @title Stands in for both verifiers in unit tests of phases and money
/// @notice Accepts every proof until told to refuse; never deployed by `scripts/deploy.py`.
contract VerifierDouble is ITrainingVerifier, IAggregationVerifier {
    /// @notice Answer that both kinds of proof get.
    bool public accepts = true;

    /// @notice Sets the answer.
    function setAccepts(bool accepts_) external {
        accepts = accepts_;
    }

    /// @inheritdoc ITrainingVerifier
    function verifyProof(
        uint256[2] calldata,
        uint256[2][2] calldata,
        uint256[2] calldata,
        uint256[7] calldata
    ) external view returns (bool) {
        return accepts;
    }

    /// @inheritdoc IAggregationVerifier
    function verifyProof(
        uint256[2] calldata,
        uint256[2][2] calldata,
        uint256[2] calldata,
        uint256[6] calldata
    ) external view returns (bool) {
        return accepts;
    }
}
