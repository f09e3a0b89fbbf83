// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IKeyCeremony} from "../interfaces/IKeyCeremony.sol";
import {IRewardPool} from "../interfaces/IRewardPool.sol";
import {IRoundManager} from "../interfaces/IRoundManager.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {IStudyRegistry} from "../interfaces/IStudyRegistry.sol";
import {Actors} from "../libraries/Actors.sol";
import {Bitmaps} from "../libraries/Bitmaps.sol";
import {Tallies} from "../libraries/Tallies.sol";
import {Batches} from "./Batches.sol";

/// @title How a ceremony begins, how each of its steps ends, and how the ceremony does
abstract contract Steps is Batches {
    using Actors for IStudyRegistry;
    using Bitmaps for uint64;
    using Bitmaps for uint8;
    using Tallies for Tallies.Tally;

    enum Stage {
        None,
        GoingOn,
        Completed,
        Failed
    }

    /// @dev Three words. Fields mean what they do in `CeremonyState`.
    /// @param stage Failed: for good.
    /// @param threshold The plan's: asked for at each acknowledgement.
    /// @param agreed Acknowledgements that t made alike.
    /// @param guilty By the first of these.
    /// @param complainers Who complained of anything.
    struct Record {
        uint32 number;
        CeremonyStep step;
        Stage stage;
        uint8 threshold;
        uint8 agreed;
        uint40 openedAt;
        uint40 deadline;
        uint64 guilty;
        uint64 due;
        uint64 keyed;
        uint64 dealt;
        uint64 counted;
        uint64 satisfied;
        uint64 complainers;
        uint64 acknowledged;
    }

    /// @dev How a step ended.
    /// @param absent Who was expected and did not act.
    /// @param fined Who pays for it: who has not paid in this ceremony.
    /// @param left Who is still in; after Acknowledge, the participants.
    /// @param guilty Who lied, by what t acknowledged.
    struct End {
        uint64 absent;
        uint64 fined;
        uint64 left;
        uint64 guilty;
    }

    mapping(uint256 studyId => Record) internal _records;
    mapping(uint256 studyId => bytes32) internal _keysHashes;
    mapping(uint256 studyId => bytes32) internal _transcripts;
    mapping(uint256 studyId => bytes32) internal _salts;
    /// @dev What hospitals hold, and what they lack: who named what in the ceremony that goes on.
    mapping(uint256 studyId => Tallies.Tally) internal _holdings;
    mapping(uint256 studyId => Tallies.Tally) internal _lacking;
    /// @dev Who acknowledged a transcript, by `_pair`.
    mapping(bytes32 pair => uint64) internal _acknowledgements;

    /// @inheritdoc IKeyCeremony
    function moveOn(uint256 studyId) external {
        Record memory record = _begin(studyId);
        if (block.timestamp < record.deadline) {
            revert KeyCeremonyStepOpen(studyId, record.step, record.deadline);
        }
        uint64 fined = _endStep(studyId, record);
        if (STUDIES.actsForAny(studyId, msg.sender, fined)) return;
        REWARDS.credit(studyId, msg.sender, IRewardPool.Service.MoveOn);
    }

    /// @dev The ceremony that goes on; put on record, if it is due and nobody touched it before.
    function _begin(uint256 studyId) internal returns (Record memory record) {
        record = _current(studyId);
        if (record.stage != Stage.GoingOn) revert KeyCeremonyNoCeremony(studyId);
        if (_records[studyId].number == record.number) return record;
        _put(studyId, record);
        if (record.number == 1) _courses[studyId].members = record.due;
        _forget(studyId);
    }

    /// @dev Ends the step that is open and with it, where nothing is left to do or too few are, the ceremony.
    /// @return fined Who pays for having been silent.
    function _endStep(uint256 studyId, Record memory record) internal returns (uint64 fined) {
        IStudyRegistry.CeremonyTerms memory terms = STUDIES.ceremonyTerms(studyId);
        (uint32 ceremony, CeremonyStep step) = (record.number, record.step);
        uint32 batch = uint32(_courses[studyId].batches) + 1;
        End memory end = _end(studyId, record);
        emit StepOver(studyId, ceremony, step, end.absent, end.left);
        if (step == CeremonyStep.Acknowledge && record.agreed != 1) {
            bool none = record.agreed == 0;
            CeremonyFailure why = none ? CeremonyFailure.NoTranscript : CeremonyFailure.TwoTranscripts;
            record = _fail(studyId, record, why, terms);
        } else if (end.left.count() < terms.minimum) {
            record = _fail(studyId, record, CeremonyFailure.TooFew, terms);
        } else if (step == CeremonyStep.Acknowledge) {
            _complete(studyId, record, end, terms);
        } else {
            _next(studyId, record, end.left, terms);
        }
        _put(studyId, record);
        if (end.fined != 0) VAULT.fine(studyId, batch, end.fined);
        if (end.guilty != 0) {
            VAULT.slash(studyId, IStakeVault.Offence.FalseDealing, ceremony, end.guilty, end.left, address(0));
        }
        return end.fined;
    }

    function _put(uint256 studyId, Record memory record) internal {
        _records[studyId] = record;
    }

    /// @dev The ceremony that goes on or is due (which begins without a transaction), else the last one.
    function _current(uint256 studyId) internal view returns (Record memory record) {
        record = _records[studyId];
        if (record.stage == Stage.GoingOn || record.stage == Stage.Failed) return record;
        IStudyRegistry.CeremonyTerms memory terms = STUDIES.ceremonyTerms(studyId);
        (uint64 from, uint64 due) = (terms.dueFrom, terms.enrolled);
        if (record.stage == Stage.Completed) {
            (uint32 closed, uint64 closedAt, IRoundManager.Outcome outcome) = ROUNDS.progress(studyId);
            if (outcome != IRoundManager.Outcome.Open || closed < _newest(studyId).lastRound) return record;
            (from, due) = (closedAt, _nextDue(studyId, terms));
            if (due.count() < terms.minimum) return record;
        }
        if (from != 0) return _fresh(record.number + 1, uint40(from), due, terms);
    }

    function _ceremonyNumber(uint256 studyId) internal view override returns (uint32) {
        return _records[studyId].number;
    }

    /// @dev Key of those who acknowledged a transcript.
    function _pair(uint256 studyId, uint32 ceremony, bytes32 digest, uint64 guilty) internal pure returns (bytes32) {
        return keccak256(abi.encode(studyId, ceremony, digest, guilty));
    }

    /// @dev Opens the step after the one that ended. Complain is for who found something amiss: with all that are left
    /// satisfied it is passed over.
    function _next(
        uint256 studyId,
        Record memory record,
        uint64 left,
        IStudyRegistry.CeremonyTerms memory terms
    ) private {
        bool skips = record.step == CeremonyStep.Hold && left & ~record.satisfied == 0;
        if (record.step == CeremonyStep.Key) _courses[studyId].mixed = true;
        if (record.step >= CeremonyStep.Hold) record.counted = left;
        record.step = skips ? CeremonyStep.Acknowledge : CeremonyStep(uint8(record.step) + 1);
        record.openedAt = uint40(block.timestamp);
        record.deadline = record.openedAt + terms.stepLength;
    }

    function _complete(
        uint256 studyId,
        Record memory record,
        End memory end,
        IStudyRegistry.CeremonyTerms memory terms
    ) private {
        record.stage = Stage.Completed;
        _open(studyId, record.number, end.left, record.keyed, terms);
        emit CeremonyCompleted(
            studyId, record.number, _transcripts[studyId], end.left, end.guilty, end.absent
        );
    }

    /// @dev Starts anew, with everybody who may be asked, until so many ceremonies in a row failed that the study ends.
    function _fail(
        uint256 studyId,
        Record memory record,
        CeremonyFailure why,
        IStudyRegistry.CeremonyTerms memory terms
    ) private returns (Record memory) {
        Course storage course = _courses[studyId];
        uint64 due = ++course.failures < terms.unopenedRounds ? _nextDue(studyId, terms) : 0;
        // The vault excludes the guilty in a moment.
        if (record.agreed == 1) due &= ~record.guilty;
        if (due.count() < terms.minimum) due = 0;
        emit CeremonyFailed(studyId, record.number, record.step, why, due);
        if (due == 0) {
            record.stage = Stage.Failed;
            return record;
        }
        if (!course.mixed) delete _salts[studyId];
        _forget(studyId);
        return _fresh(record.number + 1, uint40(block.timestamp), due, terms);
    }

    /// @dev What a ceremony keeps beside its record.
    function _forget(uint256 studyId) private {
        delete _keysHashes[studyId];
        _holdings[studyId].clear();
        _lacking[studyId].clear();
    }

    function _end(uint256 studyId, Record memory record) private view returns (End memory end) {
        if (record.step == CeremonyStep.Acknowledge) return _verdict(studyId, record);
        if (record.step == CeremonyStep.Key) {
            (end.absent, end.left) = (record.due & ~record.keyed, record.keyed);
        } else if (record.step == CeremonyStep.Deal) {
            (end.absent, end.left) = (record.keyed & ~record.dealt, record.dealt);
        } else if (record.step == CeremonyStep.Hold) {
            Tallies.Tally storage holdings = _holdings[studyId];
            uint64 held = holdings.voters();
            (end.absent, end.left) = (record.dealt & ~held, held & holdings.atLeast(record.threshold));
        } else {
            // Whose dealing counts stays in, though it be silent: or a dealer would escape judgement by silence.
            end.absent = record.counted & ~_spoke(studyId, record);
            end.left = record.counted & ~_lacking[studyId].atLeast(record.threshold);
        }
        end.fined = end.absent;
    }

    /// @dev Two transcripts that t acknowledged each are not for want of anybody: there are two chains, and nobody
    /// pays.
    function _verdict(uint256 studyId, Record memory record) private view returns (End memory end) {
        if (record.agreed > 1) return end;
        end.absent = record.counted & ~record.acknowledged;
        // Who was silent in Complain has paid.
        end.fined = end.absent & _spoke(studyId, record);
        if (record.agreed == 0) return end;
        end.guilty = record.guilty;
        bytes32 pair = _pair(studyId, record.number, _transcripts[studyId], record.guilty);
        end.left = _acknowledgements[pair] & record.counted & ~record.guilty;
    }

    function _spoke(uint256 studyId, Record memory record) private view returns (uint64) {
        return record.satisfied | record.complainers | _lacking[studyId].voters();
    }

    function _fresh(uint32 number, uint40 from, uint64 due, IStudyRegistry.CeremonyTerms memory terms)
        private
        pure
        returns (Record memory record)
    {
        record.number = number;
        record.stage = Stage.GoingOn;
        record.threshold = terms.threshold;
        (record.openedAt, record.deadline, record.due) = (from, from + terms.stepLength, due);
    }
}
