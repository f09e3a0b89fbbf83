// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IRoundManager} from "../../contracts/interfaces/IRoundManager.sol";
import {IStakeVault} from "../../contracts/interfaces/IStakeVault.sol";
import {IStudyRegistry} from "../../contracts/interfaces/IStudyRegistry.sol";
import {IAggregationVerifier, ITrainingVerifier} from "../../contracts/interfaces/IVerifiers.sol";
import {FIELD_ORDER} from "../../contracts/libraries/FieldOrder.sol";
import {Studies} from "./Studies.sol";
import {VM} from "./Vm.sol";

/// @title Rounds as hospitals play them, beside what the rules say of each
/// @notice The verifier double accepts everything: that it was asked the right statement is expected of each call.
abstract contract Rounds is Studies {
    struct Kept {
        uint64 submitted;
        uint64 attested;
        uint64 included;
        bool verified;
        bool finalised;
        uint64 closedAt;
        uint256 sumRows;
        uint256 rootAfter;
    }

    mapping(uint256 studyId => mapping(uint32 round => Kept)) internal _kept;
    mapping(uint256 studyId => mapping(uint32 round => mapping(uint256 index => IRoundManager.Submission))) internal
        _submissions;
    mapping(uint256 studyId => mapping(uint32 round => mapping(uint256 index => uint256))) internal _factors;
    mapping(uint256 studyId => mapping(uint32 round => mapping(uint256 index => uint64))) internal _bitmaps;
    mapping(uint256 studyId => mapping(uint32 round => mapping(uint8 attempt => uint64))) internal _shares;
    /// @dev Rounds that fixed a set, by the weights that they started from; the last one counts.
    mapping(uint256 studyId => mapping(uint256 root => uint32 round)) private _fixedIn;

    /// @dev Whatever somebody can do next in the round that goes on.
    function _playRound(uint256 studyId, uint256 seed) internal {
        uint32 round = ROUNDS.currentRound(studyId);
        (IRoundManager.Phase phase,) = ROUNDS.phase(studyId, round);
        uint64 participants = STUDIES.roundTerms(studyId, round).participants;
        Kept storage kept = _kept[studyId][round];
        if (phase == IRoundManager.Phase.Submit) _takeTurn(studyId, round, participants & ~kept.submitted, seed);
        else if (phase == IRoundManager.Phase.Attest) _attest(studyId, round, _member(participants & ~kept.attested, seed), seed);
        else if (phase == IRoundManager.Phase.Include) _include(studyId, round);
        else if (phase == IRoundManager.Phase.Open) _open(studyId, round, seed);
        else _failRound(studyId, round);
    }

    /// @dev Who has used no block has nothing to submit, and uses one if it can; the clock goes on in any case.
    function _takeTurn(uint256 studyId, uint32 round, uint64 due, uint256 seed) private {
        uint8 index = _member(due, seed);
        if (_rows[studyId][index] != 0) return _submit(studyId, round, index, seed);
        address operator = _operator(studyId, _ids[studyId][index]);
        _refused(operator, address(ROUNDS), _update(studyId, round));
        _sample(studyId, index, seed);
        if (_draw(seed, "patience") % 8 != 0) return;
        (, uint64 deadline) = ROUNDS.phase(studyId, round);
        VM.warp(deadline);
    }

    /// @dev Records an update; a factor times the base point is its commitment.
    function _submit(uint256 studyId, uint32 round, uint8 index, uint256 seed) private {
        uint256 factor = 1 + _draw(seed, "factor") % LARGEST_FACTOR;
        IRoundManager.Submission memory update = IRoundManager.Submission(
            bytes32(_draw(seed, "ciphertext")), uint64(seed | 1), _multiples[factor].x, _multiples[factor].y
        );
        uint32 id = _ids[studyId][index];
        _expectTraining(studyId, round, index, update);
        address operator = _operator(studyId, id);
        VM.prank(operator);
        ROUNDS.submitUpdate(studyId, round, update.digest, update.size, update.cx, update.cy, _noProof());
        _kept[studyId][round].submitted |= uint64(1) << index;
        _submissions[studyId][round][index] = update;
        _factors[studyId][round][index] = factor;
        _did("submitUpdate");
    }

    function _attest(uint256 studyId, uint32 round, uint8 index, uint256 seed) private {
        Kept storage kept = _kept[studyId][round];
        // Where a set is fixed already for the model: all hold all, or a hospital's ciphertext is held by nobody.
        bool again = _fixedIn[studyId][_root[studyId]] != 0;
        uint64 held = !again && _draw(seed, "diligence") % 8 == 0 ? uint64(_draw(seed, "held")) : type(uint64).max;
        // In some rounds a hospital serves its ciphertext to nobody.
        uint256 chosen = uint256(keccak256(abi.encode(_planDigests[studyId], round)));
        if (chosen % (again ? 2 : 4) == 0) held &= ~(uint64(1) << uint8((chosen >> 8) % HOSPITALS));
        uint64 bitmap = kept.submitted & held;
        address operator = _operator(studyId, _ids[studyId][index]);
        VM.prank(operator);
        ROUNDS.attest(studyId, round, bitmap);
        kept.attested |= uint64(1) << index;
        _bitmaps[studyId][round][index] = bitmap;
        _did("attest");
    }

    function _include(uint256 studyId, uint32 round) internal {
        Kept storage kept = _kept[studyId][round];
        IStudyRegistry.Plan memory plan = STUDIES.study(studyId).plan;
        uint64 held = _widelyHeld(studyId, round, plan.threshold);
        uint64 set = _oneSet(studyId, held, plan.privacyBudget);
        require(ROUNDS.includable(studyId, round) == set, "includable set is not the attestation rule's");
        if (_count(set) >= plan.minimum) _cheatAtInclude(studyId, round, set);
        VM.prank(STRANGER);
        ROUNDS.includeUpdates(studyId, round, _listed(studyId, round, set));
        IRoundManager.RoundState memory state = ROUNDS.roundState(studyId, round);
        if (_count(set) < plan.minimum) {
            require(state.closedAs == IRoundManager.Phase.Failed && state.includedBitmap == 0, "opened too few");
            kept.closedAt = uint64(block.timestamp);
            _did(set == held ? "failTooFewIncluded" : "failAnotherSet");
        } else {
            require(state.includedBitmap == set, "included set is not the attestation rule's");
            kept.included = set;
            if (_fixedIn[studyId][_root[studyId]] != 0) _did("includeAgain");
            _fixedIn[studyId][_root[studyId]] = round;
            (Point memory sum, uint256 rows) = _sum(studyId, round);
            require(state.sumDigest == keccak256(abi.encode(sum.x, sum.y)), "sum is not that of the included");
            require(state.sumRows == rows, "rows are not those of the included");
            kept.sumRows = rows;
            _did("includeUpdates");
        }
        // With fewer attesting, honest ones alone might not have been enough to hold it.
        if (_count(kept.attested) >= 2 * uint256(plan.threshold) - 1) {
            _punish(studyId, IStakeVault.Offence.CiphertextLeftOut, round, kept.submitted & ~held, held, address(0));
        }
    }

    /// @dev Another commitment than was submitted, and nothing at all.
    function _cheatAtInclude(uint256 studyId, uint32 round, uint64 set) private {
        IRoundManager.Submission[] memory listed = _listed(studyId, round, set);
        (listed[0].cx, listed[0].cy) = (_multiples[0].x, _multiples[0].y);
        _refused(STRANGER, address(ROUNDS), abi.encodeCall(ROUNDS.includeUpdates, (studyId, round, listed)));
        listed = new IRoundManager.Submission[](0);
        _refused(STRANGER, address(ROUNDS), abi.encodeCall(ROUNDS.includeUpdates, (studyId, round, listed)));
    }

    /// @dev A member of the quorum posts its share; or somebody has the model; or the attempt comes to nothing.
    function _open(uint256 studyId, uint32 round, uint256 seed) private {
        uint8 attempt = ROUNDS.currentAttempt(studyId, round);
        uint64 open = _named(studyId, round, attempt) & ~_shares[studyId][round][attempt];
        uint256 luck = _draw(seed, "luck") % 12;
        if (luck == 0 || (open == 0 && luck < 6)) {
            (, uint64 deadline) = ROUNDS.phase(studyId, round);
            return VM.warp(deadline);
        }
        if (open == 0 || luck == 11) return _finalise(studyId, round, seed);
        uint8 index = _member(open, seed);
        address operator = _operator(studyId, _ids[studyId][index]);
        bytes32 digest = bytes32(seed | 1);
        bytes32 hash = ROUNDS.openingShareHash(studyId, round, _kept[studyId][round].included, attempt, digest);
        VM.prank(operator);
        ROUNDS.postShare(studyId, round, attempt, digest, 9, _signed(operator, hash));
        _shares[studyId][round][attempt] |= uint64(1) << index;
        _did("postShare");
        if (_count(_shares[studyId][round][attempt]) == STUDIES.roundTerms(studyId, round).threshold) {
            _kept[studyId][round].verified = true;
        }
    }

    function _finalise(uint256 studyId, uint32 round, uint256 seed) private {
        Kept storage kept = _kept[studyId][round];
        uint256 rootAfter = _draw(seed, "root after") >> 3;
        (Point memory sum,) = _sum(studyId, round);
        uint64 missing = _missing(studyId, round);
        uint256[6] memory signals = [
            ROUNDS.aggregationContext(studyId, round, kept.included),
            sum.x, sum.y, kept.sumRows, _root[studyId], rootAfter
        ];
        IRoundManager.Proof memory proof = _noProof();
        VM.expectCall(
            address(DOUBLE),
            abi.encodeCall(IAggregationVerifier.verifyProof, (proof.a, proof.b, proof.c, signals))
        );
        VM.prank(STRANGER);
        ROUNDS.finalise(studyId, round, sum.x, sum.y, rootAfter, proof);
        (kept.verified, kept.finalised, kept.closedAt) = (true, true, uint64(block.timestamp));
        kept.rootAfter = _root[studyId] = rootAfter;
        _did("finalise");
        _punish(studyId, IStakeVault.Offence.MissingShare, round, missing, kept.included, address(0));
    }

    function _failRound(uint256 studyId, uint32 round) internal {
        uint64 missing = _missing(studyId, round);
        VM.prank(STRANGER);
        ROUNDS.failRound(studyId, round);
        Kept storage kept = _kept[studyId][round];
        kept.closedAt = uint64(block.timestamp);
        _did(kept.included == 0 ? "failTooFewSubmitted" : "failUnopened");
        _punish(studyId, IStakeVault.Offence.MissingShare, round, missing, kept.included, address(0));
    }

    /// @dev The rule, index by index: submitted, and in at least t bitmaps.
    function _widelyHeld(uint256 studyId, uint32 round, uint8 threshold) private view returns (uint64 set) {
        for (uint256 i = 0; i < _ids[studyId].length; ++i) {
            uint256 holders;
            for (uint256 j = 0; j < _ids[studyId].length; ++j) {
                if (_has(_bitmaps[studyId][round][j], i)) ++holders;
            }
            if (holders >= threshold) set |= uint64(1) << uint8(i);
        }
    }

    /// @dev The rule, without what the contract keeps: a study without a budget opens one set for each model.
    function _oneSet(uint256 studyId, uint64 held, uint64 budget) private view returns (uint64) {
        uint32 earlier = _fixedIn[studyId][_root[studyId]];
        if (earlier == 0 || budget != 0) return held;
        uint64 before = _kept[studyId][earlier].included;
        return held & before == before ? before : 0;
    }

    function _listed(uint256 studyId, uint32 round, uint64 set)
        internal
        view
        returns (IRoundManager.Submission[] memory listed)
    {
        listed = new IRoundManager.Submission[](_count(set));
        uint256 size;
        for (uint256 i = 0; i < 64; ++i) if (_has(set, i)) listed[size++] = _submissions[studyId][round][i];
    }

    /// @dev Sum of the included commitments, as the multiple of the sum, and of rows.
    function _sum(uint256 studyId, uint32 round) internal view returns (Point memory sum, uint256 rows) {
        uint256 factor;
        for (uint256 i = 0; i < _ids[studyId].length; ++i) {
            if (!_has(_kept[studyId][round].included, i)) continue;
            factor += _factors[studyId][round][i];
            rows += _rows[studyId][i];
        }
        sum = _multiples[factor];
    }

    function _named(uint256 studyId, uint32 round, uint8 attempt) internal view returns (uint64 named) {
        uint32[] memory quorum = ROUNDS.quorum(studyId, round, attempt);
        for (uint256 i = 0; i < _ids[studyId].length; ++i) {
            for (uint256 j = 0; j < quorum.length; ++j) {
                if (quorum[j] == _ids[studyId][i]) named |= uint64(1) << uint8(i);
            }
        }
    }

    /// @dev Named by an attempt that ran out, without a share in it.
    function _missing(uint256 studyId, uint32 round) private view returns (uint64 missing) {
        uint8 attempt = ROUNDS.currentAttempt(studyId, round);
        for (uint8 earlier = 0; earlier < attempt; ++earlier) {
            missing |= _named(studyId, round, earlier) & ~_shares[studyId][round][earlier];
        }
    }

    function _expectTraining(
        uint256 studyId,
        uint32 round,
        uint8 index,
        IRoundManager.Submission memory update
    ) private {
        uint32 id = _ids[studyId][index];
        uint256[7] memory signals = [
            ROUNDS.trainingContext(studyId, round, id, update.digest),
            _root[studyId], _roots[studyId][index], _rows[studyId][index], _planRoot(studyId), update.cx, update.cy
        ];
        IRoundManager.Proof memory proof = _noProof();
        VM.expectCall(
            address(DOUBLE), abi.encodeCall(ITrainingVerifier.verifyProof, (proof.a, proof.b, proof.c, signals))
        );
    }

    function _planRoot(uint256 studyId) private view returns (uint256) {
        IStudyRegistry.Plan memory plan = STUDIES.study(studyId).plan;
        bool bounded = plan.trainingCircuit == 3;
        return 4 | (uint256(bounded ? 0 : 4) << 16) | (uint256(plan.epochs) << 32) | (uint256(plan.learningRate) << 48)
            | (uint256(26) << 80) | (uint256(bounded ? 2 : 1) << 88) | (uint256(plan.updateBound) << 96)
            | (uint256(plan.noiseBound) << 160);
    }

    function _update(uint256 studyId, uint32 round) internal view returns (bytes memory) {
        return abi.encodeCall(
            ROUNDS.submitUpdate,
            (studyId, round, bytes32(uint256(1)), 1, _multiples[1].x, _multiples[1].y, _noProof())
        );
    }

    function _noProof() internal pure returns (IRoundManager.Proof memory proof) {}
}
