// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IRoundManager} from "../../contracts/interfaces/IRoundManager.sol";
import {IStakeVault} from "../../contracts/interfaces/IStakeVault.sol";
import {IStudyRegistry} from "../../contracts/interfaces/IStudyRegistry.sol";
import {Rounds} from "./Rounds.sol";
import {VM} from "./Vm.sol";

/// @title Deposits, claims, refunds, withdrawals and evidence, beside what each must pay
abstract contract Money is Rounds {
    struct Evidence {
        uint256 studyId;
        uint32 round;
        uint32 id;
        uint8 index;
        address reporter;
        address operator;
    }

    uint256 private constant BPS = 10_000;

    mapping(uint256 studyId => mapping(uint32 hospitalId => uint256)) internal _paid;
    mapping(uint256 studyId => uint256) internal _paidInAll;
    mapping(uint256 studyId => uint256) internal _refunded;

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
        uint256 before = TOKEN.balanceOf(_owner(id));
        VM.prank(_owner(id));
        VAULT.withdraw(id);
        require(TOKEN.balanceOf(_owner(id)) == before + _pending[id], "withdrew another amount than was pending");
        _pending[id] = 0;
        _did("withdraw");
    }

    /// @dev The part of any pot that somebody has not taken yet.
    function _claimSlashed(uint256 place, uint256 seed) internal {
        Slashed storage pot = _pots[place];
        uint64 left = pot.beneficiaries & ~pot.claimed;
        if (left == 0) return;
        uint8 index = _member(left, seed);
        uint32 id = _ids[pot.studyId][index];
        VM.prank(STRANGER);
        VAULT.claimSlashed(place + 1, id);
        pot.claimed |= uint64(1) << index;
        _available[id] += _part(pot, index);
        _owedInPots -= _part(pot, index);
        _did("claimSlashed");
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
        (_released[studyId][id], _releasedAt[studyId][id]) = (_locked[studyId][id], block.timestamp);
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
        address to = reveals ? PAYOUT : _owner(id);
        uint256 before = TOKEN.balanceOf(to);
        VM.prank(salt == 0 || reveals ? STRANGER : _owner(id));
        if (reveals) POOL.claimTo(studyId, id, all, PAYOUT, salt);
        else POOL.claim(studyId, id, all);
        require(TOKEN.balanceOf(to) == before + due, "paid another amount than was earned");
        _paid[studyId][id] += due;
        _paidInAll[studyId] += due;
        _did(reveals ? "claimTo" : "claim");
    }

    function _refund(uint256 studyId) internal {
        if (!_isOver(studyId)) return;
        uint256 due = _funded[studyId] - _earnedByAll(studyId) - _refunded[studyId];
        require(POOL.refundable(studyId) == due, "refundable is not what nobody earned");
        if (due == 0) return;
        address sponsor = STUDIES.sponsorOf(studyId);
        uint256 before = TOKEN.balanceOf(sponsor);
        VM.prank(STRANGER);
        POOL.refund(studyId);
        require(TOKEN.balanceOf(sponsor) == before + due, "refunded another amount than nobody earned");
        _refunded[studyId] += due;
        _did("refund");
    }

    /// @dev A hospital signs two shares for one attempt, and somebody shows them: it counts exactly where it should.
    function _equivocate(uint256 studyId, uint32 round, uint256 seed) internal {
        Kept storage kept = _kept[studyId][round];
        if (kept.included == 0) return;
        Evidence memory evidence = Evidence(studyId, round, 0, _member(STUDIES.roundTerms(studyId, round).participants, seed), STRANGER, address(0));
        evidence.id = _ids[studyId][evidence.index];
        evidence.operator = _operator(studyId, evidence.id);
        if (_draw(seed, "reporter") % 4 == 0) evidence.reporter = seed % 2 == 0 ? _owner(evidence.id) : evidence.operator;
        uint64 offender = uint64(1) << evidence.index;
        uint64 punished = _punishedFor(studyId, IStakeVault.Offence.Equivocation, round);
        bool counts = _punished[studyId][IStakeVault.Offence.Equivocation][round] & offender == 0
            && kept.included & ~(offender | punished) != 0 && _withinReach(studyId, evidence.id) != 0
            && _slice(studyId) != 0
            && (kept.closedAt == 0 || block.timestamp < kept.closedAt + COURT.EVIDENCE_WINDOW());
        require(_report(evidence, kept.included, seed) == counts, "evidence counted where it should not, or did not");
        if (!counts) return;
        _punish(studyId, IStakeVault.Offence.Equivocation, round, offender, kept.included, evidence.reporter);
    }

    function _report(Evidence memory evidence, uint64 included, uint256 seed) private returns (bool counted) {
        uint8 attempt = uint8(seed % 3);
        bytes32[2] memory digests = [bytes32(seed | 2), bytes32(~(seed | 2))];
        bytes[2] memory signatures;
        for (uint256 i = 0; i < 2; ++i) {
            bytes32 hash = ROUNDS.openingShareHash(evidence.studyId, evidence.round, included, attempt, digests[i]);
            signatures[i] = _signed(evidence.operator, hash);
        }
        bytes memory call = abi.encodeCall(
            COURT.reportEquivocation,
            (
                evidence.studyId, evidence.round, evidence.id, included, attempt, digests[0], signatures[0],
                digests[1], signatures[1]
            )
        );
        VM.prank(evidence.reporter);
        (counted,) = address(COURT).call(call);
    }

    /// @dev A hospital's rewards, from what the handler itself saw of each round.
    function _earned(uint256 studyId, uint32 id) internal view returns (uint256 amount) {
        uint256 index;
        while (_ids[studyId][index] != id) ++index;
        for (uint32 round = 1; round <= _plannedRounds(studyId); ++round) {
            Kept memory kept = _kept[studyId][round];
            if (!kept.verified || !_has(kept.included, index)) continue;
            uint256 before;
            for (uint256 i = 0; i < index; ++i) if (_has(kept.included, i)) before += _rows[studyId][i];
            (uint256 first, uint256 second) = _parts(studyId);
            uint256 upTo = before + _rows[studyId][index];
            amount += first * upTo / kept.sumRows - first * before / kept.sumRows;
            if (kept.finalised) amount += second * upTo / kept.sumRows - second * before / kept.sumRows;
        }
    }

    function _earnedByAll(uint256 studyId) internal view returns (uint256 amount) {
        for (uint256 i = 0; i < _ids[studyId].length; ++i) amount += _earned(studyId, _ids[studyId][i]);
    }

    function _plannedRounds(uint256 studyId) internal view returns (uint16) {
        return STUDIES.study(studyId).plan.rounds;
    }

    function _parts(uint256 studyId) private view returns (uint256 first, uint256 second) {
        IStudyRegistry.Plan memory plan = STUDIES.study(studyId).plan;
        first = uint256(plan.rewardPerRound) * plan.verifiedShareBps / BPS;
        second = plan.rewardPerRound - first;
    }
}
