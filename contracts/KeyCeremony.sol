// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IKeyCeremony} from "./interfaces/IKeyCeremony.sol";
import {IRewardPool} from "./interfaces/IRewardPool.sol";
import {IRoundManager} from "./interfaces/IRoundManager.sol";
import {IStakeVault} from "./interfaces/IStakeVault.sol";
import {IStudyRegistry} from "./interfaces/IStudyRegistry.sol";
import {Batches} from "./ceremonies/Batches.sol";
import {Steps} from "./ceremonies/Steps.sol";
import {BabyJubJub} from "./libraries/BabyJubJub.sol";
import {Bitmaps} from "./libraries/Bitmaps.sol";
import {Tallies} from "./libraries/Tallies.sol";

/// @title Key ceremonies, and the batches of rounds that they make keys for
contract KeyCeremony is Steps {
    using Bitmaps for uint64;
    using Bitmaps for uint8;
    using Tallies for Tallies.Tally;

    /// @dev Whom a hospital complained of in a ceremony: bitmap of dealers.
    mapping(uint256 studyId => mapping(uint32 ceremony => mapping(uint8 index => uint64))) private _complaints;

    /// @param studies May be an address that is deployed later, as all others.
    constructor(IStudyRegistry studies, IRoundManager rounds, IStakeVault vault, IRewardPool rewards)
        Batches(studies, rounds, vault, rewards)
    {}

    /// @inheritdoc IKeyCeremony
    function postKeys(uint256 studyId, uint32 ceremony, uint256 px, uint256 py, bytes32 boxKey, bytes32 salt)
        external
    {
        if (!BabyJubJub.isOnCurve(px, py) || BabyJubJub.isOfSmallOrder(px, py)) {
            revert KeyCeremonyPadKeyInvalid(px, py);
        }
        if (boxKey == bytes32(0)) revert KeyCeremonyBoxKeyMissing();
        Record memory record = _begin(studyId);
        _requireOpen(studyId, record, ceremony, CeremonyStep.Key);
        (uint32 hospitalId, uint8 index) = _expected(studyId, record, record.due, record.keyed);
        if (!_courses[studyId].mixed) _mixIn(studyId, hospitalId, index, salt);
        _keysHashes[studyId] = keccak256(abi.encode(_keysHashes[studyId], index, px, py, boxKey));
        record.keyed |= index.single();
        emit KeysPosted(studyId, ceremony, hospitalId, index, px, py, boxKey);
        _keep(studyId, record, record.keyed == record.due);
    }

    /// @inheritdoc IKeyCeremony
    function postDealing(uint256 studyId, uint32 ceremony, bytes32 keysHash, bytes32 digest, uint64 size) external {
        Record memory record = _recordIn(studyId, ceremony, CeremonyStep.Deal);
        bytes32 recorded = _keysHashes[studyId];
        if (keysHash != recorded) revert KeyCeremonyOtherKeys(studyId, keysHash, recorded);
        if (digest == bytes32(0)) revert KeyCeremonyEmptyDigest();
        (uint32 hospitalId, uint8 index) = _expected(studyId, record, record.keyed, record.dealt);
        record.dealt |= index.single();
        emit DealingPosted(studyId, ceremony, hospitalId, index, digest, size);
        _keep(studyId, record, record.dealt == record.keyed);
    }

    /// @inheritdoc IKeyCeremony
    function postHolding(uint256 studyId, uint32 ceremony, uint64 bitmap, bool satisfied) external {
        Record memory record = _recordIn(studyId, ceremony, CeremonyStep.Hold);
        Tallies.Tally storage holdings = _holdings[studyId];
        (uint32 hospitalId, uint8 index) = _expected(studyId, record, record.dealt, holdings.voters());
        if (bitmap & ~record.dealt != 0) revert KeyCeremonyNotDealt(studyId, bitmap & ~record.dealt);
        if (satisfied) {
            if (bitmap != record.dealt) revert KeyCeremonyNotSatisfied(studyId, record.dealt & ~bitmap);
            record.satisfied |= index.single();
        }
        holdings.add(index, bitmap);
        emit HoldingPosted(studyId, ceremony, hospitalId, bitmap, satisfied);
        _keep(studyId, record, holdings.voters() == record.dealt);
    }

    /// @inheritdoc IKeyCeremony
    function nameLacking(uint256 studyId, uint32 ceremony, uint64 bitmap) external {
        if (bitmap == 0) revert KeyCeremonyNothingLacking(studyId);
        Record memory record = _recordIn(studyId, ceremony, CeremonyStep.Complain);
        Tallies.Tally storage lacking = _lacking[studyId];
        uint64 silent = record.counted & ~record.satisfied;
        (uint32 hospitalId, uint8 index) = _expected(studyId, record, silent, lacking.voters());
        uint64 middle = _middle(record);
        if (block.timestamp >= middle) revert KeyCeremonyTooLateToLack(studyId, middle);
        uint64 without = bitmap & ~record.counted;
        if (without != 0) revert KeyCeremonyNotCounted(studyId, without);
        lacking.add(index, bitmap);
        emit LackingNamed(studyId, ceremony, hospitalId, bitmap);
    }

    /// @inheritdoc IKeyCeremony
    function complain(
        uint256 studyId,
        uint32 ceremony,
        uint8 dealer,
        uint32 round,
        uint256 dx,
        uint256 dy,
        uint256 challenge,
        uint256 response
    ) external {
        uint32 hospitalId = _complain(studyId, ceremony, dealer, round);
        emit Complained(studyId, ceremony, hospitalId, dealer, round, dx, dy, challenge, response);
    }

    /// @inheritdoc IKeyCeremony
    function beSatisfied(uint256 studyId, uint32 ceremony) external {
        Record memory record = _recordIn(studyId, ceremony, CeremonyStep.Complain);
        (uint32 hospitalId, uint8 index) = _expected(studyId, record, record.counted, record.satisfied);
        record.satisfied |= index.single();
        emit SatisfactionDeclared(studyId, ceremony, hospitalId);
        _keep(studyId, record, record.counted & ~record.satisfied == 0);
    }

    /// @inheritdoc IKeyCeremony
    function acknowledge(uint256 studyId, uint32 ceremony, bytes32 digest, uint64 guilty) external {
        Record memory record = _recordIn(studyId, ceremony, CeremonyStep.Acknowledge);
        if (digest == bytes32(0)) revert KeyCeremonyEmptyDigest();
        if (guilty & ~record.dealt != 0) revert KeyCeremonyNotDealt(studyId, guilty & ~record.dealt);
        (uint32 hospitalId, uint8 index) = _expected(studyId, record, record.counted, record.acknowledged);
        record.acknowledged |= index.single();
        bytes32 pair = _pair(studyId, ceremony, digest, guilty);
        uint64 alike = _acknowledgements[pair] | index.single();
        _acknowledgements[pair] = alike;
        if (alike.count() == record.threshold && ++record.agreed == 1) {
            (_transcripts[studyId], record.guilty) = (digest, guilty);
        }
        emit TranscriptAcknowledged(studyId, ceremony, hospitalId, digest, guilty);
        _keep(studyId, record, record.acknowledged == record.counted);
    }

    /// @inheritdoc IKeyCeremony
    function ceremonyState(uint256 studyId) external view returns (CeremonyState memory state) {
        Record memory record = _current(studyId);
        if (record.number == 0) return state;
        state.number = record.number;
        state.step = record.step;
        state.deadline = record.deadline;
        state.stepOpenedAt = record.openedAt;
        (state.due, state.keyed, state.dealt, state.counted) =
            (record.due, record.keyed, record.dealt, record.counted);
        (state.satisfied, state.acknowledged) = (record.satisfied, record.acknowledged);
        if (record.keyed != 0) state.keysHash = _keysHashes[studyId];
        if (record.dealt != 0) state.held = _holdings[studyId].voters();
        if (record.stage == Stage.Completed) {
            Stretch memory newest = _newest(studyId);
            state.completed = true;
            (state.participants, state.guilty) = (newest.participants, record.guilty);
            state.transcriptDigest = _transcripts[studyId];
            state.withCkks = newest.withCkks;
            (state.firstRound, state.rounds) = (newest.firstRound, newest.lastRound - newest.firstRound + 1);
        } else {
            IStudyRegistry.CeremonyTerms memory terms = STUDIES.ceremonyTerms(studyId);
            state.withCkks = _opensByCkks(studyId, terms);
            (state.firstRound, state.rounds) = _roundsAhead(studyId, terms);
        }
    }

    /// @inheritdoc IKeyCeremony
    function canGoOn(uint256 studyId) external view returns (bool) {
        Stage stage = _records[studyId].stage;
        if (stage != Stage.Completed) return stage != Stage.Failed;
        IStudyRegistry.CeremonyTerms memory terms = STUDIES.ceremonyTerms(studyId);
        return _nextDue(studyId, terms).count() >= terms.minimum;
    }

    /// @inheritdoc IKeyCeremony
    function isOut(uint256 studyId, uint8 index) external view returns (bool) {
        if (!(_courses[studyId].leaving | VAULT.excluded(studyId)).has(index)) return false;
        Record storage record = _records[studyId];
        if (record.stage == Stage.GoingOn) return !record.due.has(index);
        (bool going,) = _roundsGoOn(studyId);
        return !going || !_newest(studyId).participants.has(index);
    }

    /// @inheritdoc IKeyCeremony
    function saltMix(uint256 studyId) external view returns (bytes32) {
        return _courses[studyId].mixed ? _salts[studyId] : bytes32(0);
    }

    /// @dev Records that the caller's hospital complains of a dealer.
    function _complain(uint256 studyId, uint32 ceremony, uint8 dealer, uint32 round)
        private
        returns (uint32 hospitalId)
    {
        Record memory record = _recordIn(studyId, ceremony, CeremonyStep.Complain);
        uint8 index;
        (hospitalId, index) = _expected(studyId, record, record.counted, record.satisfied);
        if (!record.counted.has(dealer)) revert KeyCeremonyNotCounted(studyId, dealer.single());
        (uint32 first, uint32 rounds) = _roundsAhead(studyId, STUDIES.ceremonyTerms(studyId));
        if (round < first || round - first >= rounds) revert KeyCeremonyRoundOutOfRange(studyId, round);
        uint64 complaints = _complaints[studyId][ceremony][index];
        if (complaints.has(dealer)) revert KeyCeremonyAlreadyComplained(studyId, hospitalId, dealer);
        _complaints[studyId][ceremony][index] = complaints | dealer.single();
        _records[studyId].complainers |= index.single();
    }

    /// @dev A hospital reveals what it committed to when it enrolled: nobody knew then which mix it would make.
    function _mixIn(uint256 studyId, uint32 hospitalId, uint8 index, bytes32 salt) private {
        if (keccak256(abi.encode(salt)) != STUDIES.saltCommitment(studyId, index)) {
            revert KeyCeremonyWrongSalt(studyId, hospitalId);
        }
        _salts[studyId] ^= keccak256(abi.encode(index, salt));
    }

    /// @dev Writes back what a hospital's act changed, and ends the step once everybody acted.
    function _keep(uint256 studyId, Record memory record, bool over) private {
        if (over) _endStep(studyId, record);
        else _put(studyId, record);
    }

    /// @dev The ceremony that goes on, if it is in the step that a call needs.
    function _recordIn(uint256 studyId, uint32 ceremony, CeremonyStep step)
        private
        view
        returns (Record memory record)
    {
        record = _current(studyId);
        if (record.stage != Stage.GoingOn) revert KeyCeremonyNoCeremony(studyId);
        _requireOpen(studyId, record, ceremony, step);
    }

    function _requireOpen(uint256 studyId, Record memory record, uint32 ceremony, CeremonyStep step) private view {
        if (ceremony != record.number) revert KeyCeremonyWrongCeremony(studyId, ceremony, record.number);
        if (step != record.step) revert KeyCeremonyWrongStep(studyId, record.step, step);
        if (block.timestamp >= record.deadline) revert KeyCeremonyStepOver(studyId, step, record.deadline);
    }

    /// @dev The hospital that the caller acts for, if it is to act and has not.
    function _expected(uint256 studyId, Record memory record, uint64 expected, uint64 acted)
        private
        view
        returns (uint32 hospitalId, uint8 index)
    {
        (hospitalId, index) = STUDIES.memberOf(studyId, msg.sender);
        if (acted.has(index)) revert KeyCeremonyAlreadyPosted(studyId, record.step, hospitalId);
        if (!expected.has(index)) revert KeyCeremonyNotExpected(studyId, record.step, hospitalId);
    }

    function _middle(Record memory record) private pure returns (uint64) {
        return (uint64(record.openedAt) + record.deadline) / 2;
    }
}
