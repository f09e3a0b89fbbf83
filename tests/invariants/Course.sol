// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IKeyCeremony} from "../../contracts/interfaces/IKeyCeremony.sol";
import {IRoundManager} from "../../contracts/interfaces/IRoundManager.sol";
import {IStudyRegistry} from "../../contracts/interfaces/IStudyRegistry.sol";
import {Meddling} from "./Meddling.sol";
import {VM} from "./Vm.sol";

/// @title The course of studies: what comes next, what may never come again, how anybody ends one
abstract contract Course is Meddling {
    mapping(uint256 studyId => IStudyRegistry.StudyState) private _states;
    mapping(uint256 studyId => uint32) private _closed;
    mapping(uint256 studyId => mapping(uint32 round => IRoundManager.Phase)) private _phases;

    /// @dev A study, over or not; 0 where there is none.
    function _any(uint256 seed) internal view returns (uint256) {
        uint256 count = STUDIES.studyCount();
        return count == 0 ? 0 : 1 + _draw(seed, "study") % count;
    }

    /// @dev A study that goes on; 0 where none does.
    function _going(uint256 seed) internal view returns (uint256 studyId) {
        uint256 count = STUDIES.studyCount();
        studyId = _any(seed);
        for (uint256 i = 0; i < count; ++i) {
            if (!_isOver(studyId)) return studyId;
            studyId = studyId % count + 1;
        }
        return 0;
    }

    /// @dev The next things, up to six, that hospitals do in a study.
    function _play(uint256 seed) internal {
        uint256 studyId = _going(seed);
        if (studyId == 0) return _publish(seed);
        uint256 steps = 1 + seed % 6;
        for (; steps != 0 && !_isOver(studyId); --steps) {
            seed = _draw(seed, "step");
            _playOnce(studyId, seed);
        }
    }

    function _playOnce(uint256 studyId, uint256 seed) private {
        IStudyRegistry.StudyState state = STUDIES.studyState(studyId);
        if (state == IStudyRegistry.StudyState.Published) _fund(studyId, type(uint256).max, STRANGER);
        // Some start with places left.
        else if (state == IStudyRegistry.StudyState.Enrolling && seed % 16 == 0) VM.warp(STUDIES.enrolmentEnd(studyId));
        else if (state == IStudyRegistry.StudyState.Enrolling && seed % 4 == 1 && _ids[studyId].length != 0) {
            _sample(studyId, seed % _ids[studyId].length, seed);
        } else if (state == IStudyRegistry.StudyState.Enrolling) _enrol(studyId, seed);
        else if (state == IStudyRegistry.StudyState.Ceremony) _playCeremony(studyId, seed);
        else if (_draw(seed, "restless") % 24 == 0) _unsettle(studyId, seed);
        else if (_draw(seed, "evidence") % 5 == 0) _witness(studyId, seed);
        else _playRound(studyId, seed);
    }

    /// @dev Somebody shows two signatures, accuses, has absence recorded, or helps who lacks a model.
    function _witness(uint256 studyId, uint256 seed) internal {
        uint32 reached = ROUNDS.currentRound(studyId);
        if (reached == 0) return;
        uint32 round = uint32(reached - (_draw(seed, "round") % 4) % reached);
        uint256 what = _draw(seed, "witness") % 16;
        uint64 participants = STUDIES.roundTerms(studyId, round).participants;
        if (what < 3) _equivocate(studyId, round, seed);
        else if (what == 3) _recordAbsence(studyId, round);
        else if (what < 8 && _kept[studyId][round].finalised) _padShare(studyId, round, _member(participants, seed));
        else _accuse(studyId, round, participants, seed);
    }

    /// @dev The second at which what goes on in a study ends by itself; 0 where only a transaction ends it.
    function _end(uint256 studyId) internal view returns (uint256 end) {
        IStudyRegistry.StudyState state = STUDIES.studyState(studyId);
        if (state == IStudyRegistry.StudyState.Running) {
            (, end) = ROUNDS.phase(studyId, ROUNDS.currentRound(studyId));
        } else if (state == IStudyRegistry.StudyState.Ceremony) {
            end = KEYS.ceremonyState(studyId).deadline;
        } else {
            end = STUDIES.enrolmentEnd(studyId);
        }
    }

    /// @dev Moves a study on without any hospital: waits for the deadline, or records that it has passed.
    function _push(uint256 studyId) internal {
        uint256 end = _end(studyId);
        if (end > block.timestamp) return VM.warp(end);
        if (STUDIES.studyState(studyId) == IStudyRegistry.StudyState.Ceremony) {
            return _moveOn(studyId, KEYS.ceremonyState(studyId), STRANGER);
        }
        uint32 round = ROUNDS.currentRound(studyId);
        (IRoundManager.Phase phase,) = ROUNDS.phase(studyId, round);
        if (phase == IRoundManager.Phase.Include) _include(studyId, round, STRANGER);
        else _failRound(studyId, round, STRANGER);
    }

    /// @dev States and phases only go forward, rounds close one by one, plans stay as published.
    function _watch(uint256 studyId) internal {
        IStudyRegistry.StudyState state = STUDIES.studyState(studyId);
        IStudyRegistry.StudyState before = _states[studyId];
        // Between batches a study goes back to the next ceremony; nothing else repeats.
        bool renewed = before == IStudyRegistry.StudyState.Running && state == IStudyRegistry.StudyState.Ceremony;
        bool over = before >= IStudyRegistry.StudyState.Completed;
        require(over ? state == before : state >= before || renewed, "a study's state went back");
        _states[studyId] = state;
        require(keccak256(abi.encode(STUDIES.study(studyId).plan)) == _planDigests[studyId], "a plan changed");

        (uint32 closed,,) = ROUNDS.progress(studyId);
        require(closed == _closed[studyId] || closed == _closed[studyId] + 1, "rounds did not close one by one");
        _closed[studyId] = closed;
        for (uint32 round = closed == 0 ? 1 : closed; round <= closed + 1; ++round) {
            (IRoundManager.Phase phase,) = ROUNDS.phase(studyId, round);
            IRoundManager.Phase reached = _phases[studyId][round];
            bool ended = reached >= IRoundManager.Phase.Finalised;
            require(ended ? phase == reached : phase >= reached, "a round's phase went back");
            _phases[studyId][round] = phase;
        }
    }

    /// @dev What was submitted, included and finalised stays so.
    function _checkRounds(uint256 studyId) internal view {
        uint256 gone = _earnedByAll(studyId) + _spentOfBudget[studyId] + _refunded[studyId];
        require(_funded[studyId] >= gone, "earned more than came in");
        uint256 root = STUDIES.study(studyId).plan.initialRoot;
        for (uint32 round = 1; round <= _closed[studyId]; ++round) {
            IRoundManager.RoundState memory state = ROUNDS.roundState(studyId, round);
            Kept memory kept = _kept[studyId][round];
            require(state.rootBefore == root, "a round does not start from the last finalised root");
            require((state.closedAs == IRoundManager.Phase.Finalised) == kept.finalised, "finalised without a proof");
            require(!kept.finalised || state.rootAfter == kept.rootAfter, "a finalised root changed");
            require(state.includedBitmap == kept.included, "an included set changed");
            bool bound = ROUNDS.setOf(studyId, root) == kept.included && _boundIn[studyId][root] == round;
            require(kept.included == 0 || bound, "a starting model has another set");
            if (kept.finalised) root = kept.rootAfter;
        }
        uint32 current = _closed[studyId] + 1;
        for (uint256 i = 0; i < _ids[studyId].length; ++i) {
            bytes32 stored = ROUNDS.submission(studyId, current, _ids[studyId][i]);
            bool submitted = _has(_kept[studyId][current].submitted, i);
            bytes32 made = keccak256(abi.encode(_submissions[studyId][current][i]));
            require(stored == (submitted ? made : bytes32(0)), "a submission changed, or came from nowhere");
        }
    }

    /// @dev What everybody holds together.
    function _held() internal view returns (uint256 held) {
        held = TOKEN.balanceOf(address(VAULT)) + TOKEN.balanceOf(address(POOL)) + TOKEN.balanceOf(STRANGER)
            + TOKEN.balanceOf(PAYOUT) + TOKEN.balanceOf(SERVANT);
        for (uint256 i = 0; i < SPONSORS; ++i) held += TOKEN.balanceOf(_sponsor(i));
        for (uint32 id = 1; id <= HOSPITALS; ++id) held += TOKEN.balanceOf(_owner(id));
    }
}
