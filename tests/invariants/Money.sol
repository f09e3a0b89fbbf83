// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IStakeVault} from "../../contracts/interfaces/IStakeVault.sol";
import {EQUIVOCATION_WINDOW} from "../../contracts/libraries/EvidenceWindow.sol";
import {Rounds} from "./Rounds.sol";
import {VM} from "./Vm.sol";

/// @title Deposits, claims, refunds and withdrawals, beside what each must pay
abstract contract Money is Rounds {
    mapping(uint256 studyId => mapping(uint32 hospitalId => uint256)) internal _paid;
    mapping(uint256 studyId => uint256) internal _paidInAll;

    function _deposit(uint32 id, uint256 seed) internal {
        uint256 amount = 1 + _draw(seed, "deposit") % 3_000;
        if (TOKEN.balanceOf(_owner(id)) < amount) return;
        VM.prank(_owner(id));
        VAULT.deposit(id, amount);
        _available[id] += amount;
        _did("deposit");
    }

    function _requestWithdrawal(uint32 id, uint256 amount) internal {
        if (_available[id] == 0) return;
        amount = 1 + amount % _available[id];
        VM.prank(_owner(id));
        VAULT.requestWithdrawal(id, amount);
        _available[id] -= amount;
        _pending[id] += amount;
        _did("requestWithdrawal");
    }

    function _withdraw(uint32 id) internal {
        (, uint64 availableAt) = VAULT.pending(id);
        if (_pending[id] == 0 || block.timestamp < availableAt) return;
        address to = _pending[id] % 2 == 0 ? _owner(id) : PAYOUT;
        uint256 before = TOKEN.balanceOf(to);
        VM.prank(_owner(id));
        VAULT.withdraw(id, to);
        require(TOKEN.balanceOf(to) == before + _pending[id], "withdrew another amount than was pending");
        _pending[id] = 0;
        _did("withdraw");
    }

    /// @dev The part of any pot that somebody has not taken yet; nobody's, while evidence about its round is accepted.
    function _claimSlashed(uint256 place, uint256 seed) internal {
        Cut storage cut = _pots[place];
        uint64 left = _owners(cut) & ~cut.claimed;
        if (left == 0) return;
        uint8 index = _member(left, seed);
        uint32 id = _ids[cut.studyId][index];
        if (!_isSettled(cut)) {
            return _refused(STRANGER, address(VAULT), abi.encodeCall(VAULT.claimSlashed, (place + 1, id)));
        }
        VM.prank(STRANGER);
        VAULT.claimSlashed(place + 1, id);
        cut.claimed |= _single(index);
        _available[id] += _part(cut, index);
        _inPots -= _part(cut, index);
        _did("claimSlashed");
    }

    /// @dev Whether nobody can be punished for a pot's stage any more.
    function _isSettled(Cut memory cut) internal view returns (bool) {
        if (cut.stage == 0 || cut.offence == IStakeVault.Offence.FalseDealing) return true;
        uint64 closedAt = _kept[cut.studyId][cut.stage].closedAt;
        return closedAt != 0 && block.timestamp >= closedAt + EQUIVOCATION_WINDOW;
    }

    function _claimBounty() internal {
        if (_bounty[STRANGER] == 0) return;
        uint256 before = TOKEN.balanceOf(STRANGER);
        VM.prank(STRANGER);
        VAULT.claimBounty();
        require(TOKEN.balanceOf(STRANGER) == before + _bounty[STRANGER], "another bounty than was earned");
        _bounty[STRANGER] = 0;
        _did("claimBounty");
    }

    function _releaseBond(uint256 studyId, uint32 id) internal {
        if (_locked[studyId][id] == 0) return;
        try STUDIES.releaseBond(studyId, id) {
            require(_isOver(studyId) || STUDIES.enrolment(studyId, id).barred, "released the bond of a participant");
        } catch {
            require(!_isOver(studyId), "a bond is stuck in a study that ended");
            return;
        }
        if (ROUNDS.currentRound(studyId) != 0) {
            (_released[studyId][id], _releasedAt[studyId][id]) = (_locked[studyId][id], block.timestamp);
        }
        _available[id] += _locked[studyId][id];
        _locked[studyId][id] = 0;
        _did("releaseBond");
    }

    /// @dev All that a hospital has earned so far, paid to whom it said at enrolment.
    function _claim(uint256 studyId, uint32 id, uint256 seed) internal {
        uint256 due = _earned(studyId, id) - _paid[studyId][id];
        if (due == 0) return;
        uint32[] memory all = new uint32[](_plannedRounds(studyId));
        for (uint32 i = 0; i < all.length; ++i) all[i] = i + 1;
        require(POOL.claimable(studyId, id, all) == due, "claimable is not what was earned and not paid");
        bytes32 salt = _salts[studyId][id];
        bool reveals = salt != 0 && seed % 2 == 0;
        // Only the owner names another address than its own.
        bool elsewhere = seed % 5 == 0;
        address to = reveals || elsewhere ? PAYOUT : _owner(id);
        uint256 before = TOKEN.balanceOf(to);
        VM.prank(reveals || (salt == 0 && !elsewhere) ? STRANGER : _owner(id));
        if (reveals) POOL.claimTo(studyId, id, all, PAYOUT, salt);
        else POOL.claim(studyId, id, all, to);
        require(TOKEN.balanceOf(to) == before + due, "paid another amount than was earned");
        _paid[studyId][id] += due;
        _paidInAll[studyId] += due;
        _did(reveals ? "claimTo" : "claim");
    }

    function _refund(uint256 studyId) internal {
        if (!_isOver(studyId)) return;
        uint256 due = _funded[studyId] - _earnedByAll(studyId) - _spentOfBudget[studyId] - _refunded[studyId];
        require(POOL.refundable(studyId) == due, "refundable is not what nobody earned");
        if (due == 0) return;
        address sponsor = STUDIES.sponsorOf(studyId);
        uint256 before = TOKEN.balanceOf(sponsor);
        VM.prank(STRANGER);
        POOL.refund(studyId, sponsor);
        require(TOKEN.balanceOf(sponsor) == before + due, "refunded another amount than nobody earned");
        _refunded[studyId] += due;
        _did("refund");
    }

    /// @dev A hospital's rewards, from what the handler itself saw of each round.
    function _earned(uint256 studyId, uint32 id) internal view returns (uint256 amount) {
        uint256 index;
        while (_ids[studyId][index] != id) ++index;
        for (uint32 round = 1; round <= _plannedRounds(studyId); ++round) {
            Kept memory kept = _kept[studyId][round];
            if (!kept.finalised || !_has(kept.included, index)) continue;
            uint256 before;
            for (uint256 i = 0; i < index; ++i) if (_has(kept.included, i)) before += _rows[studyId][i];
            uint256 reward = STUDIES.study(studyId).plan.rewardPerRound;
            uint256 upTo = before + _rows[studyId][index];
            amount += reward * upTo / kept.sumRows - reward * before / kept.sumRows;
        }
    }

    function _earnedByAll(uint256 studyId) internal view returns (uint256 amount) {
        for (uint256 i = 0; i < _ids[studyId].length; ++i) amount += _earned(studyId, _ids[studyId][i]);
    }

    function _plannedRounds(uint256 studyId) internal view returns (uint16) {
        return STUDIES.study(studyId).plan.rounds;
    }
}
