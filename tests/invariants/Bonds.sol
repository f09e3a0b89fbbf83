// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IStakeVault} from "../../contracts/interfaces/IStakeVault.sol";
import {IStudyRegistry} from "../../contracts/interfaces/IStudyRegistry.sol";
import {EQUIVOCATION_WINDOW} from "../../contracts/libraries/EvidenceWindow.sol";
import {World} from "./World.sol";

/// @title What every bond must be, by the published policy, beside what the vault says it is
/// @notice In each study fewer than t hospitals lie; whoever is not among them is honest, and never loses a slice.
abstract contract Bonds is World {
    /// @param stage 0: a ceremony asked for too soon was charged.
    struct Cut {
        uint256 studyId;
        uint256 amount;
        uint64 beneficiaries;
        uint64 claimed;
        uint32 stage;
        IStakeVault.Offence offence;
    }

    uint256 private constant BPS = 10_000;

    mapping(uint32 hospitalId => uint256) internal _available;
    mapping(uint32 hospitalId => uint256) internal _pending;
    mapping(uint256 studyId => mapping(uint32 hospitalId => uint256)) internal _locked;
    /// @dev Of a bond that was released, what evidence may still take.
    mapping(uint256 studyId => mapping(uint32 hospitalId => uint256)) internal _released;
    mapping(uint256 studyId => mapping(uint32 hospitalId => uint256)) internal _releasedAt;
    mapping(address reporter => uint256) internal _bounty;
    mapping(
        uint256 studyId => mapping(IStakeVault.Offence offence => mapping(uint32 stage => uint64))
    ) internal _punished;
    mapping(uint256 studyId => uint64) internal _excluded;
    /// @dev Not spent, and set aside for services but not paid.
    mapping(uint256 studyId => uint256) internal _fines;
    uint256 internal _setAside;
    mapping(uint256 studyId => mapping(uint32 batch => mapping(uint256 index => uint256))) internal _finedIn;
    /// @dev What a hospital lost in a study by absence and by asking for ceremonies; the rest went for lies.
    mapping(uint256 studyId => mapping(uint32 hospitalId => uint256)) private _lostHonestly;
    uint256 internal _inPots;
    /// @dev Pots by number less one.
    Cut[] internal _pots;
    /// @dev A study's hospitals by index.
    mapping(uint256 studyId => uint32[]) internal _ids;

    /// @dev Who lies in a study: fewer than t, by index.
    function _liars(uint256 studyId) internal view returns (uint64 liars) {
        IStudyRegistry.Plan memory plan = STUDIES.study(studyId).plan;
        for (uint256 i = 1; i < plan.threshold; ++i) {
            liars |= _single(uint256(keccak256(abi.encode(plan.documentDigest, "liar", i))) % plan.maximum);
        }
    }

    /// @dev Takes a slice of each offender's bond for those who gain, as `IStakeVault.slash` says.
    function _punish(
        uint256 studyId,
        IStakeVault.Offence offence,
        uint32 stage,
        uint64 offenders,
        uint64 beneficiaries,
        address reporter
    ) internal {
        if (offenders == 0) return;
        require(offenders & ~_liars(studyId) == 0, "an honest hospital is slashed");
        _punished[studyId][offence][stage] |= offenders;
        _excluded[studyId] |= offenders;
        beneficiaries &= ~_punishedFor(studyId, offence, stage);
        if (beneficiaries == 0) return;
        uint256 taken;
        uint256 slice = _slice(studyId);
        for (uint256 i = 0; i < _ids[studyId].length; ++i) {
            if (_has(offenders, i)) taken += _take(studyId, _ids[studyId][i], slice);
        }
        if (taken == 0) return;
        string[4] memory names = ["slashDealing", "slashPayload", "slashPadShare", "slashEquivocation"];
        _did(names[uint8(offence)]);
        uint256 bounty = reporter == address(0) || _isTheirs(studyId, offenders, reporter) ? 0 : taken * 500 / BPS;
        _bounty[reporter] += bounty;
        _pots.push(Cut(studyId, taken - bounty, beneficiaries, 0, stage, offence));
        _inPots += taken - bounty;
    }

    /// @dev Fines absence: no more than the cap in a batch, and never below a slice.
    function _fine(uint256 studyId, uint32 batch, uint64 absent) internal {
        IStudyRegistry.Plan memory plan = STUDIES.study(studyId).plan;
        for (uint256 i = 0; i < _ids[studyId].length; ++i) {
            if (!_has(absent, i)) continue;
            uint32 id = _ids[studyId][i];
            uint256 amount = plan.absenceFine;
            uint256 rest = plan.absenceCap - _finedIn[studyId][batch][i];
            if (amount > rest) amount = rest;
            rest = _locked[studyId][id] > _slice(studyId) ? _locked[studyId][id] - _slice(studyId) : 0;
            if (amount > rest) amount = rest;
            if (amount == 0) continue;
            _locked[studyId][id] -= amount;
            _finedIn[studyId][batch][i] += amount;
            _lostHonestly[studyId][id] += amount;
            _fines[studyId] += amount;
            _did("fine");
        }
    }

    /// @dev What a ceremony asked for too soon costs goes to the others.
    function _charge(uint256 studyId, uint8 index, uint64 beneficiaries, uint256 amount) internal {
        if (amount == 0) return;
        uint32 id = _ids[studyId][index];
        _locked[studyId][id] -= amount;
        require(_locked[studyId][id] >= _slice(studyId), "a ceremony cost so much that a lie would cost less");
        _lostHonestly[studyId][id] += amount;
        _pots.push(Cut(studyId, amount, beneficiaries & ~_single(index), 0, 0, IStakeVault.Offence.FalseDealing));
        _inPots += amount;
        _did("charge");
    }

    function _slice(uint256 studyId) internal view returns (uint256) {
        return uint256(STUDIES.study(studyId).plan.bond) * 2_500 / BPS;
    }

    /// @dev Who has a part of a pot as things stand: of its beneficiaries those not punished for its stage.
    function _owners(Cut memory cut) internal view returns (uint64) {
        return cut.stage == 0 ? cut.beneficiaries : cut.beneficiaries & ~_punishedFor(cut.studyId, cut.offence, cut.stage);
    }

    /// @dev A beneficiary's part of a pot: equal parts, rounded so that the last unit is paid.
    function _part(Cut memory cut, uint256 index) internal view returns (uint256) {
        uint64 owners = _owners(cut);
        uint256 size = _count(owners);
        uint256 before = _count(owners & uint64((uint256(1) << index) - 1));
        return cut.amount * (before + 1) / size - cut.amount * before / size;
    }

    /// @dev What is left in a study's bond, or of it after its release, for evidence of a lie.
    function _withinReach(uint256 studyId, uint32 id) internal view returns (uint256) {
        if (_locked[studyId][id] != 0) return _locked[studyId][id];
        uint256 held = _pending[id] + _available[id];
        return _released[studyId][id] < held ? _released[studyId][id] : held;
    }

    function _punishedFor(uint256 studyId, IStakeVault.Offence offence, uint32 stage) internal view returns (uint64) {
        mapping(IStakeVault.Offence => mapping(uint32 => uint64)) storage all = _punished[studyId];
        if (offence == IStakeVault.Offence.FalseDealing) return all[offence][stage];
        return all[IStakeVault.Offence.FalsePayload][stage] | all[IStakeVault.Offence.FalsePadShare][stage]
            | all[IStakeVault.Offence.Equivocation][stage];
    }

    /// @dev Every bond is what the policy makes it; returns what the vault must hold.
    function _checkBonds() internal view returns (uint256 owed) {
        owed = _inPots + _bounty[STRANGER] + _setAside;
        require(VAULT.bounty(STRANGER) == _bounty[STRANGER], "bounty moved against the policy");
        require(VAULT.potCount() == _pots.length, "a pot without an offence, or an offence without a pot");
        for (uint32 id = 1; id <= HOSPITALS; ++id) {
            (uint256 pending,) = VAULT.pending(id);
            require(_available[id] + pending >= _warm(id), "a bond got out of reach within the window");
            require(VAULT.lockable(id) <= _available[id], "more can be locked than there is");
            require(VAULT.available(id) == _available[id], "available bond moved against the policy");
            require(pending == _pending[id], "pending bond moved against the policy");
            owed += _available[id] + pending;
        }
        for (uint256 studyId = 1; studyId <= STUDIES.studyCount(); ++studyId) {
            require(VAULT.fines(studyId) == _fines[studyId], "fines moved against the policy");
            require(VAULT.excluded(studyId) == _excluded[studyId], "excluded is not who lied");
            owed += _fines[studyId];
            for (uint256 i = 0; i < _ids[studyId].length; ++i) {
                uint256 locked = _locked[studyId][_ids[studyId][i]];
                require(VAULT.locked(studyId, _ids[studyId][i]) == locked, "locked bond moved against the policy");
                owed += locked;
            }
        }
    }

    /// @dev An honest hospital loses by absence what the plan caps for a batch, at most, and nothing else.
    function _checkHonest(uint256 studyId) internal view {
        IStudyRegistry.Plan memory plan = STUDIES.study(studyId).plan;
        (uint32 batches,) = KEYS.batches(studyId);
        uint64 liars = _liars(studyId);
        for (uint256 i = 0; i < _ids[studyId].length; ++i) {
            uint256 fined;
            for (uint32 batch = 1; batch <= batches + 1; ++batch) {
                uint256 inBatch = VAULT.finedIn(studyId, batch, uint8(i));
                require(inBatch <= plan.absenceCap, "absence cost more than the cap in a batch");
                fined += inBatch;
            }
            uint32 id = _ids[studyId][i];
            if (_has(liars, i) || _locked[studyId][id] == 0) continue;
            require(_lostHonestly[studyId][id] >= fined, "more was fined than was taken");
            bool whole = _locked[studyId][id] + _lostHonestly[studyId][id] == plan.bond;
            require(whole, "an honest hospital lost more than absence and early ceremonies cost");
        }
    }

    function _checkPot(uint256 place) internal view {
        Cut memory cut = _pots[place];
        IStakeVault.Pot memory kept = VAULT.pot(place + 1);
        require(
            kept.studyId == cut.studyId && kept.amount == cut.amount && kept.beneficiaries == _owners(cut)
                && kept.claimed == cut.claimed && kept.stage == cut.stage,
            "pot differs from the policy"
        );
        // Whoever took its part was not punished for the stage since: else its part would have been too much.
        require(kept.claimed & ~kept.beneficiaries == 0, "a part that was taken is nobody's now");
    }

    function _take(uint256 studyId, uint32 id, uint256 slice) private returns (uint256 taken) {
        uint256 locked = _locked[studyId][id];
        if (locked != 0) {
            taken = slice < locked ? slice : locked;
            _locked[studyId][id] = locked - taken;
            return taken;
        }
        uint256 within = _withinReach(studyId, id);
        taken = slice < within ? slice : within;
        _released[studyId][id] -= taken;
        uint256 first = taken < _pending[id] ? taken : _pending[id];
        _pending[id] -= first;
        _available[id] -= taken - first;
    }

    /// @dev What evidence can still ask of the bonds that studies released within the window.
    function _warm(uint32 id) private view returns (uint256 warm) {
        for (uint256 studyId = 1; studyId <= STUDIES.studyCount(); ++studyId) {
            uint256 until = _releasedAt[studyId][id] + EQUIVOCATION_WINDOW;
            if (block.timestamp < until) warm += _released[studyId][id];
        }
    }

    function _isTheirs(uint256 studyId, uint64 offenders, address account) private view returns (bool) {
        for (uint256 i = 0; i < _ids[studyId].length; ++i) {
            uint32 id = _ids[studyId][i];
            if (_has(offenders, i) && (account == _owner(id) || account == REGISTRY.hospital(id).operator)) return true;
        }
        return false;
    }
}
