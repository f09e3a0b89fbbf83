// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IStakeVault} from "../../contracts/interfaces/IStakeVault.sol";
import {EQUIVOCATION_WINDOW} from "../../contracts/libraries/EvidenceWindow.sol";
import {World} from "./World.sol";

/// @title What every bond must be, by the published policy, beside what the vault says it is
abstract contract Bonds is World {
    struct Slashed {
        uint256 studyId;
        uint256 amount;
        uint64 beneficiaries;
        uint64 claimed;
    }

    uint256 private constant BPS = 10_000;

    mapping(uint32 hospitalId => uint256) internal _available;
    mapping(uint32 hospitalId => uint256) internal _pending;
    mapping(uint256 studyId => mapping(uint32 hospitalId => uint256)) internal _locked;
    /// @dev Of a bond that was released, what evidence of an equivocation may still take.
    mapping(uint256 studyId => mapping(uint32 hospitalId => uint256)) internal _released;
    mapping(uint256 studyId => mapping(uint32 hospitalId => uint256)) internal _releasedAt;
    mapping(address reporter => uint256) internal _bounty;
    mapping(
        uint256 studyId => mapping(IStakeVault.Offence offence => mapping(uint32 stage => uint64))
    ) internal _punished;
    uint256 internal _owedInPots;
    /// @dev Pots by number less one.
    Slashed[] internal _pots;
    /// @dev A study's hospitals by index.
    mapping(uint256 studyId => uint32[]) internal _ids;

    /// @dev Takes a slice of each offender's bond for those who gain, as `IStakeVault.slash` says.
    function _punish(
        uint256 studyId,
        IStakeVault.Offence offence,
        uint32 stage,
        uint64 offenders,
        uint64 beneficiaries,
        address reporter
    ) internal {
        beneficiaries &= ~(offenders | _punishedFor(studyId, offence, stage));
        if (offenders == 0 || beneficiaries == 0) return;
        uint256 taken;
        uint256 slice = _slice(studyId);
        for (uint256 i = 0; i < _ids[studyId].length; ++i) {
            if (_has(offenders, i)) taken += _take(studyId, _ids[studyId][i], slice, offence);
        }
        _punished[studyId][offence][stage] |= offenders;
        if (taken == 0) return;
        string[4] memory names = ["slashDealing", "slashCiphertext", "slashShare", "slashEquivocation"];
        _did(names[uint8(offence)]);
        uint256 bounty = reporter == address(0) || _isTheirs(studyId, offenders, reporter) ? 0 : taken * 500 / BPS;
        _bounty[reporter] += bounty;
        _pots.push(Slashed(studyId, taken - bounty, beneficiaries, 0));
        _owedInPots += taken - bounty;
    }

    function _slice(uint256 studyId) internal view returns (uint256) {
        return uint256(STUDIES.study(studyId).plan.bond) * 2_500 / BPS;
    }

    /// @dev A beneficiary's part of a pot: equal parts, rounded so that the last unit is paid.
    function _part(Slashed memory pot, uint256 index) internal pure returns (uint256) {
        uint256 size = _count(pot.beneficiaries);
        uint256 before = _count(pot.beneficiaries & uint64((uint256(1) << index) - 1));
        return pot.amount * (before + 1) / size - pot.amount * before / size;
    }

    /// @dev What is left in a study's bond, or of it after its release, for evidence of an equivocation.
    function _withinReach(uint256 studyId, uint32 id) internal view returns (uint256) {
        if (_locked[studyId][id] != 0) return _locked[studyId][id];
        uint256 held = _pending[id] + _available[id];
        return _released[studyId][id] < held ? _released[studyId][id] : held;
    }

    function _punishedFor(uint256 studyId, IStakeVault.Offence offence, uint32 stage) internal view returns (uint64) {
        mapping(IStakeVault.Offence => mapping(uint32 => uint64)) storage all = _punished[studyId];
        if (offence == IStakeVault.Offence.MissingDealing) return all[offence][stage];
        return all[IStakeVault.Offence.CiphertextLeftOut][stage] | all[IStakeVault.Offence.MissingShare][stage]
            | all[IStakeVault.Offence.Equivocation][stage];
    }

    /// @dev Every bond is what the policy makes it; returns what the vault must hold.
    function _checkBonds() internal view returns (uint256 owed) {
        owed = _owedInPots + _bounty[STRANGER];
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
            for (uint256 i = 0; i < _ids[studyId].length; ++i) {
                uint256 locked = _locked[studyId][_ids[studyId][i]];
                require(VAULT.locked(studyId, _ids[studyId][i]) == locked, "locked bond moved against the policy");
                owed += locked;
            }
        }
    }

    function _checkPot(uint256 place) internal view {
        Slashed memory pot = _pots[place];
        IStakeVault.Pot memory kept = VAULT.pot(place + 1);
        require(
            kept.studyId == pot.studyId && kept.amount == pot.amount && kept.beneficiaries == pot.beneficiaries
                && kept.claimed == pot.claimed,
            "pot differs from the policy"
        );
    }

    function _take(uint256 studyId, uint32 id, uint256 slice, IStakeVault.Offence offence)
        private
        returns (uint256 taken)
    {
        uint256 locked = _locked[studyId][id];
        if (locked != 0 || offence != IStakeVault.Offence.Equivocation) {
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
            bool theirs = account == _owner(id) || account == _operator(studyId, id)
                || account == REGISTRY.hospital(id).operator;
            if (_has(offenders, i) && theirs) return true;
        }
        return false;
    }
}
