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
    uint32 internal constant LEARNING_RATE_LIMIT = 1 << 10;
    /// @dev The aggregation circuit divides by a sum of rows below this.
    uint256 internal constant ROWS_LIMIT = 1 << 22;
    /// @dev Part of a bond that one lie costs, in 1/10000.
    uint256 internal constant SLASH_BPS = 2_500;
    uint256 internal constant BASIS_POINTS = 10_000;
    /// @dev Whoever locks a bond knows how long a stalled study can hold it.
    uint32 internal constant LONGEST_PHASE = 30 days;
    uint32 internal constant LONGEST_ENROLMENT = 180 days;
    /// @dev Patience with a round that does not open, and recovery after a study's end.
    uint32 internal constant LONGEST_WAIT = 360 days;

    /// @notice Reverts unless the plan's own numbers fit together.
    /// @param leastLength Seconds that every phase must last at least.
    function requireSound(IStudyRegistry.Plan calldata plan, uint256 leastLength) internal pure {
        if (plan.documentDigest == bytes32(0) || plan.documentSize == 0) {
            revert IStudyRegistry.StudyRegistryPlanDocumentMissing(plan.documentDigest, plan.documentSize);
        }
        if (plan.initialRoot >= FIELD_ORDER) revert IStudyRegistry.StudyRegistryNotInField(plan.initialRoot);
        _requireParticipation(plan);
        if (plan.rounds == 0) {
            revert IStudyRegistry.StudyRegistryRoundsOutOfRange(plan.rounds, plan.unopenedRounds);
        }
        if (plan.batchRounds == 0 || plan.batchRounds > plan.rounds) {
            revert IStudyRegistry.StudyRegistryBatchOutOfRange(plan.batchRounds, plan.rounds);
        }
        _requireLength(plan.enrolLength, leastLength, LONGEST_ENROLMENT);
        _requireLength(plan.ceremonyStepLength, leastLength, LONGEST_PHASE);
        _requireLength(plan.submitLength, leastLength, LONGEST_PHASE);
        _requireLength(plan.attestLength, leastLength, LONGEST_PHASE);
        _requireLength(plan.openLength, leastLength, LONGEST_PHASE);
        _requireWaiting(plan);
        _requireMoney(plan);
        if ((plan.privacyBudget == 0) != (plan.privacyCost == 0) || plan.privacyCost > plan.privacyBudget) {
            revert IStudyRegistry.StudyRegistryPrivacyCostOutOfRange(plan.privacyCost, plan.privacyBudget);
        }
    }

    /// @notice Reverts unless the two circuits can prove this plan.
    function requireProvable(
        IStudyRegistry.Plan calldata plan,
        ICircuitCatalogue.Circuit memory training,
        ICircuitCatalogue.Circuit memory aggregation
    ) internal pure {
        bool bounded = training.kind == ICircuitCatalogue.CircuitKind.Bounded;
        if (!bounded && training.kind != ICircuitCatalogue.CircuitKind.Training) {
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
        // A bounded circuit compiles no epochs in, so both numbers are zero there: the plan document has them.
        if ((plan.epochs == 0) != bounded || plan.epochs > training.maxEpochs) {
            revert IStudyRegistry.StudyRegistryEpochsOutOfRange(plan.epochs, training.maxEpochs);
        }
        uint32 highest = bounded ? 0 : LEARNING_RATE_LIMIT - 1;
        if ((plan.learningRate == 0) != bounded || plan.learningRate > highest) {
            revert IStudyRegistry.StudyRegistryLearningRateOutOfRange(plan.learningRate, highest);
        }
        if (plan.noiseBound != 0 && !training.noisy) {
            revert IStudyRegistry.StudyRegistryNoiseNotProved(plan.noiseBound);
        }
        // Noise hides nothing of an update that may be of any length. What proves no noise proves no bound either.
        bool wrong = plan.updateBound == 0 ? bounded || plan.noiseBound != 0 : !training.noisy;
        if (wrong) {
            revert IStudyRegistry.StudyRegistryUpdateBoundWrong(plan.updateBound, training.kind);
        }
        uint256 rows = uint256(plan.maximum) * training.capacity;
        if (rows >= ROWS_LIMIT) revert IStudyRegistry.StudyRegistryTooManyRows(rows, ROWS_LIMIT - 1);
    }

    /// @notice A plan's numbers as one public input of the training proof.
    function root(IStudyRegistry.Plan calldata plan, ICircuitCatalogue.Circuit memory training)
        internal
        pure
        returns (uint192)
    {
        return uint192(training.features) | (uint192(training.batchSize) << 16) | (uint192(plan.epochs) << 32)
            | (uint192(plan.learningRate) << 48) | (uint192(training.valueBits) << 80)
            | (uint192(training.loss) << 88) | (uint192(plan.updateBound) << 96) | (uint192(plan.noiseBound) << 160);
    }

    /// @notice Rounds that the plan's privacy budget lasts for, no more than it plans.
    function affordableRounds(IStudyRegistry.Plan calldata plan) internal pure returns (uint16) {
        if (plan.privacyCost == 0) return plan.rounds;
        uint64 lasting = plan.privacyBudget / plan.privacyCost;
        return lasting < plan.rounds ? uint16(lasting) : plan.rounds;
    }

    /// @notice What one lie costs of a bond.
    function slice(uint128 bond) internal pure returns (uint256) {
        return bond * SLASH_BPS / BASIS_POINTS;
    }

    /// @notice Hospitals that a study begins with: the plan's minimum, and 2t − 1 so that honest ones can be more
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

    function _requireWaiting(IStudyRegistry.Plan calldata plan) private pure {
        // Up to t − 1 liars can make as many rounds or ceremonies in a row fail.
        if (plan.unopenedRounds < plan.threshold) {
            revert IStudyRegistry.StudyRegistryFewerFailuresThanThreshold(plan.unopenedRounds, plan.threshold);
        }
        uint256 round = uint256(plan.submitLength) + plan.attestLength + 2 * uint256(plan.openLength);
        uint256 least = plan.unopenedRounds * round;
        if (plan.patience < least || plan.patience > LONGEST_WAIT) {
            revert IStudyRegistry.StudyRegistryPatienceOutOfRange(plan.patience, least, LONGEST_WAIT);
        }
        if (plan.recovery < plan.submitLength || plan.recovery > LONGEST_WAIT) {
            revert IStudyRegistry.StudyRegistryRecoveryOutOfRange(plan.recovery, plan.submitLength, LONGEST_WAIT);
        }
    }

    function _requireMoney(IStudyRegistry.Plan calldata plan) private pure {
        if (plan.bond == 0) revert IStudyRegistry.StudyRegistryBondMissing();
        // However long a hospital is away, it pays less than for one lie.
        uint256 lie = slice(plan.bond);
        if (plan.absenceFine > plan.absenceCap || plan.absenceCap >= lie) {
            revert IStudyRegistry.StudyRegistryFineOutOfRange(plan.absenceFine, plan.absenceCap, lie);
        }
        if (plan.serviceFee > plan.serviceBudget || (plan.serviceFee == 0 && plan.serviceBudget != 0)) {
            revert IStudyRegistry.StudyRegistryServiceOutOfRange(plan.serviceFee, plan.serviceBudget);
        }
    }

    function _requireLength(uint32 length, uint256 least, uint32 most) private pure {
        if (length < least) revert IStudyRegistry.StudyRegistryPhaseTooShort(length, least);
        if (length > most) revert IStudyRegistry.StudyRegistryPhaseTooLong(length, most);
    }
}
