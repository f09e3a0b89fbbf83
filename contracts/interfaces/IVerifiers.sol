// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Verifier of a training circuit, as snarkjs writes it
/// @dev Public signals in order: context, rootBefore, dataRoot, rows, planRoot, Cx, Cy.
interface ITrainingVerifier {
    /// @notice Whether the Groth16 proof holds for the public signals.
    function verifyProof(
        uint256[2] calldata a,
        uint256[2][2] calldata b,
        uint256[2] calldata c,
        uint256[7] calldata publicSignals
    ) external view returns (bool);
}

/// @title Verifier of an aggregation circuit, as snarkjs writes it
/// @dev Public signals in order: context, sumCx, sumCy, sumRows, rootBefore, rootAfter.
interface IAggregationVerifier {
    /// @notice Whether the Groth16 proof holds for the public signals.
    function verifyProof(
        uint256[2] calldata a,
        uint256[2][2] calldata b,
        uint256[2] calldata c,
        uint256[6] calldata publicSignals
    ) external view returns (bool);
}
