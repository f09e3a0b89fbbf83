// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IStudyRegistry} from "../interfaces/IStudyRegistry.sol";
import {IAggregationVerifier, ITrainingVerifier} from "../interfaces/IVerifiers.sol";
import {FIELD_ORDER} from "../libraries/FieldOrder.sol";
import {PhaseArithmetic} from "../libraries/PhaseArithmetic.sol";
import {RoundLedger} from "./RoundLedger.sol";

/// @title The two proofs of a round
abstract contract ProofChecks is RoundLedger {
    /// @dev The proof of training, about what the contract itself knows and the commitment.
    function _requireTraining(
        uint256 studyId,
        uint32 round,
        IStudyRegistry.Enrolment memory member,
        uint256 rootBefore,
        Submission memory entry,
        Proof calldata proof
    ) internal view {
        (address verifier, uint256 planRoot) = STUDIES.trainingTerms(studyId);
        uint256[7] memory signals = [
            trainingContext(studyId, round, member.hospitalId, entry.digest),
            rootBefore,
            member.dataRoot,
            member.rows,
            planRoot,
            entry.cx,
            entry.cy
        ];
        if (!ITrainingVerifier(verifier).verifyProof(proof.a, proof.b, proof.c, signals)) {
            revert RoundManagerProofInvalid(studyId, round);
        }
    }

    /// @dev The proof of aggregation, about what the contract itself knows and the new root.
    function _requireAggregation(
        uint256 studyId,
        uint32 round,
        PhaseArithmetic.Clock memory clock,
        uint256 rootBefore,
        uint256 rootAfter,
        Proof calldata proof
    ) internal view {
        Sums storage sums = _sums[studyId][round];
        uint256[6] memory signals = [
            aggregationContext(studyId, round, clock.included), sums.cx, sums.cy, clock.sumRows, rootBefore, rootAfter
        ];
        IAggregationVerifier verifier = IAggregationVerifier(STUDIES.aggregationVerifier(studyId));
        if (!verifier.verifyProof(proof.a, proof.b, proof.c, signals)) {
            revert RoundManagerProofInvalid(studyId, round);
        }
    }

    /// @dev The verifiers take a signal modulo the field order: x + p would pass for x.
    function _requireInField(uint256 value) internal pure {
        if (value >= FIELD_ORDER) revert RoundManagerNotInField(value);
    }
}
