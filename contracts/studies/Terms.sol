// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IBlockDraws} from "../interfaces/IBlockDraws.sol";
import {ICircuitCatalogue} from "../interfaces/ICircuitCatalogue.sol";
import {IHospitalRegistry} from "../interfaces/IHospitalRegistry.sol";
import {IKeyCeremony} from "../interfaces/IKeyCeremony.sol";
import {IRewardPool} from "../interfaces/IRewardPool.sol";
import {IRoundManager} from "../interfaces/IRoundManager.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {IStudyRegistry} from "../interfaces/IStudyRegistry.sol";
import {Bitmaps} from "../libraries/Bitmaps.sol";
import {Members} from "./Members.sol";
import {PlanChecker} from "./PlanChecker.sol";
import {PlanRules} from "./PlanRules.sol";

/// @title What other contracts ask of a study, and the state that follows from it
abstract contract Terms is Members {
    using Bitmaps for uint64;
    using Bitmaps for uint8;

    /// @param blocks Draws the blocks of hospitals with more rows than the circuit.
    /// @param blockTime Seconds per block that finality is reckoned with.
    /// @param phaseMargin Seconds that a phase must last beyond finality.
    struct Wiring {
        IHospitalRegistry hospitals;
        ICircuitCatalogue catalogue;
        IStakeVault vault;
        IKeyCeremony ceremony;
        IRoundManager rounds;
        IRewardPool rewards;
        IBlockDraws blocks;
        uint32 blockTime;
        uint32 phaseMargin;
    }

    /// @notice Knows operators, standings and the council.
    IHospitalRegistry public immutable HOSPITALS;
    /// @notice Knows the circuits that new studies may name.
    ICircuitCatalogue public immutable CATALOGUE;
    /// @notice Holds the bonds.
    IStakeVault public immutable VAULT;
    /// @notice Holds the key ceremonies, and knows who takes part in which rounds.
    IKeyCeremony public immutable CEREMONY;
    /// @notice Knows how a study's rounds ended.
    IRoundManager public immutable ROUNDS;
    /// @notice Holds the rewards.
    IRewardPool public immutable REWARDS;
    /// @notice Draws the blocks of hospitals with more rows than the circuit.
    IBlockDraws public immutable BLOCKS;
    /// @notice Seconds per block that finality is reckoned with.
    uint32 public immutable BLOCK_TIME;
    /// @notice Seconds that a phase must last beyond finality.
    uint32 public immutable PHASE_MARGIN;

    mapping(uint256 studyId => PlanChecker.Proving) internal _proving;

    constructor(Wiring memory wiring) {
        HOSPITALS = wiring.hospitals;
        CATALOGUE = wiring.catalogue;
        VAULT = wiring.vault;
        CEREMONY = wiring.ceremony;
        ROUNDS = wiring.rounds;
        REWARDS = wiring.rewards;
        BLOCKS = wiring.blocks;
        BLOCK_TIME = wiring.blockTime;
        PHASE_MARGIN = wiring.phaseMargin;
    }

    /// @inheritdoc IStudyRegistry
    function study(uint256 studyId) external view returns (Study memory) {
        return _known(studyId);
    }

    /// @inheritdoc IStudyRegistry
    function sponsorOf(uint256 studyId) external view returns (address) {
        return _studies[studyId].sponsor;
    }

    /// @inheritdoc IStudyRegistry
    function ceremonyTerms(uint256 studyId) external view returns (CeremonyTerms memory terms) {
        Study storage record = _known(studyId);
        Plan storage plan = record.plan;
        terms.enrolled = _present(record);
        terms.threshold = plan.threshold;
        terms.minimum = plan.minimum;
        terms.unopenedRounds = plan.unopenedRounds;
        terms.padsOnly = plan.padsOnly;
        terms.rounds = record.rounds;
        terms.batchRounds = plan.batchRounds;
        terms.stepLength = plan.ceremonyStepLength;
        terms.absenceFine = plan.absenceFine;
        if (_enrolmentIsOver(studyId, record) && _isFunded(studyId) && _areEnough(record)) {
            terms.dueFrom = enrolmentEnd(studyId);
        }
    }

    /// @inheritdoc IStudyRegistry
    function initialRoot(uint256 studyId) external view returns (uint256) {
        return _studies[studyId].plan.initialRoot;
    }

    /// @inheritdoc IStudyRegistry
    function trainingTerms(uint256 studyId, uint8 index)
        external
        view
        returns (address verifier, uint256 root, uint256 dataRoot, uint32 rows)
    {
        PlanChecker.Proving storage proving = _proving[studyId];
        (verifier, root) = (proving.trainingVerifier, proving.planRoot);
        (dataRoot, rows) = _dataAt(studyId, index);
    }

    /// @inheritdoc IStudyRegistry
    function aggregationVerifier(uint256 studyId) external view returns (address) {
        return _proving[studyId].aggregationVerifier;
    }

    /// @inheritdoc IStudyRegistry
    function planRoot(uint256 studyId) external view returns (uint256) {
        return _proving[studyId].planRoot;
    }

    /// @inheritdoc IStudyRegistry
    function slice(uint256 studyId) external view returns (uint256) {
        return PlanRules.slice(_studies[studyId].plan.bond);
    }

    /// @inheritdoc IStudyRegistry
    function rewardPerRound(uint256 studyId) external view returns (uint256) {
        return _studies[studyId].plan.rewardPerRound;
    }

    /// @inheritdoc IStudyRegistry
    function serviceTerms(uint256 studyId) external view returns (uint256 budget, uint256 fee) {
        Plan storage plan = _studies[studyId].plan;
        return (plan.serviceBudget, plan.serviceFee);
    }

    /// @inheritdoc IStudyRegistry
    function fineTerms(uint256 studyId) external view returns (uint256 fine, uint256 cap) {
        Plan storage plan = _studies[studyId].plan;
        return (plan.absenceFine, plan.absenceCap);
    }

    /// @inheritdoc IStudyRegistry
    function actorOf(uint256 studyId, address account) external view returns (uint32 hospitalId, uint8 index) {
        uint8 place;
        (place, hospitalId) = _placeOf(studyId, account);
        if (place == 0) hospitalId = HOSPITALS.hospitalIdOf(account);
        index = _indexOf(studyId, hospitalId);
    }

    /// @inheritdoc IStudyRegistry
    function studyState(uint256 studyId) public view returns (StudyState) {
        Study storage record = _studies[studyId];
        if (record.publishedAt == 0) return StudyState.None;
        (uint32 batches, uint32 lastRound) = CEREMONY.batches(studyId);
        if (batches != 0) return _startedState(studyId, lastRound);
        bool isFunded = _isFunded(studyId);
        if (!_enrolmentIsOver(studyId, record)) return isFunded ? StudyState.Enrolling : StudyState.Published;
        bool goesOn = isFunded && _areEnough(record) && CEREMONY.canGoOn(studyId);
        return goesOn ? StudyState.Ceremony : StudyState.Cancelled;
    }

    /// @inheritdoc IStudyRegistry
    function requiredFunding(uint256 studyId) public view returns (uint256) {
        Plan storage plan = _studies[studyId].plan;
        return uint256(plan.rewardPerRound) * plan.rounds + plan.serviceBudget;
    }

    /// @inheritdoc IStudyRegistry
    function enrolmentEnd(uint256 studyId) public view returns (uint64) {
        Study storage record = _studies[studyId];
        return record.filledAt != 0 ? record.filledAt : record.publishedAt + record.plan.enrolLength;
    }

    /// @inheritdoc IStudyRegistry
    function roundTerms(uint256 studyId, uint32 round) public view returns (RoundTerms memory terms) {
        Study storage record = _known(studyId);
        Plan storage plan = record.plan;
        IKeyCeremony.Batch memory batch = CEREMONY.batchOf(studyId, round);
        terms.startedAt = batch.startedAt;
        terms.firstRound = batch.firstRound;
        terms.lastRound = batch.lastRound;
        terms.participants = batch.participants;
        terms.batch = batch.number;
        terms.threshold = plan.threshold;
        terms.minimum = plan.minimum;
        terms.unopenedRounds = plan.unopenedRounds;
        terms.padsOnly = plan.padsOnly;
        terms.rounds = record.rounds;
        terms.plannedRounds = plan.rounds;
        terms.submitLength = plan.submitLength;
        terms.attestLength = plan.attestLength;
        terms.openLength = plan.openLength;
        terms.patience = plan.patience;
        terms.recovery = plan.recovery;
    }

    function _isBarred(uint256 studyId, uint8 index) internal view override returns (bool) {
        return _studies[studyId].left.has(index) || CEREMONY.isOut(studyId, index);
    }

    function _known(uint256 studyId) internal view returns (Study storage record) {
        record = _studies[studyId];
        // No plan is without a threshold, which rounds read in any case.
        if (record.plan.threshold == 0) revert StudyRegistryUnknownStudy(studyId);
    }

    /// @dev Who enrolled and did not leave before the study began.
    function _present(Study storage record) internal view returns (uint64) {
        return record.enrolled.firstOf() & ~record.left;
    }

    /// @dev The state of a study whose first ceremony was completed.
    function _startedState(uint256 studyId, uint32 lastRound) private view returns (StudyState) {
        (uint32 closed,, IRoundManager.Outcome outcome) = ROUNDS.progress(studyId);
        if (outcome == IRoundManager.Outcome.Completed) return StudyState.Completed;
        if (outcome == IRoundManager.Outcome.Cancelled) return StudyState.Cancelled;
        if (closed < lastRound) return StudyState.Running;
        return CEREMONY.canGoOn(studyId) ? StudyState.Ceremony : StudyState.Cancelled;
    }

    function _isFunded(uint256 studyId) private view returns (bool) {
        return REWARDS.funded(studyId) >= requiredFunding(studyId);
    }

    function _enrolmentIsOver(uint256 studyId, Study storage record) private view returns (bool) {
        return record.filledAt != 0 || block.timestamp >= enrolmentEnd(studyId);
    }

    function _areEnough(Study storage record) private view returns (bool) {
        return _present(record).count() >= PlanRules.needed(record.plan.minimum, record.plan.threshold);
    }
}
