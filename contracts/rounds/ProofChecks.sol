// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IAggregationVerifier, ITrainingVerifier} from "../interfaces/IVerifiers.sol";
import {BabyJubJub} from "../libraries/BabyJubJub.sol";
import {FIELD_ORDER} from "../libraries/FieldOrder.sol";
import {PhaseArithmetic} from "../libraries/PhaseArithmetic.sol";
import {RoundLedger} from "./RoundLedger.sol";

/// @title The two proofs of a round
abstract contract ProofChecks is RoundLedger {
    /// @dev The proof of training, about what the contract itself knows and the commitment.
    /// @return rows That the proof used.
    function _requireTraining(
        uint256 studyId,
        uint32 round,
        uint32 hospitalId,
        uint8 index,
        uint256 rootBefore,
        Submission memory entry,
        Proof calldata proof
    ) internal view returns (uint32 rows) {
        uint256[7] memory signals;
        address verifier;
        (verifier, signals[4], signals[2], rows) = STUDIES.trainingTerms(studyId, index);
        // Of its blocks none was drawn and used yet.
        if (rows == 0) revert RoundManagerNoRows(studyId, hospitalId);
        signals[0] = trainingContext(studyId, round, hospitalId, entry.digest);
        signals[1] = rootBefore;
        signals[3] = rows;
        (signals[5], signals[6]) = (entry.cx, entry.cy);
        if (!ITrainingVerifier(verifier).verifyProof(proof.a, proof.b, proof.c, signals)) {
            revert RoundManagerProofInvalid(studyId, round);
        }
    }

    /// @dev The proof of aggregation, about what the contract itself knows and the new root.
    function _requireAggregation(
        uint256 studyId,
        uint32 round,
        PhaseArithmetic.Clock memory clock,
        Result memory result,
        uint256 rootBefore,
        Proof calldata proof
    ) internal view {
        uint256[6] memory signals = [
            aggregationContext(studyId, round, clock.included),
            result.sumCx,
            result.sumCy,
            clock.sumRows,
            rootBefore,
            result.rootAfter
        ];
        IAggregationVerifier verifier = IAggregationVerifier(STUDIES.aggregationVerifier(studyId));
        if (!verifier.verifyProof(proof.a, proof.b, proof.c, signals)) {
            revert RoundManagerProofInvalid(studyId, round);
        }
    }

    /// @dev A proof guarantees it. A verifier that is no good must not let anybody strand a round all the same: points
    /// off the curve may have no sum.
    function _requireOnCurve(uint256 cx, uint256 cy) internal pure {
        _requireInField(cx);
        _requireInField(cy);
        if (!BabyJubJub.isOnCurve(cx, cy)) revert RoundManagerNotOnCurve(cx, cy);
    }

    /// @dev The verifiers take a signal modulo the field order: x + p would pass for x.
    function _requireInField(uint256 value) internal pure {
        if (value >= FIELD_ORDER) revert RoundManagerNotInField(value);
    }
}
