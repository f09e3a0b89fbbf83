// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IRoundManager} from "./interfaces/IRoundManager.sol";
import {IStakeVault} from "./interfaces/IStakeVault.sol";
import {IStudyRegistry} from "./interfaces/IStudyRegistry.sol";
import {BabyJubJub} from "./libraries/BabyJubJub.sol";
import {Bitmaps} from "./libraries/Bitmaps.sol";
import {PhaseArithmetic} from "./libraries/PhaseArithmetic.sol";
import {ProofChecks} from "./rounds/ProofChecks.sol";
import {RoundLedger} from "./rounds/RoundLedger.sol";

/// @title Rounds: submit, attest, include, open, finalise or fail
contract RoundManager is ProofChecks {
    using Bitmaps for uint64;
    using Bitmaps for uint8;

    /// @notice Holds the bonds.
    IStakeVault public immutable VAULT;

    /// @param vault May be an address that is deployed later, as `studies`.
    constructor(IStudyRegistry studies, IStakeVault vault) RoundLedger(studies) {
        VAULT = vault;
    }

    /// @inheritdoc IRoundManager
    function submitUpdate(
        uint256 studyId,
        uint32 round,
        bytes32 digest,
        uint64 size,
        uint256 cx,
        uint256 cy,
        Proof calldata proof
    ) external {
        _submit(studyId, round, Submission(digest, size, cx, cy), proof);
    }

    /// @inheritdoc IRoundManager
    function attest(uint256 studyId, uint32 round, uint64 bitmap) external {
        IStudyRegistry.RoundTerms memory terms = STUDIES.roundTerms(studyId, round);
        (PhaseArithmetic.Clock memory clock,) = _clockIn(studyId, round, terms, Phase.Attest);
        IStudyRegistry.Enrolment memory member = _participant(studyId, terms);
        if (clock.attested.has(member.index)) {
            revert RoundManagerAlreadyAttested(studyId, round, member.hospitalId);
        }
        uint64 unsubmitted = bitmap & ~clock.submitted;
        if (unsubmitted != 0) revert RoundManagerAttestedUnsubmitted(studyId, round, unsubmitted);

        _attestations[studyId][round][member.index] = bitmap;
        clock.attested |= member.index.single();
        if (clock.attested == terms.participants) {
            clock.attestEndedAt = uint64(block.timestamp);
            clock.attestEndedBlock = uint64(block.number);
        }
        _clocks[studyId][round] = clock;
        emit CiphertextsAttested(studyId, round, member.hospitalId, bitmap);
    }

    /// @inheritdoc IRoundManager
    function includeUpdates(uint256 studyId, uint32 round) external {
        IStudyRegistry.RoundTerms memory terms = STUDIES.roundTerms(studyId, round);
        (PhaseArithmetic.Clock memory clock,) = _clockIn(studyId, round, terms, Phase.Include);
        uint64 included = _widelyHeld(studyId, round, clock, terms);
        uint64 leftOut = clock.submitted & ~included;
        if (included.count() < terms.minimum) {
            _fail(studyId, round, clock, terms, FailureReason.TooFewIncluded);
        } else {
            clock.included = included;
            clock.includedAt = uint64(block.timestamp);
            clock.includedBlock = uint64(block.number);
            (uint256 x, uint256 y) = _addUp(studyId, round, clock);
            _clocks[studyId][round] = clock;
            emit UpdatesIncluded(studyId, round, included, x, y, clock.sumRows);
        }
        // With fewer attesting, honest ones alone might not have been enough to hold it.
        if (clock.attested.count() >= 2 * terms.threshold - 1) {
            _slash(studyId, round, leftOut, terms, IStakeVault.Offence.CiphertextLeftOut);
        }
    }

    /// @inheritdoc IRoundManager
    function postShare(uint256 studyId, uint32 round, uint8 attempt, bytes32 digest, uint64 size) external {
        IStudyRegistry.RoundTerms memory terms = STUDIES.roundTerms(studyId, round);
        (PhaseArithmetic.Clock memory clock, Turn memory turn) = _clockIn(studyId, round, terms, Phase.Open);
        IStudyRegistry.Enrolment memory member = _participant(studyId, terms);
        if (attempt != turn.attempt) revert RoundManagerWrongAttempt(studyId, round, attempt, turn.attempt);
        if (digest == bytes32(0)) revert RoundManagerEmptyDigest();
        if (!_isNamed(turn.named, member.index)) {
            revert RoundManagerNotInQuorum(studyId, round, attempt, member.hospitalId);
        }
        uint64 posted = _posted[studyId][round][attempt];
        if (posted.has(member.index)) {
            revert RoundManagerAlreadyPosted(studyId, round, attempt, member.hospitalId);
        }

        posted |= member.index.single();
        _posted[studyId][round][attempt] = posted;
        _shares[studyId][round][attempt][member.index] = digest;
        emit SharePosted(studyId, round, attempt, member.hospitalId, digest, size);
        if (!clock.verified && posted.count() == terms.threshold) {
            _clocks[studyId][round].verified = true;
            ++_progress[studyId].verifiedRounds;
            emit WorkVerified(studyId, round, attempt);
        }
    }

    /// @inheritdoc IRoundManager
    function finalise(uint256 studyId, uint32 round, uint256 rootAfter, Proof calldata proof) external {
        IStudyRegistry.RoundTerms memory terms = STUDIES.roundTerms(studyId, round);
        (PhaseArithmetic.Clock memory clock, Turn memory turn) = _clockIn(studyId, round, terms, Phase.Open);
        _requireInField(rootAfter);
        _requireAggregation(studyId, round, clock, _rootBefore(studyId, round, terms), rootAfter, proof);

        _sums[studyId][round].rootAfter = rootAfter;
        Progress memory reached = _progress[studyId];
        if (!clock.verified) ++reached.verifiedRounds;
        ++reached.finalisedRounds;
        reached.failedInARow = 0;
        clock.verified = true;
        _close(studyId, round, clock, Phase.Finalised);
        _advance(studyId, round, reached, terms, rootAfter);
        emit RoundFinalised(studyId, round, rootAfter);
        _slash(studyId, round, turn.missing, terms, IStakeVault.Offence.MissingShare);
    }

    /// @inheritdoc IRoundManager
    function postModel(uint256 studyId, uint32 round, bytes32 digest, uint64 size) external {
        Phase recorded = _clocks[studyId][round].closedAs;
        if (recorded != Phase.Finalised) {
            revert RoundManagerWrongPhase(studyId, round, recorded, Phase.Finalised);
        }
        if (digest == bytes32(0)) revert RoundManagerEmptyDigest();
        emit ModelPosted(studyId, round, msg.sender, digest, size);
    }

    /// @inheritdoc IRoundManager
    function failRound(uint256 studyId, uint32 round) external {
        IStudyRegistry.RoundTerms memory terms = STUDIES.roundTerms(studyId, round);
        (PhaseArithmetic.Clock memory clock, Turn memory turn) = _clockIn(studyId, round, terms, Phase.Failed);
        // A round that failed and was recorded has this phase too, once and for all.
        if (clock.closedAs != Phase.None) revert RoundManagerAlreadyFailed(studyId, round);
        bool opened = clock.includedAt != 0;
        _fail(studyId, round, clock, terms, opened ? FailureReason.Unopened : FailureReason.TooFewSubmissions);
        _slash(studyId, round, turn.missing, terms, IStakeVault.Offence.MissingShare);
    }

    function _submit(uint256 studyId, uint32 round, Submission memory entry, Proof calldata proof) private {
        IStudyRegistry.RoundTerms memory terms = STUDIES.roundTerms(studyId, round);
        (PhaseArithmetic.Clock memory clock,) = _clockIn(studyId, round, terms, Phase.Submit);
        IStudyRegistry.Enrolment memory member = _participant(studyId, terms);
        if (clock.submitted.has(member.index)) {
            revert RoundManagerAlreadySubmitted(studyId, round, member.hospitalId);
        }
        if (entry.digest == bytes32(0)) revert RoundManagerEmptyDigest();
        _requireInField(entry.cx);
        _requireInField(entry.cy);
        _requireTraining(studyId, round, member, _rootBefore(studyId, round, terms), entry, proof);

        _submissions[studyId][round][member.index] = entry;
        clock.submitted |= member.index.single();
        if (clock.submitted == terms.participants) {
            clock.submitEndedAt = uint64(block.timestamp);
            clock.submitEndedBlock = uint64(block.number);
        }
        _clocks[studyId][round] = clock;
        emit UpdateSubmitted(
            studyId, round, member.hospitalId, entry.digest, entry.size, member.rows, entry.cx, entry.cy
        );
    }

    function _fail(
        uint256 studyId,
        uint32 round,
        PhaseArithmetic.Clock memory clock,
        IStudyRegistry.RoundTerms memory terms,
        FailureReason reason
    ) private {
        Progress memory reached = _progress[studyId];
        ++reached.failedInARow;
        uint256 root = _rootBefore(studyId, round, terms);
        _close(studyId, round, clock, Phase.Failed);
        _advance(studyId, round, reached, terms, root);
        emit RoundFailed(studyId, round, reason);
    }

    function _close(uint256 studyId, uint32 round, PhaseArithmetic.Clock memory clock, Phase as_) private {
        clock.closedAs = as_;
        clock.closedAt = uint64(block.timestamp);
        _clocks[studyId][round] = clock;
    }

    /// @dev Starts the next round from `root`, where there are keys for it, or ends the study.
    function _advance(
        uint256 studyId,
        uint32 round,
        Progress memory reached,
        IStudyRegistry.RoundTerms memory terms,
        uint256 root
    ) private {
        (reached.closed, reached.closedAt) = (round, uint64(block.timestamp));
        if (reached.failedInARow >= terms.unopenedRounds) {
            reached.outcome = Outcome.Cancelled;
        } else if (round == terms.rounds) {
            reached.outcome = Outcome.Completed;
        } else {
            // Without keys for it the next round waits for a ceremony, whose end starts it.
            if (round != terms.lastRound) _clocks[studyId][round + 1].startedAt = uint64(block.timestamp);
            _sums[studyId][round + 1].rootBefore = root;
        }
        _progress[studyId] = reached;
    }

    function _slash(
        uint256 studyId,
        uint32 round,
        uint64 offenders,
        IStudyRegistry.RoundTerms memory terms,
        IStakeVault.Offence offence
    ) private {
        if (offenders == 0) return;
        uint32[] memory ids = STUDIES.enrolledIds(studyId);
        for (uint8 index = 0; offenders >> index != 0; ++index) {
            if (offenders.has(index)) VAULT.slash(studyId, ids[index], terms.slice, offence, round);
        }
    }

    /// @dev Adds up commitments and rows of the included set.
    function _addUp(uint256 studyId, uint32 round, PhaseArithmetic.Clock memory clock)
        private
        returns (uint256 x, uint256 y)
    {
        uint32[] memory rows = STUDIES.enrolledRows(studyId);
        uint8 size = clock.included.count();
        uint256[] memory xs = new uint256[](size);
        uint256[] memory ys = new uint256[](size);
        uint256 next;
        for (uint8 index = 0; index < rows.length; ++index) {
            if (!clock.included.has(index)) continue;
            Submission storage entry = _submissions[studyId][round][index];
            (xs[next], ys[next]) = (entry.cx, entry.cy);
            clock.sumRows += rows[index];
            ++next;
        }
        (x, y) = BabyJubJub.sum(xs, ys);
        Sums storage sums = _sums[studyId][round];
        (sums.cx, sums.cy) = (x, y);
    }

    /// @dev Submitted ciphertexts that at least t hospitals attested.
    function _widelyHeld(
        uint256 studyId,
        uint32 round,
        PhaseArithmetic.Clock memory clock,
        IStudyRegistry.RoundTerms memory terms
    ) private view returns (uint64) {
        uint64[] memory bitmaps = new uint64[](terms.enrolled);
        for (uint8 index = 0; index < terms.enrolled; ++index) {
            if (clock.attested.has(index)) bitmaps[index] = _attestations[studyId][round][index];
        }
        return Bitmaps.inAtLeast(bitmaps, terms.threshold);
    }

    /// @dev The round's clock, if the round is in the phase that a call needs.
    function _clockIn(uint256 studyId, uint32 round, IStudyRegistry.RoundTerms memory terms, Phase needed)
        private
        view
        returns (PhaseArithmetic.Clock memory clock, Turn memory turn)
    {
        clock = _clock(studyId, round, terms);
        turn = _turn(studyId, round, clock, terms);
        if (turn.phase != needed) revert RoundManagerWrongPhase(studyId, round, turn.phase, needed);
    }

    function _participant(uint256 studyId, IStudyRegistry.RoundTerms memory terms)
        private
        view
        returns (IStudyRegistry.Enrolment memory member)
    {
        member = STUDIES.enrolmentOf(studyId, msg.sender);
        if (!terms.participants.has(member.index)) {
            revert RoundManagerNotParticipant(studyId, member.hospitalId);
        }
    }

    function _isNamed(uint8[] memory named, uint8 index) private pure returns (bool) {
        for (uint256 i = 0; i < named.length; ++i) {
            if (named[i] == index) return true;
        }
        return false;
    }
}
