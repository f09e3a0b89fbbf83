// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IRoundManager} from "../interfaces/IRoundManager.sol";
import {IStudyRegistry} from "../interfaces/IStudyRegistry.sol";
import {Bitmaps} from "../libraries/Bitmaps.sol";
import {Members} from "./Members.sol";
import {PlanRules} from "./PlanRules.sol";

/// @title Which ceremony made which rounds' keys, and who takes part in the next one
abstract contract Batches is Members {
    using Bitmaps for uint64;
    using Bitmaps for uint8;

    /// @param lastRound Moved forward to the round that is going on when the batch ends early.
    /// @param startedAt Time the ceremony was completed and `firstRound` began.
    /// @param enrolled Hospitals enrolled then: who joins later must not shift a quorum's order.
    struct Batch {
        uint32 ceremony;
        uint32 firstRound;
        uint32 lastRound;
        uint64 startedAt;
        uint64 participants;
        uint8 enrolled;
    }

    /// @param joining Indices that take part from ceremony `ceremony` on; void once that was begun.
    /// @param leaving Indices that take part in no further ceremony.
    struct Changes {
        uint64 joining;
        uint64 leaving;
        uint32 ceremony;
    }

    /// @dev By number from 1; `Study.batches` counts them.
    mapping(uint256 studyId => mapping(uint256 number => Batch)) private _batches;
    mapping(uint256 studyId => Changes) private _changes;

    /// @inheritdoc IStudyRegistry
    function requestCeremony(uint256 studyId) external {
        (uint32 hospitalId,, uint32 current, bool early) = _endBatch(studyId);
        if (!early) revert StudyRegistryBatchEnding(studyId, current);
        emit CeremonyRequested(studyId, hospitalId, current);
    }

    /// @inheritdoc IStudyRegistry
    function leaveStudy(uint256 studyId) external {
        (uint32 hospitalId, uint8 index, uint32 current,) = _endBatch(studyId);
        uint64 leaving = _changes[studyId].leaving;
        if (leaving.has(index)) revert StudyRegistryAlreadyLeaving(studyId, hospitalId);
        _changes[studyId].leaving = leaving | index.single();
        emit HospitalLeft(studyId, hospitalId, current);
    }

    /// @inheritdoc IStudyRegistry
    function ceremonyOf(uint256 studyId, uint32 round) external view returns (uint32 ceremony, uint64 participants) {
        Batch storage batch = _batchOf(studyId, round);
        return (batch.ceremony, batch.participants);
    }

    /// @inheritdoc IStudyRegistry
    function studyState(uint256 studyId) public view virtual returns (StudyState);

    /// @dev Gives a hospital that enrolled while the study runs its place from the next ceremony on.
    function _join(uint256 studyId, uint8 index) internal {
        Study storage record = _studies[studyId];
        uint32 current = _roundGoingOn(studyId);
        if (current == record.rounds) revert StudyRegistryNoRoundLeft(studyId);
        uint8 maximum = record.plan.maximum;
        if (_nextParticipants(studyId).count() >= maximum || index >= PlanRules.MOST_HOSPITALS) {
            revert StudyRegistryFull(studyId, maximum);
        }
        Batch storage batch = _lastBatch(studyId);
        Changes storage changes = _changes[studyId];
        changes.joining = _joining(studyId, batch.ceremony) | index.single();
        changes.ceremony = batch.ceremony + 1;
        batch.lastRound = current;
    }

    /// @dev The ceremony's rounds begin with the one after the last that there were keys for.
    function _ceremonyCompleted(uint256 studyId, uint32 ceremony, uint64 participants) internal override {
        Study storage record = _studies[studyId];
        (uint32 firstRound, uint32 rounds) = _roundsOf(studyId, ceremony);
        uint64 time = uint64(block.timestamp);
        uint32 number = ++record.batches;
        if (number == 1) record.startedAt = time;
        _batches[studyId][number] =
            Batch(ceremony, firstRound, firstRound + rounds - 1, time, participants, record.enrolled);
    }

    /// @dev The batch that has keys for a round; an empty one where none has.
    function _batchOf(uint256 studyId, uint32 round) internal view returns (Batch storage) {
        uint256 low = 1;
        uint256 high = _studies[studyId].batches;
        Batch storage newest = _batches[studyId][high];
        if (round == 0 || round > newest.lastRound) return _batches[studyId][0];
        // Almost always the newest is asked for.
        if (round >= newest.firstRound) return newest;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (_batches[studyId][middle].lastRound < round) low = middle + 1;
            else high = middle;
        }
        return _batches[studyId][low];
    }

    function _lastBatch(uint256 studyId) internal view returns (Batch storage) {
        return _batches[studyId][_studies[studyId].batches];
    }

    /// @dev Who takes part in the ceremony after the last completed one.
    function _nextParticipants(uint256 studyId) internal view returns (uint64) {
        Batch storage batch = _lastBatch(studyId);
        return (batch.participants & ~_changes[studyId].leaving) | _joining(studyId, batch.ceremony);
    }

    function _isBarred(uint256 studyId, uint8 index) internal view override returns (bool) {
        (uint32 number, uint64 participants) = _recorded(studyId);
        if (number == 0) return false;
        if (participants.has(index) && !_changes[studyId].leaving.has(index)) return false;
        return !_joining(studyId, number).has(index) && !_participants(studyId).has(index);
    }

    function _roundsOf(uint256 studyId, uint32 ceremony)
        internal
        view
        override
        returns (uint32 firstRound, uint32 rounds)
    {
        if (ceremony == 0) return (0, 0);
        Study storage record = _studies[studyId];
        Batch storage batch = _lastBatch(studyId);
        firstRound = batch.ceremony == ceremony ? batch.firstRound : batch.lastRound + 1;
        rounds = record.rounds - firstRound + 1;
        if (rounds > record.plan.batchRounds) rounds = record.plan.batchRounds;
    }

    function _requireState(uint256 studyId, StudyState wanted) internal view {
        StudyState state = studyState(studyId);
        if (state != wanted) revert StudyRegistryWrongState(studyId, state);
    }

    /// @dev Indices that enrolled while the study ran and wait for the ceremony after number `ceremony`.
    function _joining(uint256 studyId, uint32 ceremony) private view returns (uint64) {
        Changes storage changes = _changes[studyId];
        return changes.ceremony > ceremony ? changes.joining : 0;
    }

    /// @dev Ends the batch with the round that is going on, where the caller is a participant's operator or owner.
    /// @return hospitalId That hospital.
    /// @return index Its index.
    /// @return current That round.
    /// @return early Whether the batch had further rounds.
    function _endBatch(uint256 studyId)
        private
        returns (uint32 hospitalId, uint8 index, uint32 current, bool early)
    {
        _requireState(studyId, StudyState.Running);
        uint8 place;
        (place, hospitalId) = _placeOf(studyId, msg.sender);
        if (place == 0) hospitalId = _hospitalOwnedBy(msg.sender);
        index = _indexOf(studyId, hospitalId);
        Batch storage batch = _lastBatch(studyId);
        if (!batch.participants.has(index)) revert StudyRegistryNotInBatch(studyId, hospitalId);
        current = _roundGoingOn(studyId);
        early = batch.lastRound != current;
        batch.lastRound = current;
    }

    function _roundGoingOn(uint256 studyId) private view returns (uint32) {
        (uint32 closed,,) = _progress(studyId);
        return closed + 1;
    }

    /// @dev Rounds closed, when the last of them was, and how the study's rounds ended.
    function _progress(uint256 studyId)
        internal
        view
        virtual
        returns (uint32 closed, uint64 closedAt, IRoundManager.Outcome outcome);

    /// @dev The hospital that an address owns, or 0.
    function _hospitalOwnedBy(address owner) internal view virtual returns (uint32 hospitalId);
}
