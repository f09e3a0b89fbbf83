// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IBlockDraws} from "./interfaces/IBlockDraws.sol";
import {ICircuitCatalogue} from "./interfaces/ICircuitCatalogue.sol";
import {IHospitalRegistry} from "./interfaces/IHospitalRegistry.sol";
import {IRewardPool} from "./interfaces/IRewardPool.sol";
import {IRoundManager} from "./interfaces/IRoundManager.sol";
import {IStakeVault} from "./interfaces/IStakeVault.sol";
import {IStudyRegistry} from "./interfaces/IStudyRegistry.sol";
import {Bitmaps} from "./libraries/Bitmaps.sol";
import {FIELD_ORDER} from "./libraries/FieldOrder.sol";
import {Batches} from "./studies/Batches.sol";
import {PlanChecker} from "./studies/PlanChecker.sol";
import {PlanRules} from "./studies/PlanRules.sol";

/// @title Studies: plan, funding, enrolment, ceremony
contract StudyRegistry is Batches {
    using Bitmaps for uint64;
    using Bitmaps for uint8;

    /// @dev What a study's proofs are checked with, fixed when it is published.
    struct Proving {
        uint192 planRoot;
        uint32 capacity;
        address trainingVerifier;
        address aggregationVerifier;
    }

    /// @notice Part of the plan's bond, in 1/10000, that one offence costs.
    uint256 public constant SLASH_BPS = 2_500;
    /// @notice Knows operators, standings and the council.
    IHospitalRegistry public immutable HOSPITALS;
    /// @notice Knows the circuits that new studies may name.
    ICircuitCatalogue public immutable CATALOGUE;
    /// @notice Holds the bonds.
    IStakeVault public immutable VAULT;
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

    PlanChecker private immutable _CHECKER = new PlanChecker();

    /// @inheritdoc IStudyRegistry
    bool public paused;
    /// @inheritdoc IStudyRegistry
    uint256 public studyCount;

    mapping(uint256 studyId => Proving) private _proving;

    /// @param vault May be an address that is deployed later, as `rounds`, `rewards` and `blocks`.
    constructor(
        IHospitalRegistry hospitals,
        ICircuitCatalogue catalogue,
        IStakeVault vault,
        IRoundManager rounds,
        IRewardPool rewards,
        IBlockDraws blocks,
        uint32 blockTime,
        uint32 phaseMargin
    ) {
        HOSPITALS = hospitals;
        CATALOGUE = catalogue;
        VAULT = vault;
        ROUNDS = rounds;
        REWARDS = rewards;
        BLOCKS = blocks;
        BLOCK_TIME = blockTime;
        PHASE_MARGIN = phaseMargin;
    }

    /// @inheritdoc IStudyRegistry
    function setPaused(bool paused_) external {
        if (!HOSPITALS.isCouncil(msg.sender)) revert StudyRegistryNotCouncil(msg.sender);
        paused = paused_;
        emit IntakePaused(paused_);
    }

    /// @inheritdoc IStudyRegistry
    function publish(Plan calldata plan) external returns (uint256 studyId) {
        if (paused) revert StudyRegistryPaused();
        ICircuitCatalogue.Circuit memory training = CATALOGUE.listedCircuit(plan.trainingCircuit);
        ICircuitCatalogue.Circuit memory aggregation = CATALOGUE.listedCircuit(plan.aggregationCircuit);
        uint256 leastLength = uint256(plan.confirmations) * BLOCK_TIME + PHASE_MARGIN;
        uint192 root = _CHECKER.check(plan, leastLength, training, aggregation);

        studyId = ++studyCount;
        Study storage record = _studies[studyId];
        record.sponsor = msg.sender;
        record.publishedAt = uint64(block.timestamp);
        record.rounds = PlanRules.affordableRounds(plan);
        record.plan = plan;
        _proving[studyId] = Proving(root, training.capacity, training.verifier, aggregation.verifier);
        emit StudyPublished(studyId, msg.sender, plan.documentDigest, plan.documentSize, root);
    }

    /// @inheritdoc IStudyRegistry
    function enrol(uint256 studyId, uint256 dataRoot, uint32 rows, bytes32 payoutCommitment) external {
        _requireProvable(studyId, dataRoot, rows);
        _enrol(studyId, msg.sender, dataRoot, rows, payoutCommitment);
    }

    /// @inheritdoc IStudyRegistry
    function enrolFor(uint256 studyId, address operator, bytes32 payoutCommitment)
        external
        returns (uint32 hospitalId)
    {
        _requireBlocks();
        return _enrol(studyId, operator, 0, 0, payoutCommitment);
    }

    /// @inheritdoc IStudyRegistry
    function nameData(uint256 studyId, uint8 index, uint256 dataRoot, uint32 rows) external {
        _requireBlocks();
        _requireProvable(studyId, dataRoot, rows);
        _setData(studyId, index, dataRoot, rows);
    }

    /// @inheritdoc IStudyRegistry
    function adoptOperator(uint256 studyId, uint32 hospitalId) external {
        if (msg.sender != HOSPITALS.ownerOf(hospitalId)) revert StudyRegistryNotOwner(hospitalId, msg.sender);
        address operator = HOSPITALS.hospital(hospitalId).operator;
        _replaceOperator(studyId, _indexOf(studyId, hospitalId), operator);
        emit OperatorAdopted(studyId, hospitalId, operator);
    }

    /// @inheritdoc IStudyRegistry
    function releaseBond(uint256 studyId, uint32 hospitalId) external {
        if (!_isBarred(studyId, _indexOf(studyId, hospitalId))) _requireEnded(studyId);
        VAULT.release(studyId, hospitalId);
    }

    /// @inheritdoc IStudyRegistry
    function closeStudy(uint256 studyId) external {
        StudyState state = _requireEnded(studyId);
        if (_studies[studyId].closed) revert StudyRegistryAlreadyClosed(studyId);
        _studies[studyId].closed = true;
        emit StudyClosed(studyId, state);
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
    function participantTerms(uint256 studyId, uint32 round, address operator)
        external
        view
        returns (RoundTerms memory terms, uint32 hospitalId, uint8 index)
    {
        terms = roundTerms(studyId, round);
        (hospitalId, index) = _memberOf(studyId, operator);
    }

    /// @inheritdoc IStudyRegistry
    function trainingTerms(uint256 studyId, uint8 index)
        external
        view
        returns (address verifier, uint256 root, uint256 dataRoot, uint32 rows)
    {
        Proving storage proving = _proving[studyId];
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
    function privacyBudget(uint256 studyId) external view returns (uint64) {
        return _studies[studyId].plan.privacyBudget;
    }

    /// @inheritdoc IStudyRegistry
    function slice(uint256 studyId) external view returns (uint256) {
        return uint256(_studies[studyId].plan.bond) * SLASH_BPS / PlanRules.BASIS_POINTS;
    }

    /// @inheritdoc IStudyRegistry
    function rewardTerms(uint256 studyId)
        external
        view
        returns (uint256 rewardPerRound, uint256 verifiedShareBps)
    {
        Plan storage plan = _studies[studyId].plan;
        return (plan.rewardPerRound, plan.verifiedShareBps);
    }

    /// @inheritdoc IStudyRegistry
    function studyState(uint256 studyId) public view override returns (StudyState) {
        Study storage record = _studies[studyId];
        if (record.publishedAt == 0) return StudyState.None;
        if (record.batches != 0) return _startedState(studyId);
        bool isFunded = REWARDS.funded(studyId) >= requiredFunding(studyId);
        if (record.filledAt == 0 && block.timestamp < enrolmentEnd(studyId)) {
            return isFunded ? StudyState.Enrolling : StudyState.Published;
        }
        bool enough = record.enrolled >= _ceremonyNeeds(studyId);
        return isFunded && enough && !_ceremonyFailed(studyId) ? StudyState.Ceremony : StudyState.Cancelled;
    }

    /// @inheritdoc IStudyRegistry
    function requiredFunding(uint256 studyId) public view returns (uint256) {
        Plan storage plan = _studies[studyId].plan;
        return uint256(plan.rewardPerRound) * plan.rounds;
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
        Batch storage batch = _batchOf(studyId, round);
        terms.startedAt = batch.startedAt;
        terms.firstRound = batch.firstRound;
        terms.lastRound = batch.lastRound;
        terms.participants = batch.participants;
        terms.enrolled = batch.enrolled;
        terms.threshold = plan.threshold;
        terms.minimum = plan.minimum;
        terms.attempts = plan.attempts;
        terms.unopenedRounds = plan.unopenedRounds;
        terms.rounds = record.rounds;
        terms.plannedRounds = plan.rounds;
        terms.submitLength = plan.submitLength;
        terms.attestLength = plan.attestLength;
        terms.openLength = plan.openLength;
        if (round == 1) terms.initialRoot = plan.initialRoot;
    }

    function _hospitalOwnedBy(address owner) internal view override returns (uint32) {
        return HOSPITALS.hospitalIdOf(owner);
    }

    function _progress(uint256 studyId)
        internal
        view
        override
        returns (uint32 closed, uint64 closedAt, IRoundManager.Outcome outcome)
    {
        return ROUNDS.progress(studyId);
    }

    function _dueCeremony(uint256 studyId) internal view override returns (uint64 startedAt, uint64 participants) {
        if (studyState(studyId) != StudyState.Ceremony) return (0, 0);
        Study storage record = _studies[studyId];
        if (record.batches == 0) return (enrolmentEnd(studyId), record.enrolled.firstOf());
        (, startedAt,) = _progress(studyId);
        participants = _nextParticipants(studyId);
    }

    function _ceremonyStepLength(uint256 studyId) internal view override returns (uint32) {
        return _studies[studyId].plan.ceremonyStepLength;
    }

    function _ceremonyNeeds(uint256 studyId) internal view override returns (uint8) {
        Plan storage plan = _studies[studyId].plan;
        return PlanRules.needed(plan.minimum, plan.threshold);
    }

    function _slashDealings(uint256 studyId, uint32 ceremony, uint64 missing, uint64 dealt) internal override {
        VAULT.slash(studyId, IStakeVault.Offence.MissingDealing, ceremony, missing, dealt, address(0));
    }

    /// @dev Gives a hospital its place; `rows` is 0 until its data are named, where a block is to be drawn.
    function _enrol(uint256 studyId, address operator, uint256 dataRoot, uint32 rows, bytes32 payoutCommitment)
        private
        returns (uint32 hospitalId)
    {
        if (paused) revert StudyRegistryPaused();
        StudyState state = studyState(studyId);
        if (state != StudyState.Running) _requireState(studyId, StudyState.Enrolling);
        hospitalId = HOSPITALS.hospitalIdOfOperator(operator);
        if (hospitalId == 0) revert StudyRegistryNotOperator(operator);
        if (HOSPITALS.standingOf(hospitalId) != IHospitalRegistry.Standing.Admitted) {
            revert StudyRegistryNotAdmitted(hospitalId);
        }
        if (_isMember(studyId, hospitalId)) revert StudyRegistryAlreadyEnrolled(studyId, hospitalId);

        Study storage record = _studies[studyId];
        uint8 index = record.enrolled++;
        _addMember(studyId, index, hospitalId, rows, Member(operator, dataRoot, payoutCommitment));
        emit HospitalEnrolled(studyId, hospitalId, index, dataRoot, rows);
        if (state == StudyState.Running) {
            _join(studyId, index);
        } else if (record.enrolled == record.plan.maximum) {
            record.filledAt = uint64(block.timestamp);
        }
        VAULT.lock(studyId, hospitalId, record.plan.bond);
    }

    function _requireBlocks() private view {
        if (msg.sender != address(BLOCKS)) revert StudyRegistryNotBlockDraws(msg.sender);
    }

    /// @dev That the study's circuit can take these data.
    function _requireProvable(uint256 studyId, uint256 dataRoot, uint32 rows) private view {
        if (dataRoot >= FIELD_ORDER) revert StudyRegistryNotInField(dataRoot);
        uint32 capacity = _proving[studyId].capacity;
        if (rows == 0 || rows > capacity) revert StudyRegistryRowsOutOfRange(rows, capacity);
    }

    function _requireEnded(uint256 studyId) private view returns (StudyState state) {
        state = studyState(studyId);
        if (state != StudyState.Completed && state != StudyState.Cancelled) {
            revert StudyRegistryWrongState(studyId, state);
        }
    }

    function _known(uint256 studyId) private view returns (Study storage record) {
        record = _studies[studyId];
        // No plan is without a threshold, which rounds read in any case.
        if (record.plan.threshold == 0) revert StudyRegistryUnknownStudy(studyId);
    }

    /// @dev The state of a study whose first ceremony was completed.
    function _startedState(uint256 studyId) private view returns (StudyState) {
        (uint32 closed,, IRoundManager.Outcome outcome) = _progress(studyId);
        if (outcome == IRoundManager.Outcome.Completed) return StudyState.Completed;
        if (outcome == IRoundManager.Outcome.Cancelled) return StudyState.Cancelled;
        if (closed < _lastBatch(studyId).lastRound) return StudyState.Running;
        bool enough = _nextParticipants(studyId).count() >= _ceremonyNeeds(studyId);
        return enough && !_ceremonyFailed(studyId) ? StudyState.Ceremony : StudyState.Cancelled;
    }
}
