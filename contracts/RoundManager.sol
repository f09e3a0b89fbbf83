// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IRoundManager} from "./interfaces/IRoundManager.sol";
import {IStakeVault} from "./interfaces/IStakeVault.sol";
import {IStudyRegistry} from "./interfaces/IStudyRegistry.sol";
import {BabyJubJub} from "./libraries/BabyJubJub.sol";
import {Bitmaps} from "./libraries/Bitmaps.sol";
import {PhaseArithmetic} from "./libraries/PhaseArithmetic.sol";
import {ProofChecks} from "./rounds/ProofChecks.sol";
import {RoundLedger} from "./rounds/RoundLedger.sol";

/// @title Rounds: submit, attest, include, open, finalise or fail
contract RoundManager is ProofChecks, EIP712 {
    using Bitmaps for uint64;
    using Bitmaps for uint8;

    bytes32 private constant _SHARE_TYPE = keccak256(
        "OpeningShare(uint256 studyId,uint32 round,uint64 includedBitmap,uint8 attempt,bytes32 digest)"
    );
    /// @notice Holds the bonds.
    IStakeVault public immutable VAULT;

    /// @param vault May be an address that is deployed later, as `studies`.
    constructor(IStudyRegistry studies, IStakeVault vault) RoundLedger(studies) EIP712("Consilium", "1") {
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
        (IStudyRegistry.RoundTerms memory terms, uint32 hospitalId, uint8 index) =
            STUDIES.participantTerms(studyId, round, msg.sender);
        (PhaseArithmetic.Clock memory clock,) = _clockIn(studyId, round, terms, Phase.Attest);
        _requireParticipant(studyId, terms, hospitalId, index);
        if (clock.attested.has(index)) revert RoundManagerAlreadyAttested(studyId, round, hospitalId);
        uint64 unsubmitted = bitmap & ~clock.submitted;
        if (unsubmitted != 0) revert RoundManagerAttestedUnsubmitted(studyId, round, unsubmitted);

        _attestations[studyId][round][index] = bitmap;
        clock.attested |= index.single();
        if (clock.attested == terms.participants) clock.attestEndedAt = uint40(block.timestamp);
        _clocks[studyId][round] = clock;
        emit CiphertextsAttested(studyId, round, hospitalId, bitmap);
    }

    /// @inheritdoc IRoundManager
    function includeUpdates(uint256 studyId, uint32 round, Submission[] calldata submissions) external {
        IStudyRegistry.RoundTerms memory terms = _terms(studyId, round);
        (PhaseArithmetic.Clock memory clock,) = _clockIn(studyId, round, terms, Phase.Include);
        (uint64 held, uint64 included, uint256 root) = _oneSet(studyId, round, clock, terms);
        if (included.count() < terms.minimum) {
            FailureReason reason = included == held ? FailureReason.TooFewIncluded : FailureReason.AnotherSet;
            _fail(studyId, round, clock, terms, reason);
        } else {
            _sets[studyId][root] = included;
            clock.included = included;
            clock.includedAt = uint40(block.timestamp);
            (uint256 x, uint256 y) = _addUp(studyId, round, clock, submissions);
            _clocks[studyId][round] = clock;
            _sumDigests[studyId][round] = keccak256(abi.encode(x, y));
            emit UpdatesIncluded(studyId, round, included, x, y, clock.sumRows);
        }
        // With fewer attesting, honest ones alone might not have been enough to hold it.
        if (clock.attested.count() >= 2 * terms.threshold - 1) {
            _slash(studyId, round, clock.submitted & ~held, held, IStakeVault.Offence.CiphertextLeftOut);
        }
    }

    /// @inheritdoc IRoundManager
    function postShare(
        uint256 studyId,
        uint32 round,
        uint8 attempt,
        bytes32 digest,
        uint64 size,
        bytes calldata signature
    ) external {
        if (digest == bytes32(0)) revert RoundManagerEmptyDigest();
        (uint32 hospitalId, uint64 included, bool completes) = _countShare(studyId, round, attempt);
        bytes32 signed = openingShareHash(studyId, round, included, attempt, digest);
        (address signer,,) = ECDSA.tryRecover(signed, signature);
        if (signer != msg.sender) revert RoundManagerWrongSignature(studyId, round, hospitalId);
        emit SharePosted(studyId, round, attempt, hospitalId, digest, size, signature);
        if (completes) {
            _clocks[studyId][round].verified = true;
            ++_progress[studyId].verifiedRounds;
            emit WorkVerified(studyId, round, attempt);
        }
    }

    /// @inheritdoc IRoundManager
    function finalise(
        uint256 studyId,
        uint32 round,
        uint256 sumCx,
        uint256 sumCy,
        uint256 rootAfter,
        Proof calldata proof
    ) external {
        _finalise(studyId, round, Result(sumCx, sumCy, rootAfter), proof);
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
        IStudyRegistry.RoundTerms memory terms = _terms(studyId, round);
        (PhaseArithmetic.Clock memory clock, Turn memory turn) = _clockIn(studyId, round, terms, Phase.Failed);
        // A round that failed and was recorded has this phase too, once and for all.
        if (clock.closedAs != Phase.None) revert RoundManagerAlreadyFailed(studyId, round);
        bool opened = clock.includedAt != 0;
        _fail(studyId, round, clock, terms, opened ? FailureReason.Unopened : FailureReason.TooFewSubmissions);
        _slash(studyId, round, turn.missing, clock.included, IStakeVault.Offence.MissingShare);
    }

    /// @inheritdoc IRoundManager
    function openingShareHash(uint256 studyId, uint32 round, uint64 includedBitmap, uint8 attempt, bytes32 digest)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(
            keccak256(abi.encode(_SHARE_TYPE, studyId, round, includedBitmap, attempt, digest))
        );
    }

    function _submit(uint256 studyId, uint32 round, Submission memory entry, Proof calldata proof) private {
        (IStudyRegistry.RoundTerms memory terms, uint32 hospitalId, uint8 index) =
            STUDIES.participantTerms(studyId, round, msg.sender);
        if (round > terms.rounds && round <= terms.plannedRounds) {
            revert RoundManagerPrivacyBudgetSpent(studyId, round);
        }
        (PhaseArithmetic.Clock memory clock,) = _clockIn(studyId, round, terms, Phase.Submit);
        _requireParticipant(studyId, terms, hospitalId, index);
        if (clock.submitted.has(index)) revert RoundManagerAlreadySubmitted(studyId, round, hospitalId);
        if (entry.digest == bytes32(0)) revert RoundManagerEmptyDigest();
        _requireOnCurve(entry.cx, entry.cy);
        uint256 root = _rootBefore(studyId, round, terms);
        uint32 rows = _requireTraining(studyId, round, hospitalId, index, root, entry, proof);

        _submissions[studyId][round][index] = keccak256(abi.encode(entry));
        clock.submitted |= index.single();
        if (clock.submitted == terms.participants) clock.submitEndedAt = uint40(block.timestamp);
        _clocks[studyId][round] = clock;
        emit UpdateSubmitted(studyId, round, hospitalId, entry.digest, entry.size, rows, entry.cx, entry.cy);
    }

    /// @dev Takes note of the caller's share; `completes`: with it, for the first time in the round, all shares of an
    /// attempt are posted.
    function _countShare(uint256 studyId, uint32 round, uint8 attempt)
        private
        returns (uint32 hospitalId, uint64 included, bool completes)
    {
        IStudyRegistry.RoundTerms memory terms;
        uint8 index;
        (terms, hospitalId, index) = STUDIES.participantTerms(studyId, round, msg.sender);
        (PhaseArithmetic.Clock memory clock, Turn memory turn) = _clockIn(studyId, round, terms, Phase.Open);
        _requireParticipant(studyId, terms, hospitalId, index);
        if (attempt != turn.attempt) revert RoundManagerWrongAttempt(studyId, round, attempt, turn.attempt);
        if (!turn.named.has(index)) revert RoundManagerNotInQuorum(studyId, round, attempt, hospitalId);
        uint64 posted = _posted[studyId][round][attempt];
        if (posted.has(index)) revert RoundManagerAlreadyPosted(studyId, round, attempt, hospitalId);
        posted |= index.single();
        _posted[studyId][round][attempt] = posted;
        return (hospitalId, clock.included, !clock.verified && posted.count() == terms.threshold);
    }

    function _finalise(uint256 studyId, uint32 round, Result memory result, Proof calldata proof) private {
        IStudyRegistry.RoundTerms memory terms = _terms(studyId, round);
        (PhaseArithmetic.Clock memory clock, Turn memory turn) = _clockIn(studyId, round, terms, Phase.Open);
        _requireInField(result.rootAfter);
        if (keccak256(abi.encode(result.sumCx, result.sumCy)) != _sumDigests[studyId][round]) {
            revert RoundManagerWrongSum(studyId, round);
        }
        _requireAggregation(studyId, round, clock, result, _rootBefore(studyId, round, terms), proof);

        Progress memory reached = _progress[studyId];
        if (!clock.verified) ++reached.verifiedRounds;
        ++reached.finalisedRounds;
        reached.failedInARow = 0;
        clock.verified = true;
        _close(studyId, round, clock, Phase.Finalised);
        _advance(studyId, round, reached, terms, result.rootAfter);
        emit RoundFinalised(studyId, round, result.rootAfter);
        _slash(studyId, round, turn.missing, clock.included, IStakeVault.Offence.MissingShare);
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
        clock.closedAt = uint40(block.timestamp);
        _clocks[studyId][round] = clock;
    }

    /// @dev Records the weights' root and starts the next round, where there are keys for it, or ends the study.
    function _advance(
        uint256 studyId,
        uint32 round,
        Progress memory reached,
        IStudyRegistry.RoundTerms memory terms,
        uint256 root
    ) private {
        _roots[studyId][round] = root;
        (reached.closed, reached.closedAt) = (round, uint64(block.timestamp));
        if (reached.failedInARow >= terms.unopenedRounds) {
            reached.outcome = Outcome.Cancelled;
        } else if (round == terms.rounds) {
            reached.outcome = Outcome.Completed;
        } else if (round != terms.lastRound) {
            // Without keys for it the next round waits for a ceremony, whose end starts it.
            _clocks[studyId][round + 1].startedAt = uint40(block.timestamp);
        }
        _progress[studyId] = reached;
    }

    function _slash(
        uint256 studyId,
        uint32 round,
        uint64 offenders,
        uint64 beneficiaries,
        IStakeVault.Offence offence
    ) private {
        if (offenders != 0) VAULT.slash(studyId, offence, round, offenders, beneficiaries, address(0));
    }

    /// @dev Adds up commitments and rows of the included set.
    function _addUp(
        uint256 studyId,
        uint32 round,
        PhaseArithmetic.Clock memory clock,
        Submission[] calldata submissions
    ) private view returns (uint256, uint256) {
        uint8 size = clock.included.count();
        if (submissions.length != size) {
            revert RoundManagerWrongSubmissionCount(studyId, round, submissions.length, size);
        }
        uint32[] memory rows = STUDIES.enrolledRows(studyId);
        uint256[] memory xs = new uint256[](size);
        uint256[] memory ys = new uint256[](size);
        uint256 next;
        for (uint8 index = 0; clock.included >> index != 0; ++index) {
            if (!clock.included.has(index)) continue;
            Submission calldata entry = submissions[next];
            _requireRecorded(studyId, round, index, entry);
            (xs[next], ys[next]) = (entry.cx, entry.cy);
            clock.sumRows += uint24(rows[index]);
            ++next;
        }
        return BabyJubJub.sum(xs, ys);
    }

    function _requireRecorded(uint256 studyId, uint32 round, uint8 index, Submission calldata entry) private view {
        if (keccak256(abi.encode(entry)) != _submissions[studyId][round][index]) {
            revert RoundManagerWrongSubmission(studyId, round, STUDIES.enrolledIds(studyId)[index]);
        }
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

    function _requireParticipant(
        uint256 studyId,
        IStudyRegistry.RoundTerms memory terms,
        uint32 hospitalId,
        uint8 index
    ) private pure {
        if (!terms.participants.has(index)) revert RoundManagerNotParticipant(studyId, hospitalId);
    }
}
