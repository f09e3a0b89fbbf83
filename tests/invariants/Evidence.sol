// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ICourt} from "../../contracts/interfaces/ICourt.sol";
import {IStakeVault} from "../../contracts/interfaces/IStakeVault.sol";
import {EQUIVOCATION_WINDOW} from "../../contracts/libraries/EvidenceWindow.sol";
import {Money} from "./Money.sol";
import {VM} from "./Vm.sol";

/// @title Lies in rounds: two signatures, or t accusers, and nothing less
abstract contract Evidence is Money {
    struct Pair {
        uint256 studyId;
        uint32 round;
        uint32 id;
        uint8 index;
        address reporter;
        address operator;
    }

    mapping(
        uint256 studyId => mapping(uint32 round => mapping(ICourt.Charge charge => mapping(uint256 index => uint64)))
    ) private _accusedBy;

    /// @dev Many participants accuse: honest ones of what a liar did, liars of anything.
    function _accuse(uint256 studyId, uint32 round, uint64 participants, uint256 seed) internal {
        Kept storage kept = _kept[studyId][round];
        bool pads = kept.pads & _liars(studyId) != 0 && seed % 2 == 0;
        ICourt.Charge charge = pads ? ICourt.Charge.PadShare : ICourt.Charge.Payload;
        for (uint8 index = 0; participants >> index != 0; ++index) {
            seed = _draw(seed, "accuser");
            if (!_has(participants, index) || seed % 3 == 0) continue;
            uint64 accused = (pads ? kept.pads : kept.submitted) & ~_accusedBy[studyId][round][charge][index];
            accused &= _has(_liars(studyId), index) ? uint64(_draw(seed, "accused")) : _liars(studyId);
            if (accused != 0) _accuseAs(studyId, round, charge, index, accused);
        }
    }

    function _accuseAs(uint256 studyId, uint32 round, ICourt.Charge charge, uint8 index, uint64 accused) private {
        bytes memory call = abi.encodeCall(COURT.accuse, (studyId, round, charge, accused));
        _refused(STRANGER, address(COURT), call);
        address operator = _operator(studyId, _ids[studyId][index]);
        if (!_isOpen(studyId, round)) return _refused(operator, address(COURT), call);
        VM.prank(operator);
        COURT.accuse(studyId, round, charge, accused);
        _accusedBy[studyId][round][charge][index] |= accused;
        _did("accuse");
        _convict(studyId, round, charge, accused, STUDIES.roundTerms(studyId, round).participants);
    }

    /// @dev A hospital signs two shares for one round and set, and somebody shows them: it counts exactly where it should.
    function _equivocate(uint256 studyId, uint32 round, uint256 seed) internal {
        Kept storage kept = _kept[studyId][round];
        uint64 liars = STUDIES.roundTerms(studyId, round).participants & _liars(studyId);
        if (kept.included == 0 || liars == 0) return;
        Pair memory pair = Pair(studyId, round, 0, _member(liars, seed), STRANGER, address(0));
        pair.id = _ids[studyId][pair.index];
        pair.operator = _operator(studyId, pair.id);
        if (_draw(seed, "reporter") % 4 == 0) pair.reporter = seed % 2 == 0 ? _owner(pair.id) : pair.operator;
        uint64 offender = _single(pair.index);
        uint64 punished = _punishedFor(studyId, IStakeVault.Offence.Equivocation, round);
        bool counts = _punished[studyId][IStakeVault.Offence.Equivocation][round] & offender == 0
            && kept.included & ~(offender | punished) != 0 && _withinReach(studyId, pair.id) != 0
            && _slice(studyId) != 0 && _isOpen(studyId, round);
        require(_report(pair, kept.included, seed) == counts, "evidence counted where it should not, or did not");
        if (!counts) return;
        _punish(studyId, IStakeVault.Offence.Equivocation, round, offender, kept.included, pair.reporter);
    }

    /// @dev Whom t accuse, counted anew from who accused whom.
    function _convict(uint256 studyId, uint32 round, ICourt.Charge charge, uint64 accused, uint64 participants) private {
        uint64 convicted;
        for (uint256 i = 0; i < _ids[studyId].length; ++i) {
            if (!_has(accused, i)) continue;
            uint256 accusers;
            for (uint256 j = 0; j < _ids[studyId].length; ++j) {
                if (_has(_accusedBy[studyId][round][charge][j], i)) ++accusers;
            }
            if (accusers == STUDIES.study(studyId).plan.threshold) convicted |= _single(i);
        }
        if (convicted == 0) return;
        require(COURT.convicted(studyId, round, charge) & convicted == convicted, "t accused, and nobody is convicted");
        bool payload = charge == ICourt.Charge.Payload;
        if (payload) _convictedOfPayload[studyId][round] |= convicted;
        IStakeVault.Offence offence = payload ? IStakeVault.Offence.FalsePayload : IStakeVault.Offence.FalsePadShare;
        _punish(studyId, offence, round, convicted, participants, address(0));
    }

    function _isOpen(uint256 studyId, uint32 round) private view returns (bool) {
        uint64 closedAt = _kept[studyId][round].closedAt;
        return closedAt == 0 || block.timestamp < closedAt + EQUIVOCATION_WINDOW;
    }

    function _report(Pair memory pair, uint64 included, uint256 seed) private returns (bool counted) {
        bytes32[2] memory digests = [bytes32(seed | 2), bytes32(~(seed | 2))];
        bytes[2] memory signatures;
        for (uint256 i = 0; i < 2; ++i) {
            bytes32 hash = OPENINGS.openingShareHash(pair.studyId, pair.round, included, digests[i]);
            signatures[i] = _signed(pair.operator, hash);
        }
        bytes memory call = abi.encodeCall(
            COURT.reportEquivocation,
            (
                pair.studyId, pair.round, pair.id, included, digests[0], signatures[0], digests[1], signatures[1]
            )
        );
        VM.prank(pair.reporter);
        (counted,) = address(COURT).call(call);
    }
}
