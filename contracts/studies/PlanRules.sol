// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ICircuitCatalogue} from "../interfaces/ICircuitCatalogue.sol";
import {IStudyRegistry} from "../interfaces/IStudyRegistry.sol";
import {FIELD_ORDER} from "../libraries/FieldOrder.sol";

/// @title What a plan must fulfil to be published
library PlanRules {
    /// @dev Fewer than three updates are never opened together.
    uint8 internal constant LEAST_MINIMUM = 3;
    uint8 internal constant LEAST_THRESHOLD = 2;
    /// @dev Bitmaps hold 64; so do the guard bits that the aggregation circuit allows for.
    uint8 internal constant MOST_HOSPITALS = 64;
    /// @dev Bounds the gas that deriving a quorum through all earlier attempts takes.
    uint8 internal constant MOST_ATTEMPTS = 16;
    uint32 internal constant LEARNING_RATE_LIMIT = 1 << 10;
    /// @dev The aggregation circuit divides by a sum of rows below this.
    uint256 internal constant ROWS_LIMIT = 1 << 22;
    uint16 internal constant BASIS_POINTS = 10_000;

    /// @notice Reverts unless the plan's own numbers fit together.
    /// @param leastLength Seconds that every phase must last at least.
    function requireSound(IStudyRegistry.Plan calldata plan, uint256 leastLength) internal pure {
        if (plan.documentDigest == bytes32(0) || plan.documentSize == 0) {
            revert IStudyRegistry.StudyRegistryPlanDocumentMissing(plan.documentDigest, plan.documentSize);
        }
        if (plan.initialRoot >= FIELD_ORDER) revert IStudyRegistry.StudyRegistryNotInField(plan.initialRoot);
        _requireParticipation(plan);
        if (plan.attempts == 0 || plan.attempts > MOST_ATTEMPTS) {
            revert IStudyRegistry.StudyRegistryAttemptsOutOfRange(plan.attempts, MOST_ATTEMPTS);
        }
        if (plan.rounds == 0 || plan.unopenedRounds == 0) {
            revert IStudyRegistry.StudyRegistryRoundsOutOfRange(plan.rounds, plan.unopenedRounds);
        }
        if (plan.batchRounds == 0 || plan.batchRounds > plan.rounds) {
            revert IStudyRegistry.StudyRegistryBatchOutOfRange(plan.batchRounds, plan.rounds);
        }
        _requireLong(plan.enrolLength, leastLength);
        _requireLong(plan.ceremonyStepLength, leastLength);
        _requireLong(plan.submitLength, leastLength);
        _requireLong(plan.attestLength, leastLength);
        _requireLong(plan.openLength, leastLength);
        if (plan.verifiedShareBps > BASIS_POINTS) {
            revert IStudyRegistry.StudyRegistryShareOutOfRange(plan.verifiedShareBps);
        }
        // A budget that no circuit enforces would be an empty promise.
        if (plan.privacyBudget != 0) {
            revert IStudyRegistry.StudyRegistryPrivacyBudgetUnsupported(plan.privacyBudget);
        }
    }

    /// @notice Reverts unless the two circuits can prove this plan.
    function requireProvable(
        IStudyRegistry.Plan calldata plan,
        ICircuitCatalogue.Circuit calldata training,
        ICircuitCatalogue.Circuit calldata aggregation
    ) internal pure {
        if (training.kind != ICircuitCatalogue.CircuitKind.Training) {
            revert IStudyRegistry.StudyRegistryWrongCircuitKind(plan.trainingCircuit, training.kind);
        }
        if (aggregation.kind != ICircuitCatalogue.CircuitKind.Aggregation) {
            revert IStudyRegistry.StudyRegistryWrongCircuitKind(plan.aggregationCircuit, aggregation.kind);
        }
        // The aggregation's coordinates are the features and the bias.
        if (
            uint256(training.features) + 1 != aggregation.features || training.valueBits != aggregation.valueBits
        ) {
            revert IStudyRegistry.StudyRegistryCircuitsDiffer(plan.trainingCircuit, plan.aggregationCircuit);
        }
        if (plan.epochs == 0 || plan.epochs > training.maxEpochs) {
            revert IStudyRegistry.StudyRegistryEpochsOutOfRange(plan.epochs, training.maxEpochs);
        }
        if (plan.learningRate == 0 || plan.learningRate >= LEARNING_RATE_LIMIT) {
            revert IStudyRegistry.StudyRegistryLearningRateOutOfRange(plan.learningRate, LEARNING_RATE_LIMIT - 1);
        }
        uint256 rows = uint256(plan.maximum) * training.capacity;
        if (rows >= ROWS_LIMIT) revert IStudyRegistry.StudyRegistryTooManyRows(rows, ROWS_LIMIT - 1);
    }

    /// @notice Hospitals that a ceremony needs: the plan's minimum, and 2t − 1 so that honest ones can be more
    /// than liars.
    function needed(uint8 minimum, uint8 threshold) internal pure returns (uint8) {
        uint8 honest = 2 * threshold - 1;
        return minimum > honest ? minimum : honest;
    }

    function _requireParticipation(IStudyRegistry.Plan calldata plan) private pure {
        if (plan.threshold < LEAST_THRESHOLD) {
            revert IStudyRegistry.StudyRegistryThresholdTooLow(plan.threshold, LEAST_THRESHOLD);
        }
        if (plan.minimum < LEAST_MINIMUM) {
            revert IStudyRegistry.StudyRegistryMinimumTooLow(plan.minimum, LEAST_MINIMUM);
        }
        if (plan.minimum <= plan.threshold) {
            revert IStudyRegistry.StudyRegistryMinimumTooLow(plan.minimum, uint256(plan.threshold) + 1);
        }
        // minimum > threshold and maximum >= minimum keep 2t − 1 within eight bits once maximum <= 64.
        if (plan.maximum < plan.minimum || plan.maximum > MOST_HOSPITALS) {
            revert IStudyRegistry.StudyRegistryMaximumOutOfRange(plan.maximum, plan.minimum, MOST_HOSPITALS);
        }
        uint8 least = needed(plan.minimum, plan.threshold);
        if (plan.maximum < least) {
            revert IStudyRegistry.StudyRegistryMaximumOutOfRange(plan.maximum, least, MOST_HOSPITALS);
        }
    }

    function _requireLong(uint32 length, uint256 least) private pure {
        if (length < least) revert IStudyRegistry.StudyRegistryPhaseTooShort(length, least);
    }
}
