// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IHospitalRegistry} from "./interfaces/IHospitalRegistry.sol";
import {IStudyRegistry} from "./interfaces/IStudyRegistry.sol";
import {Bitmaps} from "./libraries/Bitmaps.sol";
import {FIELD_ORDER} from "./libraries/FieldOrder.sol";
import {PlanChecker} from "./studies/PlanChecker.sol";
import {PlanRules} from "./studies/PlanRules.sol";
import {Terms} from "./studies/Terms.sol";

/// @title Studies: plan, funding, enrolment
contract StudyRegistry is Terms {
    using Bitmaps for uint64;
    using Bitmaps for uint8;

    PlanChecker private immutable _CHECKER = new PlanChecker();

    /// @inheritdoc IStudyRegistry
    bool public paused;
    /// @inheritdoc IStudyRegistry
    uint256 public studyCount;

    /// @dev Bitmap of indices.
    mapping(uint256 studyId => mapping(uint32 hospitalId => uint64)) private _approvals;

    /// @param wiring May name addresses that are deployed later.
    constructor(Wiring memory wiring) Terms(wiring) {}

    /// @inheritdoc IStudyRegistry
    function setPaused(bool paused_) external {
        if (!HOSPITALS.isCouncil(msg.sender)) revert StudyRegistryNotCouncil(msg.sender);
        paused = paused_;
        emit IntakePaused(paused_);
    }

    /// @inheritdoc IStudyRegistry
    function publish(Plan calldata plan) external returns (uint256 studyId) {
        if (paused) revert StudyRegistryPaused();
        uint256 leastLength = uint256(plan.confirmations) * BLOCK_TIME + PHASE_MARGIN;
        PlanChecker.Proving memory proving = _CHECKER.check(plan, CATALOGUE, leastLength);

        studyId = ++studyCount;
        Study storage record = _studies[studyId];
        record.sponsor = msg.sender;
        record.publishedAt = uint64(block.timestamp);
        record.rounds = PlanRules.affordableRounds(plan);
        record.plan = plan;
        _proving[studyId] = proving;
        emit StudyPublished(studyId, msg.sender, plan.documentDigest, plan.documentSize, proving.planRoot);
    }

    /// @inheritdoc IStudyRegistry
    function enrol(
        uint256 studyId,
        uint256 dataRoot,
        uint32 rows,
        bytes32 payoutCommitment,
        bytes32 salted
    ) external {
        _requireProvable(studyId, dataRoot, rows);
        _enrol(studyId, rows, Member(msg.sender, dataRoot, payoutCommitment, salted));
    }

    /// @inheritdoc IStudyRegistry
    function enrolFor(uint256 studyId, address operator, bytes32 payoutCommitment, bytes32 salted)
        external
        returns (uint32 hospitalId)
    {
        _requireBlocks();
        return _enrol(studyId, 0, Member(operator, 0, payoutCommitment, salted));
    }

    /// @inheritdoc IStudyRegistry
    function approveNewcomer(uint256 studyId, uint32 hospitalId) external {
        if (!_known(studyId).plan.approvedJoining) revert StudyRegistryJoiningClosed(studyId);
        _requireState(studyId, StudyState.Running);
        if (_isMember(studyId, hospitalId)) revert StudyRegistryAlreadyEnrolled(studyId, hospitalId);
        (uint32 by, uint8 index) = _memberOf(studyId, msg.sender);
        if (!_batch(studyId).has(index)) revert StudyRegistryNotParticipant(studyId, by);
        uint64 given = _approvals[studyId][hospitalId];
        if (given.has(index)) revert StudyRegistryAlreadyApproved(studyId, hospitalId, by);
        _approvals[studyId][hospitalId] = given | index.single();
        emit NewcomerApproved(studyId, hospitalId, by);
    }

    /// @inheritdoc IStudyRegistry
    function nameData(uint256 studyId, uint8 index, uint256 dataRoot, uint32 rows) external {
        _requireBlocks();
        _requireProvable(studyId, dataRoot, rows);
        _setData(studyId, index, dataRoot, rows);
    }

    /// @inheritdoc IStudyRegistry
    function leaveStudy(uint256 studyId, uint32 hospitalId) external {
        uint8 index = _requireOwner(studyId, hospitalId);
        StudyState state = studyState(studyId);
        if (state == StudyState.Running) return CEREMONY.leave(studyId, hospitalId, index);
        if (state != StudyState.Enrolling) revert StudyRegistryWrongState(studyId, state);
        Study storage record = _studies[studyId];
        if (record.left.has(index)) revert StudyRegistryAlreadyLeft(studyId, hospitalId);
        record.left |= index.single();
        emit EnrolmentWithdrawn(studyId, hospitalId);
        VAULT.release(studyId, hospitalId);
    }

    /// @inheritdoc IStudyRegistry
    function adoptOperator(uint256 studyId, uint32 hospitalId) external {
        uint8 index = _requireOwner(studyId, hospitalId);
        address operator = HOSPITALS.operatorOf(hospitalId);
        _replaceOperator(studyId, index, operator);
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
    function approvals(uint256 studyId, uint32 hospitalId) public view returns (uint64 by, uint8 needed) {
        uint64 participants = _batch(studyId);
        by = _approvals[studyId][hospitalId] & participants;
        // So many that honest ones are among them, and that those who did not approve are fewer than t.
        uint8 threshold = _known(studyId).plan.threshold;
        uint8 most = participants.count() + 1 - threshold;
        needed = most > threshold ? most : threshold;
    }

    /// @dev Gives a hospital its place; `rows` is 0 until its data are named, where a block is to be drawn.
    function _enrol(uint256 studyId, uint32 rows, Member memory member) private returns (uint32 hospitalId) {
        if (paused) revert StudyRegistryPaused();
        if (member.saltCommitment == bytes32(0)) revert StudyRegistrySaltMissing();
        StudyState state = studyState(studyId);
        if (state != StudyState.Running) _requireState(studyId, StudyState.Enrolling);
        hospitalId = HOSPITALS.hospitalIdOfOperator(member.operator);
        if (hospitalId == 0) revert StudyRegistryNotOperator(member.operator);
        if (HOSPITALS.standingOf(hospitalId) != IHospitalRegistry.Standing.Admitted) {
            revert StudyRegistryNotAdmitted(hospitalId);
        }
        if (_isMember(studyId, hospitalId)) revert StudyRegistryAlreadyEnrolled(studyId, hospitalId);

        Study storage record = _studies[studyId];
        uint8 maximum = record.plan.maximum;
        if (state == StudyState.Running) _requireWelcome(studyId, hospitalId, maximum);
        // Indices of those who left are not given again.
        uint8 index = record.enrolled;
        if (index == PlanRules.MOST_HOSPITALS) revert StudyRegistryFull(studyId, maximum);
        record.enrolled = index + 1;
        _addMember(studyId, index, hospitalId, rows, member);
        emit HospitalEnrolled(studyId, hospitalId, index, member.dataRoot, rows);
        if (state == StudyState.Running) {
            CEREMONY.join(studyId, index);
        } else if (_present(record).count() == maximum) {
            record.filledAt = uint64(block.timestamp);
        }
        VAULT.lock(studyId, hospitalId, record.plan.bond);
    }

    /// @dev That a running study takes a newcomer, and this one.
    function _requireWelcome(uint256 studyId, uint32 hospitalId, uint8 maximum) private view {
        if (!_studies[studyId].plan.approvedJoining) revert StudyRegistryJoiningClosed(studyId);
        (uint64 by, uint8 needed) = approvals(studyId, hospitalId);
        if (by.count() < needed) revert StudyRegistryNotApproved(studyId, hospitalId, by.count(), needed);
        if (CEREMONY.nextDue(studyId).count() >= maximum) revert StudyRegistryFull(studyId, maximum);
    }

    /// @dev Participants of the newest batch.
    function _batch(uint256 studyId) private view returns (uint64) {
        (, uint32 lastRound) = CEREMONY.batches(studyId);
        return CEREMONY.batchOf(studyId, lastRound).participants;
    }

    function _requireOwner(uint256 studyId, uint32 hospitalId) private view returns (uint8 index) {
        if (msg.sender != HOSPITALS.ownerOf(hospitalId)) revert StudyRegistryNotOwner(hospitalId, msg.sender);
        return _indexOf(studyId, hospitalId);
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

    function _requireState(uint256 studyId, StudyState wanted) private view {
        StudyState state = studyState(studyId);
        if (state != wanted) revert StudyRegistryWrongState(studyId, state);
    }

    function _requireEnded(uint256 studyId) private view returns (StudyState state) {
        state = studyState(studyId);
        if (state != StudyState.Completed && state != StudyState.Cancelled) {
            revert StudyRegistryWrongState(studyId, state);
        }
    }
}
