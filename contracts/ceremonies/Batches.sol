// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IKeyCeremony} from "../interfaces/IKeyCeremony.sol";
import {IRewardPool} from "../interfaces/IRewardPool.sol";
import {IRoundManager} from "../interfaces/IRoundManager.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {IStudyRegistry} from "../interfaces/IStudyRegistry.sol";
import {Bitmaps} from "../libraries/Bitmaps.sol";
import {MOST_FAILED_CKKS_OPENINGS} from "../libraries/FailedOpenings.sol";

/// @title Which ceremony made which rounds' keys, and who may take part in the next one
abstract contract Batches is IKeyCeremony {
    using Bitmaps for uint64;
    using Bitmaps for uint8;

    /// @dev `Batch` in one word. A study has at most 65,535 rounds, and a batch has one at least.
    struct Stretch {
        uint32 ceremony;
        uint16 firstRound;
        uint16 lastRound;
        uint16 number;
        uint40 startedAt;
        uint64 participants;
        uint64 dealt;
        bool withCkks;
    }

    /// @param batches Completed.
    /// @param failures Ceremonies that failed since.
    /// @param mixed The salts' mix is fixed.
    /// @param sitting Ceremony that `sittingOut` sit out.
    /// @param members Who ever had a place: enrolled when the first ceremony began, or joined.
    /// @param leaving Who left a running study.
    struct Course {
        uint16 batches;
        uint8 failures;
        bool mixed;
        uint32 sitting;
        uint64 sittingOut;
        uint64 members;
        uint64 leaving;
    }

    /// @notice What a ceremony asked for too soon costs: the fine for absence so many times, once for each step.
    uint256 public constant REQUEST_FINES = 5;
    /// @notice Knows plans and who acts for whom.
    IStudyRegistry public immutable STUDIES;
    /// @notice Knows which rounds are over.
    IRoundManager public immutable ROUNDS;
    /// @notice Holds the bonds.
    IStakeVault public immutable VAULT;
    /// @notice Pays whoever moves a ceremony on.
    IRewardPool public immutable REWARDS;

    mapping(uint256 studyId => Course) internal _courses;
    /// @dev By number from 1; `Course.batches` counts them.
    mapping(uint256 studyId => mapping(uint256 number => Stretch)) private _stretches;
    /// @dev Round in which a hospital last asked for a ceremony free of charge.
    mapping(uint256 studyId => mapping(uint8 index => uint32)) private _freeRequests;

    /// @param studies May be an address that is deployed later, as all others.
    constructor(IStudyRegistry studies, IRoundManager rounds, IStakeVault vault, IRewardPool rewards) {
        STUDIES = studies;
        ROUNDS = rounds;
        VAULT = vault;
        REWARDS = rewards;
    }

    modifier onlyStudyRegistry() {
        if (msg.sender != address(STUDIES)) revert KeyCeremonyNotStudyRegistry(msg.sender);
        _;
    }

    /// @inheritdoc IKeyCeremony
    function requestCeremony(uint256 studyId) external {
        (uint32 hospitalId, uint8 index) = STUDIES.actorOf(studyId, msg.sender);
        (Stretch storage newest, uint16 current) = _running(studyId);
        uint64 participants = newest.participants;
        if (!participants.has(index)) revert KeyCeremonyNotInBatch(studyId, hospitalId);
        if (newest.lastRound == current) revert KeyCeremonyBatchEnding(studyId, current);
        newest.lastRound = current;

        IStudyRegistry.CeremonyTerms memory terms = STUDIES.ceremonyTerms(studyId);
        uint32 free = _freeRequests[studyId][index];
        bool soon = free != 0 && current < free + terms.batchRounds;
        uint256 charged = soon ? REQUEST_FINES * terms.absenceFine : 0;
        if (!soon) _freeRequests[studyId][index] = current;
        emit CeremonyRequested(studyId, hospitalId, current, charged);
        if (charged != 0) VAULT.charge(studyId, index, participants & ~index.single(), charged);
    }

    /// @inheritdoc IKeyCeremony
    function join(uint256 studyId, uint8 index) external onlyStudyRegistry {
        (Stretch storage newest, uint16 current) = _running(studyId);
        if (current == STUDIES.ceremonyTerms(studyId).rounds) revert KeyCeremonyNoRoundLeft(studyId);
        _courses[studyId].members |= index.single();
        newest.lastRound = current;
    }

    /// @inheritdoc IKeyCeremony
    function leave(uint256 studyId, uint32 hospitalId, uint8 index) external onlyStudyRegistry {
        (Stretch storage newest, uint16 current) = _running(studyId);
        uint64 leaving = _courses[studyId].leaving;
        if (leaving.has(index)) revert KeyCeremonyAlreadyLeaving(studyId, hospitalId);
        _courses[studyId].leaving = leaving | index.single();
        // Who has no place in the batch costs the others no ceremony by leaving.
        if (newest.participants.has(index)) newest.lastRound = current;
        emit HospitalLeft(studyId, hospitalId, current);
    }

    /// @inheritdoc IKeyCeremony
    function cutShort(uint256 studyId, uint32 round, uint64 missing) external {
        if (msg.sender != address(ROUNDS)) revert KeyCeremonyNotRoundManager(msg.sender);
        Course storage course = _courses[studyId];
        Stretch storage newest = _stretches[studyId][course.batches];
        newest.lastRound = uint16(round);
        (course.sitting, course.sittingOut) = (_ceremonyNumber(studyId) + 1, missing);
        emit BatchCutShort(studyId, round, missing);
    }

    /// @inheritdoc IKeyCeremony
    function batchOf(uint256 studyId, uint32 round) external view returns (Batch memory) {
        Stretch memory found = _stretchOf(studyId, round);
        return Batch(
            found.ceremony,
            found.firstRound,
            found.lastRound,
            found.startedAt,
            found.participants,
            found.dealt,
            found.withCkks,
            found.number
        );
    }

    /// @inheritdoc IKeyCeremony
    function batches(uint256 studyId) external view returns (uint32 count, uint32 lastRound) {
        count = _courses[studyId].batches;
        lastRound = _stretches[studyId][count].lastRound;
    }

    /// @inheritdoc IKeyCeremony
    function nextDue(uint256 studyId) external view returns (uint64) {
        return _nextDue(studyId, STUDIES.ceremonyTerms(studyId));
    }

    /// @dev Records the batch of a completed ceremony: its rounds begin with the one after the last that there were
    /// keys for.
    function _open(
        uint256 studyId,
        uint32 ceremony,
        uint64 participants,
        uint64 dealt,
        IStudyRegistry.CeremonyTerms memory terms
    ) internal {
        (uint32 firstRound, uint32 rounds) = _roundsAhead(studyId, terms);
        Course storage course = _courses[studyId];
        uint16 number = ++course.batches;
        course.failures = 0;
        _stretches[studyId][number] = Stretch(
            ceremony,
            uint16(firstRound),
            uint16(firstRound + rounds - 1),
            number,
            uint40(block.timestamp),
            participants,
            dealt,
            _opensByCkks(studyId, terms)
        );
    }

    /// @dev The rounds that the next batch is for.
    function _roundsAhead(uint256 studyId, IStudyRegistry.CeremonyTerms memory terms)
        internal
        view
        returns (uint32 firstRound, uint32 rounds)
    {
        firstRound = uint32(_newest(studyId).lastRound) + 1;
        rounds = terms.rounds - firstRound + 1;
        if (rounds > terms.batchRounds) rounds = terms.batchRounds;
    }

    /// @dev No round goes on while a ceremony does, so that this stays as it was when the ceremony began.
    function _opensByCkks(uint256 studyId, IStudyRegistry.CeremonyTerms memory terms) internal view returns (bool) {
        return !terms.padsOnly && ROUNDS.failedCkksOpenings(studyId) < MOST_FAILED_CKKS_OPENINGS;
    }

    /// @dev The batch that was completed last; an empty one before the first.
    function _newest(uint256 studyId) internal view returns (Stretch storage) {
        return _stretches[studyId][_courses[studyId].batches];
    }

    /// @dev Everybody with a place comes back to each ceremony, but who left, lied, or sits this one out; nobody sits
    /// out where too few would be left.
    function _nextDue(uint256 studyId, IStudyRegistry.CeremonyTerms memory terms) internal view returns (uint64 due) {
        Course memory course = _courses[studyId];
        due = (course.members == 0 ? terms.enrolled : course.members) & ~course.leaving & ~VAULT.excluded(studyId);
        if (course.sitting != _ceremonyNumber(studyId) + 1) return due;
        uint64 rest = due & ~course.sittingOut;
        if (rest.count() >= terms.minimum) due = rest;
    }

    /// @dev Whether rounds go on for which there are keys, and which is the first that has not closed.
    function _roundsGoOn(uint256 studyId) internal view returns (bool going, uint16 current) {
        (uint32 closed,, IRoundManager.Outcome outcome) = ROUNDS.progress(studyId);
        going = outcome == IRoundManager.Outcome.Open && closed < _newest(studyId).lastRound;
        current = uint16(closed + 1);
    }

    /// @dev The newest batch and its round that is going on; reverts where there is none.
    function _running(uint256 studyId) private view returns (Stretch storage newest, uint16 current) {
        bool going;
        (going, current) = _roundsGoOn(studyId);
        if (!going) revert KeyCeremonyNotRunning(studyId);
        newest = _newest(studyId);
    }

    /// @dev The batch that has keys for a round; an empty one where none has.
    function _stretchOf(uint256 studyId, uint32 round) private view returns (Stretch storage) {
        uint256 low = 1;
        uint256 high = _courses[studyId].batches;
        Stretch storage newest = _stretches[studyId][high];
        if (round == 0 || round > newest.lastRound) return _stretches[studyId][0];
        // Almost always the newest is asked for.
        if (round >= newest.firstRound) return newest;
        while (low < high) {
            uint256 middle = (low + high) / 2;
            if (_stretches[studyId][middle].lastRound < round) low = middle + 1;
            else high = middle;
        }
        return _stretches[studyId][low];
    }

    /// @dev The ceremony that is going on, or was the last to.
    function _ceremonyNumber(uint256 studyId) internal view virtual returns (uint32);
}
