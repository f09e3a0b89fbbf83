// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IHospitalRegistry} from "../../contracts/interfaces/IHospitalRegistry.sol";
import {Course} from "./Course.sol";
import {VM} from "./Vm.sol";

/// @title What the fuzzer may do; every action leaves the order of phases as it was
/// @notice An action that no one can take now does nothing; one that reverts breaks an invariant.
contract Handler is Course {
    /// @dev What is checked in turn, since all of it after every call would take most of the time.
    uint256 private _turn;

    constructor() {
        for (uint32 id = 1; id <= HOSPITALS; ++id) _deposit(id, 2_000);
    }

    modifier watched() {
        _;
        ++_turn;
        uint256 count = STUDIES.studyCount();
        for (uint256 studyId = 1; studyId <= count; ++studyId) {
            if (studyId == 1 + _turn % count || !_isOver(studyId)) _watch(studyId);
        }
    }

    /// @dev Four names, so that the fuzzer goes on with studies more often than it does anything else.
    function play(uint256 seed) external watched {
        _play(seed);
    }

    function playOn(uint256 seed) external watched {
        _play(seed);
    }

    function playMore(uint256 seed) external watched {
        _play(seed);
    }

    function playAgain(uint256 seed) external watched {
        _play(seed);
    }

    /// @dev Two studies at most go on at a time.
    function sponsor(uint256 seed, uint256 most) external watched {
        uint256 going;
        for (uint256 studyId = 1; studyId <= STUDIES.studyCount(); ++studyId) if (!_isOver(studyId)) ++going;
        uint256 chosen = _going(seed);
        if (going < 2) _publish(seed);
        else _fund(chosen, most, seed % 3 == 0 ? STRANGER : _sponsor(seed));
    }

    /// @dev Somebody joins, leaves, wants new keys or rotates its own.
    function unsettle(uint256 seed) external watched {
        uint256 studyId = _going(seed);
        if (studyId == 0) return;
        if (seed % 2 == 0) _enrol(studyId, seed);
        else _unsettle(studyId, seed);
    }

    /// @dev Blocks are mined, and the one drawn is kept or used.
    function sample(uint256 seed) external watched {
        uint256 studyId = _any(seed);
        if (studyId != 0 && _ids[studyId].length != 0) _sample(studyId, seed % _ids[studyId].length, seed);
    }

    /// @dev Suspends or pauses, seldom; else readmits and goes on.
    function govern(uint256 seed) external watched {
        uint32 id = uint32(1 + seed % HOSPITALS);
        uint256 what = _draw(seed, "govern") % 8;
        bool admitted = REGISTRY.standingOf(id) == IHospitalRegistry.Standing.Admitted;
        VM.prank(COUNCIL);
        STUDIES.setPaused(what == 0);
        VM.prank(COUNCIL);
        if (admitted && what == 1) REGISTRY.suspend(id);
        else if (!admitted) REGISTRY.admit(id);
        else STUDIES.setPaused(what == 0);
        _did("govern");
    }

    function bank(uint256 seed, uint256 amount) external watched {
        uint32 id = uint32(1 + seed % HOSPITALS);
        uint256 what = _draw(seed, "bank") % 4;
        if (what < 2) _deposit(id, seed);
        else if (what == 2) _requestWithdrawal(id, amount);
        else _withdraw(id);
    }

    function collect(uint256 seed) external watched {
        uint256 studyId = _any(seed);
        if (studyId == 0) return;
        uint256 what = _draw(seed, "collect") % 7;
        if (what == 6) return _claimService(_servant(studyId, seed));
        if (what == 0) _refund(studyId);
        else if (what == 1) _claimBounty();
        else if (what == 2 && _pots.length != 0) _claimSlashed(seed % _pots.length, seed);
        else if (_ids[studyId].length != 0) {
            uint32 id = _ids[studyId][seed % _ids[studyId].length];
            if (what < 5) _claim(studyId, id, seed);
            else _releaseBond(studyId, id);
        }
    }

    /// @dev Somebody shows two signatures, accuses, or posts a pad share for who lacks the model.
    function witness(uint256 seed) external watched {
        uint256 studyId = _any(seed);
        if (studyId != 0) _witness(studyId, seed);
    }

    function meddle(uint256 seed) external watched {
        uint256 studyId = _any(seed);
        if (studyId == 0) return;
        uint256 what = _draw(seed, "meddle") % 3;
        if (what == 0) _grab(studyId, seed);
        else if (what == 1) _grabParts(studyId, seed);
        else _cheat(studyId, seed);
    }

    /// @dev A little, up to a phase's end or to a second before, or until a bond can be withdrawn.
    function wait_(uint256 seed) external watched {
        uint256 studyId = _going(seed);
        if (studyId == 0 || seed % 256 == 0) return VM.warp(block.timestamp + UNBONDING_DELAY);
        uint256 end = _end(studyId);
        uint256 what = _draw(seed, "wait") % 16;
        if (what < 2 && end > block.timestamp) VM.warp(end - what);
        else VM.warp(block.timestamp + seed % (LENGTH / 20));
    }

    /// @dev Everything that is true at every moment.
    function check() external view {
        require(TOKEN.balanceOf(address(VAULT)) == _checkBonds(), "the vault does not hold what it owes");
        uint256 escrowed;
        for (uint256 studyId = 1; studyId <= STUDIES.studyCount(); ++studyId) {
            escrowed += _funded[studyId] - _paidInAll[studyId] - _spentOfBudget[studyId] - _refunded[studyId];
        }
        uint256 inTurn = STUDIES.studyCount() == 0 ? 0 : 1 + _turn % STUDIES.studyCount();
        if (inTurn != 0) _checkRounds(inTurn);
        if (inTurn != 0) _checkBlocks(inTurn);
        if (inTurn != 0) _checkServices(inTurn);
        if (inTurn != 0) _checkHonest(inTurn);
        if (_pots.length != 0) _checkPot(_turn % _pots.length);
        escrowed += _owedOfBudgets;
        require(TOKEN.balanceOf(address(POOL)) == escrowed, "the pool does not hold what it owes");
        require(_held() == SUPPLY && TOKEN.totalSupply() == SUPPLY, "tokens made, lost or gone elsewhere");
    }

    /// @dev Brings every study to its end as a stranger can, and pays everybody: nothing may be left over.
    function windDown() external {
        for (uint256 studyId = 1; studyId <= STUDIES.studyCount(); ++studyId) {
            for (uint256 steps = 0; !_isOver(studyId); ++steps) {
                require(steps < 100, "a study that nobody can bring to its end");
                _push(studyId);
                _watch(studyId);
            }
            for (uint256 i = 0; i < _ids[studyId].length; ++i) {
                _claim(studyId, _ids[studyId][i], i);
                _releaseBond(studyId, _ids[studyId][i]);
            }
            _refund(studyId);
        }
        for (uint256 i = 1; i <= _keys; ++i) _claimService(_operatorOf(i));
        _claimService(STRANGER);
        _claimBounty();
        // Evidence is accepted a while longer; then everybody's part is its own.
        VM.warp(block.timestamp + UNBONDING_DELAY);
        uint256 burnt;
        for (uint256 i = 0; i < _pots.length; ++i) {
            while (_owners(_pots[i]) != _pots[i].claimed) _claimSlashed(i, i);
            if (_owners(_pots[i]) == 0) burnt += _pots[i].amount;
        }
        for (uint256 studyId = 1; studyId <= STUDIES.studyCount(); ++studyId) burnt += _fines[studyId];
        if (burnt != 0) _did("burn");
        for (uint32 id = 1; id <= HOSPITALS; ++id) if (_available[id] != 0) _requestWithdrawal(id, _available[id] - 1);
        VM.warp(block.timestamp + UNBONDING_DELAY);
        for (uint32 id = 1; id <= HOSPITALS; ++id) _withdraw(id);
        require(TOKEN.balanceOf(address(VAULT)) == burnt, "the vault keeps something other than what is nobody's");
        require(TOKEN.balanceOf(address(POOL)) == 0, "rewards left over in the pool");
        require(_held() == SUPPLY, "tokens lost");
    }
}
