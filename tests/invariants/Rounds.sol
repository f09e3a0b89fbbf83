// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IRewardPool} from "../../contracts/interfaces/IRewardPool.sol";
import {IRoundManager} from "../../contracts/interfaces/IRoundManager.sol";
import {IStudyRegistry} from "../../contracts/interfaces/IStudyRegistry.sol";
import {IAggregationVerifier, ITrainingVerifier} from "../../contracts/interfaces/IVerifiers.sol";
import {FIELD_ORDER} from "../../contracts/libraries/FieldOrder.sol";
import {Studies} from "./Studies.sol";
import {VM} from "./Vm.sol";

/// @title Rounds as hospitals play them, beside what the rules say of each
/// @notice The verifier double accepts everything: that it was asked the right statement is expected of each call.
abstract contract Rounds is Studies {
    /// @param late Those that posted a pad share after its window.
    struct Kept {
        uint64 submitted;
        uint64 attested;
        uint64 included;
        uint64 pads;
        uint64 late;
        bool finalised;
        bool absenceRecorded;
        uint64 closedAt;
        uint256 sumRows;
        uint256 rootAfter;
    }

    mapping(uint256 studyId => mapping(uint32 round => Kept)) internal _kept;
    mapping(uint256 studyId => mapping(uint32 round => mapping(uint256 index => IRoundManager.Submission))) internal
        _submissions;
    mapping(uint256 studyId => mapping(uint32 round => mapping(uint256 index => uint256))) internal _factors;
    mapping(uint256 studyId => mapping(uint32 round => mapping(uint256 index => uint64))) internal _bitmaps;
    mapping(uint256 studyId => mapping(uint32 round => uint64)) internal _convictedOfPayload;
    /// @dev The round that bound a set to these weights: there is one, or none.
    mapping(uint256 studyId => mapping(uint256 root => uint32 round)) internal _boundIn;

    /// @dev Whatever somebody can do next in the round that goes on.
    function _playRound(uint256 studyId, uint256 seed) internal {
        uint32 round = ROUNDS.currentRound(studyId);
        (IRoundManager.Phase phase, uint64 end) = ROUNDS.phase(studyId, round);
        uint64 due = STUDIES.roundTerms(studyId, round).participants & ~_away(studyId, round);
        Kept storage kept = _kept[studyId][round];
        if (phase == IRoundManager.Phase.Submit) due &= ~kept.submitted;
        if (phase == IRoundManager.Phase.Attest) due &= ~kept.attested;
        bool turns = phase == IRoundManager.Phase.Submit || phase == IRoundManager.Phase.Attest;
        if (turns && due == 0) VM.warp(end);
        else if (phase == IRoundManager.Phase.Submit) _takeTurn(studyId, round, due, seed);
        else if (phase == IRoundManager.Phase.Attest) _attest(studyId, round, _member(due, seed), seed);
        else if (phase == IRoundManager.Phase.Include) _include(studyId, round, _servant(studyId, seed));
        else if (phase == IRoundManager.Phase.Failed) _failRound(studyId, round, _servant(studyId, seed));
        else _open(studyId, round, seed);
    }

    /// @dev Who is away for a whole round: nobody in most.
    function _away(uint256 studyId, uint32 round) private view returns (uint64) {
        uint256 chosen = uint256(keccak256(abi.encode(_salt(studyId), round, "away")));
        return chosen % 4 == 0 ? _single((chosen >> 8) % HOSPITALS) : 0;
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
        _kept[studyId][round].submitted |= _single(index);
        _submissions[studyId][round][index] = update;
        _factors[studyId][round][index] = factor;
        _did("submitUpdate");
    }

    function _attest(uint256 studyId, uint32 round, uint8 index, uint256 seed) private {
        Kept storage kept = _kept[studyId][round];
        uint64 held = _draw(seed, "diligence") % 8 == 0 ? uint64(_draw(seed, "held")) : type(uint64).max;
        // In some rounds a hospital serves its ciphertext to nobody.
        uint256 chosen = uint256(keccak256(abi.encode(_planDigests[studyId], round)));
        if (chosen % 4 == 0) held &= ~_single((chosen >> 8) % HOSPITALS);
        uint64 bitmap = kept.submitted & held;
        VM.prank(_operator(studyId, _ids[studyId][index]));
        ROUNDS.attest(studyId, round, bitmap);
        kept.attested |= _single(index);
        _bitmaps[studyId][round][index] = bitmap;
        _did("attest");
    }

    function _include(uint256 studyId, uint32 round, address servant) internal {
        IStudyRegistry.RoundTerms memory terms = STUDIES.roundTerms(studyId, round);
        uint64 set = _widelyHeld(studyId, round, terms.threshold);
        require(ROUNDS.includable(studyId, round) == set, "includable set is not the attestation rule's");
        bool enough = _count(set) >= terms.minimum;
        if (enough) _cheatAtInclude(studyId, round, set);
        Kept storage kept = _kept[studyId][round];
        // With fewer attesting, honest ones alone might not have been enough to hold it.
        uint64 fined = _count(kept.attested) < 2 * uint256(terms.threshold) - 1
            ? 0
            : kept.submitted & ~set & ~_convictedOfPayload[studyId][round];
        VM.prank(servant);
        ROUNDS.includeUpdates(studyId, round, _listed(studyId, round, set));
        if (enough) {
            _bind(studyId, round, set);
        } else {
            kept.closedAt = uint64(block.timestamp);
            fined |= terms.participants & ~(kept.submitted & kept.attested);
            require(ROUNDS.roundState(studyId, round).closedAs == IRoundManager.Phase.Failed, "opened too few");
            _did("failTooFewIncluded");
        }
        _fine(studyId, terms.batch, fined);
        _serve(studyId, servant, enough ? IRewardPool.Service.Include : IRewardPool.Service.Fail, fined);
    }

    /// @dev The set is that of its starting model, once and for all.
    function _bind(uint256 studyId, uint32 round, uint64 set) private {
        uint256 root = _root[studyId];
        require(_boundIn[studyId][root] == 0, "two sets for one starting model");
        _boundIn[studyId][root] = round;
        _kept[studyId][round].included = set;
        (Point memory sum, uint256 rows) = _sum(studyId, round);
        _kept[studyId][round].sumRows = rows;
        IRoundManager.RoundState memory state = ROUNDS.roundState(studyId, round);
        require(state.includedBitmap == set, "included set is not the attestation rule's");
        require(state.sumDigest == keccak256(abi.encode(sum.x, sum.y)), "sum is not that of the included");
        require(state.sumRows == rows, "rows are not those of the included");
        _did("includeUpdates");
    }

    /// @dev Another commitment than was submitted, and nothing at all.
    function _cheatAtInclude(uint256 studyId, uint32 round, uint64 set) private {
        IRoundManager.Submission[] memory listed = _listed(studyId, round, set);
        (listed[0].cx, listed[0].cy) = (_multiples[0].x, _multiples[0].y);
        _refused(STRANGER, address(ROUNDS), abi.encodeCall(ROUNDS.includeUpdates, (studyId, round, listed)));
        listed = new IRoundManager.Submission[](0);
        _refused(STRANGER, address(ROUNDS), abi.encodeCall(ROUNDS.includeUpdates, (studyId, round, listed)));
    }

    /// @dev A share is posted; or somebody has the model; or a window comes to nothing; or absence is put on record.
    function _open(uint256 studyId, uint32 round, uint256 seed) private {
        IRoundManager.RoundState memory state = ROUNDS.roundState(studyId, round);
        uint256 luck = _draw(seed, "luck") % 16;
        if (luck < 2) {
            (, uint64 deadline) = ROUNDS.phase(studyId, round);
            // A suspended round waits long, and few come to nothing.
            return VM.warp(block.timestamp >= state.padsUntil && luck == 0 ? block.timestamp + LENGTH : deadline);
        }
        if (luck == 2) return _recordAbsence(studyId, round);
        if (luck > 11) return _finalise(studyId, round, _servant(studyId, seed), seed);
        uint64 participants = STUDIES.roundTerms(studyId, round).participants;
        if (block.timestamp < state.padsFrom) _share(studyId, round, seed);
        else _padShare(studyId, round, _member(participants, seed));
    }

    /// @dev Somebody drawn posts a CKKS share; twice goes not through.
    function _share(uint256 studyId, uint32 round, uint256 seed) private {
        uint32[] memory quorum = OPENINGS.quorum(studyId, round);
        uint32 id = quorum[seed % quorum.length];
        address operator = _operator(studyId, id);
        bytes32 digest = bytes32(seed | 1);
        bytes32 hash = OPENINGS.openingShareHash(studyId, round, _kept[studyId][round].included, digest);
        bytes memory call = abi.encodeCall(OPENINGS.postShare, (studyId, round, digest, 9, _signed(operator, hash)));
        (uint64 posted,) = OPENINGS.sharesPosted(studyId, round);
        if (_has(posted, STUDIES.enrolment(studyId, id).index)) return _refused(operator, address(OPENINGS), call);
        VM.prank(operator);
        OPENINGS.postShare(studyId, round, digest, 9, _signed(operator, hash));
        _did("postShare");
    }

    /// @dev While a round opens by pads or is suspended, and a while after it was finalised.
    function _padShare(uint256 studyId, uint32 round, uint8 index) internal {
        Kept storage kept = _kept[studyId][round];
        address operator = _operator(studyId, _ids[studyId][index]);
        bytes memory call = abi.encodeCall(OPENINGS.postPadShare, (studyId, round, hex"01"));
        if (_has(kept.pads, index)) return _refused(operator, address(OPENINGS), call);
        bool finalised = kept.finalised;
        if (finalised && !OPENINGS.isRecovering(studyId, round)) return _refused(operator, address(OPENINGS), call);
        VM.prank(operator);
        OPENINGS.postPadShare(studyId, round, hex"01");
        kept.pads |= _single(index);
        if (block.timestamp >= ROUNDS.roundState(studyId, round).padsUntil) kept.late |= _single(index);
        _did(finalised ? "recover" : "postPadShare");
    }

    /// @dev Who posted no pad share in time is fined, once, unless the round was finalised before its window was over.
    function _recordAbsence(uint256 studyId, uint32 round) internal {
        Kept storage kept = _kept[studyId][round];
        IRoundManager.RoundState memory state = ROUNDS.roundState(studyId, round);
        bool counts = kept.included != 0 && !kept.absenceRecorded && block.timestamp >= state.padsUntil
            && (kept.closedAt == 0 || kept.closedAt >= state.padsUntil);
        bytes memory call = abi.encodeCall(OPENINGS.recordAbsence, (studyId, round));
        if (!counts) return _refused(STRANGER, address(OPENINGS), call);
        VM.prank(STRANGER);
        OPENINGS.recordAbsence(studyId, round);
        kept.absenceRecorded = true;
        IStudyRegistry.RoundTerms memory terms = STUDIES.roundTerms(studyId, round);
        _fine(studyId, terms.batch, terms.participants & ~(kept.pads & ~kept.late));
        _did("recordAbsence");
    }

    function _finalise(uint256 studyId, uint32 round, address servant, uint256 seed) private {
        Kept storage kept = _kept[studyId][round];
        (Point memory sum,) = _sum(studyId, round);
        // Seldom a model that a round of the study started from: then no second set is opened, the study is over.
        bool returned = _draw(seed, "returned") % 16 == 0;
        uint256 rootAfter = returned ? _root[studyId] : (_draw(seed, "after") >> 3);
        _expectAggregation(studyId, round, sum, rootAfter);
        VM.prank(servant);
        ROUNDS.finalise(studyId, round, sum.x, sum.y, rootAfter, _noProof());
        (kept.finalised, kept.closedAt) = (true, uint64(block.timestamp));
        kept.rootAfter = _root[studyId] = rootAfter;
        require(!returned || _isOver(studyId), "a study went on from weights that a set was bound to");
        _did(returned ? "modelReturned" : "finalise");
        _serve(studyId, servant, IRewardPool.Service.Finalise, 0);
    }

    function _failRound(uint256 studyId, uint32 round, address servant) internal {
        Kept storage kept = _kept[studyId][round];
        IStudyRegistry.RoundTerms memory terms = STUDIES.roundTerms(studyId, round);
        uint64 fined = kept.included == 0 ? terms.participants & ~kept.submitted : 0;
        VM.prank(servant);
        ROUNDS.failRound(studyId, round);
        kept.closedAt = uint64(block.timestamp);
        _did(kept.included == 0 ? "failTooFewSubmitted" : "failUnopened");
        _fine(studyId, terms.batch, fined);
        _serve(studyId, servant, IRewardPool.Service.Fail, fined);
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

    function _expectAggregation(uint256 studyId, uint32 round, Point memory sum, uint256 rootAfter) private {
        Kept storage kept = _kept[studyId][round];
        uint256 context = ROUNDS.aggregationContext(studyId, round, kept.included);
        uint256[6] memory signals = [context, sum.x, sum.y, kept.sumRows, _root[studyId], rootAfter];
        IRoundManager.Proof memory proof = _noProof();
        VM.expectCall(
            address(DOUBLE),
            abi.encodeCall(IAggregationVerifier.verifyProof, (proof.a, proof.b, proof.c, signals))
        );
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
