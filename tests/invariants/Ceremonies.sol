// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IKeyCeremony} from "../../contracts/interfaces/IKeyCeremony.sol";
import {IRewardPool} from "../../contracts/interfaces/IRewardPool.sol";
import {IStakeVault} from "../../contracts/interfaces/IStakeVault.sol";
import {IStudyRegistry} from "../../contracts/interfaces/IStudyRegistry.sol";
import {Services} from "./Services.sol";
import {VM} from "./Vm.sol";

/// @title Key ceremonies as honest hospitals and fewer than t liars play them
/// @notice The honest hold and acknowledge alike, liars deal falsely, complain falsely, hold nothing, or vote otherwise.
abstract contract Ceremonies is Services {
    bytes32 internal constant TRANSCRIPT = keccak256("transcript");

    /// @param spoke Who complained, named what it lacks, or said that it is satisfied.
    /// @param accused Whom honest hospitals find guilty: who dealt or complained falsely.
    /// @param alike Who acknowledged what the honest do.
    struct Told {
        uint64 spoke;
        uint64 accused;
        uint64 alike;
    }

    mapping(uint256 studyId => mapping(uint32 ceremony => Told)) private _told;

    /// @dev Everybody expected acts; where some stay silent, somebody moves the ceremony on at the deadline.
    function _playCeremony(uint256 studyId, uint256 seed) internal {
        IKeyCeremony.CeremonyState memory state = KEYS.ceremonyState(studyId);
        if (block.timestamp >= state.deadline) return _moveOn(studyId, state, _servant(studyId, seed));
        uint64 due = _expected(state) & ~_silent(studyId, state);
        if (due == 0) return VM.warp(state.deadline);
        for (uint8 i = 0; i < _ids[studyId].length; ++i) {
            if (!_has(due, i)) continue;
            IKeyCeremony.CeremonyState memory now_ = KEYS.ceremonyState(studyId);
            if (now_.number != state.number || now_.step != state.step || now_.completed) return;
            _act(studyId, now_, i, seed);
        }
    }

    /// @dev Anybody ends a step that ran out: whoever was expected in it and silent is fined.
    function _moveOn(uint256 studyId, IKeyCeremony.CeremonyState memory state, address servant) internal {
        (uint32 batches,) = KEYS.batches(studyId);
        uint64 fined = _absent(studyId, state);
        VM.prank(servant);
        KEYS.moveOn(studyId);
        _did("moveOn");
        _saltsShow[studyId] = true;
        _watchMix(studyId, state);
        _fine(studyId, batches + 1, fined);
        _judge(studyId, state);
        _serve(studyId, servant, IRewardPool.Service.MoveOn, fined);
    }

    function _act(uint256 studyId, IKeyCeremony.CeremonyState memory state, uint8 index, uint256 seed) private {
        address operator = _operator(studyId, _ids[studyId][index]);
        bool lies = _has(_liars(studyId), index);
        if (state.step == IKeyCeremony.CeremonyStep.Key) {
            VM.prank(operator);
            KEYS.postKeys(
                studyId, state.number, _multiples[index + 1].x, _multiples[index + 1].y, bytes32(seed | 1),
                _saltOf[studyId][index]
            );
            _saltsShow[studyId] = true;
            if (!_mixed[studyId]) _mix[studyId] ^= keccak256(abi.encode(index, _saltOf[studyId][index]));
        } else if (state.step == IKeyCeremony.CeremonyStep.Deal) {
            VM.prank(operator);
            KEYS.postDealing(studyId, state.number, state.keysHash, bytes32(seed | 1), 9);
        } else if (state.step == IKeyCeremony.CeremonyStep.Hold) {
            _hold(studyId, state, operator, lies, seed);
        } else if (state.step == IKeyCeremony.CeremonyStep.Complain) {
            _complain(studyId, state, index, operator, lies);
        } else {
            _acknowledge(studyId, state, index, operator, lies, seed);
        }
        _did("ceremonyStep");
        _watchMix(studyId, state);
        // What the last one does may end the step, and the ceremony; nobody was silent then.
        _judge(studyId, state);
    }

    /// @dev Dealings that a liar does not serve are held by nobody honest.
    function _hold(
        uint256 studyId,
        IKeyCeremony.CeremonyState memory state,
        address operator,
        bool lies,
        uint256 seed
    ) private {
        uint64 held = state.dealt & ~(_liars(studyId) & _chosen(studyId, state, "withheld", 6));
        if (lies) held = state.dealt & uint64(_draw(seed, "held"));
        bool satisfied = held == state.dealt && _false(studyId, state) == 0;
        VM.prank(operator);
        KEYS.postHolding(studyId, state.number, held, satisfied);
    }

    /// @dev An honest hospital complains of every false dealing; a liar of an honest one, in some ceremonies.
    function _complain(
        uint256 studyId,
        IKeyCeremony.CeremonyState memory state,
        uint8 index,
        address operator,
        bool lies
    ) private {
        Told storage told = _told[studyId][state.number];
        uint64 about = lies ? state.counted & ~_liars(studyId) & _falsely(studyId, state) : _false(studyId, state);
        about &= ~_single(index);
        for (uint8 dealer = 0; about >> dealer != 0; ++dealer) {
            if (!_has(about, dealer)) continue;
            VM.prank(operator);
            KEYS.complain(studyId, state.number, dealer, state.firstRound, 1, 2, 3, 4);
            // Everybody opens that one box, and sees who of the two lied.
            told.accused |= lies ? _single(index) : _single(dealer);
            _did("complain");
        }
        told.spoke |= _single(index);
        VM.prank(operator);
        KEYS.beSatisfied(studyId, state.number);
    }

    function _acknowledge(
        uint256 studyId,
        IKeyCeremony.CeremonyState memory state,
        uint8 index,
        address operator,
        bool lies,
        uint256 seed
    ) private {
        Told storage told = _told[studyId][state.number];
        bool otherwise = lies && _draw(seed, "otherwise") % 2 == 0;
        uint64 honest = state.dealt & ~_liars(studyId);
        if (!otherwise) told.alike |= _single(index);
        VM.prank(operator);
        KEYS.acknowledge(
            studyId, state.number, otherwise ? bytes32("other") : TRANSCRIPT, otherwise ? honest : told.accused
        );
    }

    /// @dev Fixes the salts' mix where the study's first Key step is over; it starts anew where that step failed.
    function _watchMix(uint256 studyId, IKeyCeremony.CeremonyState memory before) private {
        if (_mixed[studyId] || before.step != IKeyCeremony.CeremonyStep.Key) return;
        IKeyCeremony.CeremonyState memory state = KEYS.ceremonyState(studyId);
        if (state.number != before.number) _mix[studyId] = 0;
        else if (state.step != IKeyCeremony.CeremonyStep.Key) _mixed[studyId] = true;
    }

    /// @dev Punishes whom t acknowledged as guilty, once a ceremony's last step is over.
    function _judge(uint256 studyId, IKeyCeremony.CeremonyState memory before) private {
        if (before.step != IKeyCeremony.CeremonyStep.Acknowledge) return;
        IKeyCeremony.CeremonyState memory state = KEYS.ceremonyState(studyId);
        bool goesOn = state.number == before.number && !state.completed && KEYS.canGoOn(studyId);
        if (goesOn) return;
        Told memory told = _told[studyId][before.number];
        if (state.number == before.number && state.completed) {
            uint64 left = told.alike & before.counted & ~told.accused;
            require(state.participants == left && state.guilty == told.accused, "another batch than t acknowledged");
            _did("completeCeremony");
        } else {
            _did("failCeremony");
        }
        if (_count(told.alike) < STUDIES.study(studyId).plan.threshold) return;
        _punish(
            studyId, IStakeVault.Offence.FalseDealing, before.number, told.accused,
            told.alike & before.counted & ~told.accused, address(0)
        );
    }

    function _expected(IKeyCeremony.CeremonyState memory state) private pure returns (uint64) {
        if (state.step == IKeyCeremony.CeremonyStep.Key) return state.due & ~state.keyed;
        if (state.step == IKeyCeremony.CeremonyStep.Deal) return state.keyed & ~state.dealt;
        if (state.step == IKeyCeremony.CeremonyStep.Hold) return state.dealt & ~state.held;
        if (state.step == IKeyCeremony.CeremonyStep.Complain) return state.counted & ~state.satisfied;
        return state.counted & ~state.acknowledged;
    }

    /// @dev Expected in the step and silent; who was silent in Complain has paid for the ceremony.
    function _absent(uint256 studyId, IKeyCeremony.CeremonyState memory state) private view returns (uint64) {
        uint64 spoke = _told[studyId][state.number].spoke | state.satisfied;
        if (state.step == IKeyCeremony.CeremonyStep.Complain) return state.counted & ~spoke;
        uint64 silent = _expected(state);
        return state.step == IKeyCeremony.CeremonyStep.Acknowledge ? silent & spoke : silent;
    }

    /// @dev Whose dealing that counts is false: liars', in some ceremonies.
    function _false(uint256 studyId, IKeyCeremony.CeremonyState memory state) private view returns (uint64) {
        uint64 dealt = state.step == IKeyCeremony.CeremonyStep.Hold ? state.dealt : state.counted;
        return dealt & _liars(studyId) & _chosen(studyId, state, "false", 4);
    }

    /// @dev Of whom liars complain falsely: of everybody, in some ceremonies.
    function _falsely(uint256 studyId, IKeyCeremony.CeremonyState memory state) private view returns (uint64) {
        return _chosen(studyId, state, "falsely", 4);
    }

    /// @dev Who posts nothing in a step, chosen for all of it: nobody in most.
    function _silent(uint256 studyId, IKeyCeremony.CeremonyState memory state) private view returns (uint64) {
        uint256 chosen = uint256(keccak256(abi.encode(_salt(studyId), state.number, state.step)));
        return chosen % 12 == 0 ? _single((chosen >> 8) % HOSPITALS) : 0;
    }

    /// @dev Everybody, in one ceremony out of so many; else nobody.
    function _chosen(uint256 studyId, IKeyCeremony.CeremonyState memory state, string memory what, uint256 rarity)
        private
        view
        returns (uint64)
    {
        uint256 chosen = uint256(keccak256(abi.encode(_salt(studyId), state.number, what)));
        return chosen % rarity == 0 ? type(uint64).max : 0;
    }

    /// @dev What differs by study, and stays.
    function _salt(uint256 studyId) internal view returns (bytes32) {
        return keccak256(abi.encode(studyId, STUDIES.study(studyId).plan.documentDigest));
    }
}
