// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IRewardPool} from "../../contracts/interfaces/IRewardPool.sol";
import {IRoundManager} from "../../contracts/interfaces/IRoundManager.sol";
import {IStakeVault} from "../../contracts/interfaces/IStakeVault.sol";
import {IStudyRegistry} from "../../contracts/interfaces/IStudyRegistry.sol";
import {Evidence} from "./Evidence.sol";
import {VM} from "./Vm.sol";

/// @title What nobody may do, tried at every moment
abstract contract Meddling is Evidence {
    function _grab(uint256 studyId, uint256 seed) internal {
        uint32 id = uint32(1 + seed % HOSPITALS);
        uint64 all = type(uint64).max;
        IStakeVault.Offence offence = IStakeVault.Offence(_draw(seed, "offence") % 4);
        // The council is nobody here, either.
        address thief = seed % 3 == 0 ? COUNCIL : seed % 3 == 1 ? STRANGER : _sponsor(seed);
        _refused(thief, address(VAULT), abi.encodeCall(VAULT.slash, (studyId, offence, 1, 1, all, thief)));
        _refused(thief, address(VAULT), abi.encodeCall(VAULT.lock, (studyId, id, 1)));
        _refused(thief, address(VAULT), abi.encodeCall(VAULT.release, (studyId, id)));
        _refused(thief, address(VAULT), abi.encodeCall(VAULT.requestWithdrawal, (id, 1)));
        _refused(thief, address(VAULT), abi.encodeCall(VAULT.withdraw, (id, thief)));
        _refused(thief, address(VAULT), abi.encodeCall(VAULT.fine, (studyId, 1, all)));
        _refused(thief, address(VAULT), abi.encodeCall(VAULT.charge, (studyId, 0, all, 1)));
        _refused(thief, address(VAULT), abi.encodeCall(VAULT.spendFines, (studyId, 1)));
        _refused(thief, address(VAULT), abi.encodeCall(VAULT.payFines, (thief, 1)));
        _refused(thief, address(POOL), abi.encodeCall(POOL.credit, (studyId, thief, IRewardPool.Service.Finalise)));
        bool sponsor = thief == STUDIES.sponsorOf(studyId);
        if (!_isOver(studyId) || !sponsor) _refused(thief, address(POOL), abi.encodeCall(POOL.refund, (studyId, PAYOUT)));
        if (!_isOver(studyId)) _refused(thief, address(POOL), abi.encodeCall(POOL.refund, (studyId, thief)));
        if (thief == COUNCIL) return;
        _refused(thief, address(STUDIES), abi.encodeCall(STUDIES.setPaused, (true)));
        _refused(thief, address(STUDIES), abi.encodeCall(STUDIES.nameData, (studyId, 0, 1, 1)));
        address operator = REGISTRY.hospital(id).operator;
        bytes32 salted = bytes32(uint256(1));
        _refused(thief, address(STUDIES), abi.encodeCall(STUDIES.enrolFor, (studyId, operator, 0, salted)));
        _refused(thief, address(STUDIES), abi.encodeCall(STUDIES.leaveStudy, (studyId, id)));
        _refused(thief, address(KEYS), abi.encodeCall(KEYS.cutShort, (studyId, 1, all)));
        _refused(thief, address(REGISTRY), abi.encodeCall(REGISTRY.proposeOwner, (id, thief)));
        _refused(thief, address(REGISTRY), abi.encodeCall(REGISTRY.acceptOwner, (id)));
        _refused(thief, address(REGISTRY), abi.encodeCall(REGISTRY.suspend, (id)));
        _refused(thief, address(CATALOGUE), abi.encodeCall(CATALOGUE.delistCircuit, (1)));
    }

    /// @dev A pot's part twice, or by whom it does not belong to; rewards to another address.
    function _grabParts(uint256 studyId, uint256 seed) internal {
        if (_pots.length != 0) {
            Cut memory cut = _pots[seed % _pots.length];
            for (uint256 i = 0; i < _ids[cut.studyId].length; ++i) {
                if (_isSettled(cut) && _has(_owners(cut) & ~cut.claimed, i)) continue;
                uint32 id = _ids[cut.studyId][i];
                uint256 number = 1 + seed % _pots.length;
                _refused(_owner(id), address(VAULT), abi.encodeCall(VAULT.claimSlashed, (number, id)));
            }
        }
        uint32[] memory first = new uint32[](2);
        (first[0], first[1]) = (1, 1);
        for (uint256 i = 0; i < _ids[studyId].length; ++i) {
            uint32 id = _ids[studyId][i];
            bytes32 salt = _salts[studyId][id];
            _refused(STRANGER, address(POOL), abi.encodeCall(POOL.claimTo, (studyId, id, first, STRANGER, salt)));
            _refused(STRANGER, address(POOL), abi.encodeCall(POOL.claim, (studyId, id, first, STRANGER)));
            if (salt != 0) _refused(STRANGER, address(POOL), abi.encodeCall(POOL.claim, (studyId, id, first, _owner(id))));
            if (!_isOver(studyId) && !STUDIES.enrolment(studyId, id).barred) {
                _refused(_owner(id), address(STUDIES), abi.encodeCall(STUDIES.releaseBond, (studyId, id)));
            }
        }
    }

    /// @dev The same again, somebody else's, too late, with a wrong sum or proof.
    function _cheat(uint256 studyId, uint256 seed) internal {
        uint32 round = ROUNDS.currentRound(studyId);
        if (round == 0) return;
        (IRoundManager.Phase phase,) = ROUNDS.phase(studyId, round);
        Kept memory kept = _kept[studyId][round];
        address target = address(ROUNDS);
        _refused(STRANGER, target, abi.encodeCall(ROUNDS.attest, (studyId, round, 0)));
        for (uint256 i = 0; i < _ids[studyId].length; ++i) {
            address operator = _operator(studyId, _ids[studyId][i]);
            if (_has(kept.submitted, i) || phase != IRoundManager.Phase.Submit) {
                _refused(operator, target, _update(studyId, round));
            }
            if (_has(kept.attested, i) || phase != IRoundManager.Phase.Attest) {
                _refused(operator, target, abi.encodeCall(ROUNDS.attest, (studyId, round, kept.submitted)));
            }
            _refused(operator, address(OPENINGS), _wrongShare(studyId, round, seed));
        }
        if (phase != IRoundManager.Phase.Failed || kept.closedAt != 0) {
            _refused(STRANGER, target, abi.encodeCall(ROUNDS.failRound, (studyId, round)));
        }
        bool opens = phase == IRoundManager.Phase.Open || phase == IRoundManager.Phase.Suspended;
        if (opens) _cheatAtFinalise(studyId, round);
        else _refused(STRANGER, target, _finalisation(studyId, round, 0));
    }

    function _cheatAtFinalise(uint256 studyId, uint32 round) private {
        _refused(STRANGER, address(ROUNDS), _finalisation(studyId, round, 1));
        DOUBLE.setAccepts(false);
        _refused(STRANGER, address(ROUNDS), _finalisation(studyId, round, 0));
        DOUBLE.setAccepts(true);
    }

    /// @dev A CKKS share with a signature for another round.
    function _wrongShare(uint256 studyId, uint32 round, uint256 seed) private view returns (bytes memory) {
        bytes32 digest = bytes32(seed | 1);
        bytes32 other = OPENINGS.openingShareHash(studyId, round + 1, _kept[studyId][round].included, digest);
        address operator = _operator(studyId, _ids[studyId][seed % _ids[studyId].length]);
        return abi.encodeCall(OPENINGS.postShare, (studyId, round, digest, 9, _signed(operator, other)));
    }

    function _finalisation(uint256 studyId, uint32 round, uint256 error) private view returns (bytes memory) {
        (Point memory sum,) = _sum(studyId, round);
        return abi.encodeCall(ROUNDS.finalise, (studyId, round, sum.x, sum.y ^ error, 5, _noProof()));
    }
}
