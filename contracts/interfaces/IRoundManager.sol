// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Rounds: submit, attest, include, finalise or fail
/// @notice A round's phase is derived from its deadlines and counters. Submit and Attest end early once every
/// expected participant has acted; a phase is over at the second of its deadline. Participants of a round are those of
/// the ceremony that made its keys. A round that fails for too few keeps its number (its keys are used up), ends its
/// batch, and the next one starts from the same weights.
/// One starting model, one set: training without noise gives the same update again, so that two sums over different
/// sets from the same weights would show somebody's update. Including binds the set to the weights, before any share
/// can exist. From then on that round cannot fail: where its opening takes too long it is suspended, and is finalised
/// whenever it opens, until the plan's patience is over and the study ends.
interface IRoundManager {
    enum Phase {
        None,
        Submit,
        Attest,
        Include,
        Open,
        Suspended,
        Finalised,
        Failed
    }

    /// @dev How a round opens: CKKS once, then pads; or pads at once.
    enum Opening {
        Ckks,
        Pads
    }

    enum Outcome {
        Open,
        Completed,
        Cancelled
    }

    /// @dev Unopened: the plan's patience with a round whose set was fixed is over; the study ends.
    enum FailureReason {
        TooFewSubmissions,
        TooFewIncluded,
        Unopened
    }

    /// @dev Groth16 over BN254, as snarkjs' `generatecall` orders it.
    struct Proof {
        uint256[2] a;
        uint256[2][2] b;
        uint256[2] c;
    }

    /// @dev Bitmaps are over enrolment indices; times in seconds.
    /// @param submitEndedAt Time the last participant submitted; 0 if not all did.
    /// @param attestEndedAt Time the last participant attested; 0 if not all did.
    /// @param includedAt Time the included set was fixed.
    /// @param closedAt Time the round was finalised or recorded as failed.
    /// @param expected Bitmap of those for whom Submit and Attest wait: the participants but who missed the submission
    /// of the last two rounds, and of this one so far.
    /// @param opening How it opens: fixed when it begins.
    /// @param padsFrom Second from which pad shares are accepted; 0 before the set is fixed.
    /// @param padsUntil Second at which the pads' window ends and the round is suspended; 0 before the set is fixed.
    /// @param closedAs Finalised or Failed once recorded, else None.
    /// @param sumDigest keccak256(abi.encode(sumCx, sumCy)) of what `UpdatesIncluded` tells; 0 before.
    struct RoundState {
        uint64 startedAt;
        uint64 submittedBitmap;
        uint64 attestedBitmap;
        uint64 includedBitmap;
        uint64 submitEndedAt;
        uint64 attestEndedAt;
        uint64 includedAt;
        uint64 closedAt;
        uint32 sumRows;
        uint64 expected;
        Opening opening;
        uint64 padsFrom;
        uint64 padsUntil;
        Phase closedAs;
        uint256 rootBefore;
        uint256 rootAfter;
        bytes32 sumDigest;
    }

    /// @dev What an opening or an accusation asks of a round; fields as in RoundState and `IStudyRegistry.RoundTerms`.
    struct Standing {
        Phase phase;
        Opening opening;
        uint64 participants;
        uint64 submitted;
        uint64 attested;
        uint64 included;
        uint64 includedAt;
        uint64 padsFrom;
        uint64 padsUntil;
        uint64 closedAt;
        uint8 threshold;
        uint32 batch;
        uint256 rootBefore;
    }

    /// @dev What `UpdateSubmitted` tells; the contract keeps keccak256(abi.encode(digest, size, cx, cy)).
    struct Submission {
        bytes32 digest;
        uint64 size;
        uint256 cx;
        uint256 cy;
    }

    error RoundManagerWrongPhase(uint256 studyId, uint32 round, Phase phase, Phase needed);
    error RoundManagerAlreadyFailed(uint256 studyId, uint32 round);
    error RoundManagerNotParticipant(uint256 studyId, uint32 hospitalId);
    error RoundManagerNoRows(uint256 studyId, uint32 hospitalId);
    error RoundManagerAlreadySubmitted(uint256 studyId, uint32 round, uint32 hospitalId);
    error RoundManagerAlreadyAttested(uint256 studyId, uint32 round, uint32 hospitalId);
    error RoundManagerAttestedUnsubmitted(uint256 studyId, uint32 round, uint64 unsubmitted);
    error RoundManagerNotInField(uint256 value);
    error RoundManagerNotOnCurve(uint256 cx, uint256 cy);
    error RoundManagerEmptyDigest();
    error RoundManagerPrivacyBudgetSpent(uint256 studyId, uint32 round);
    error RoundManagerWrongSubmission(uint256 studyId, uint32 round, uint32 hospitalId);
    error RoundManagerWrongSubmissionCount(uint256 studyId, uint32 round, uint256 given, uint8 needed);
    error RoundManagerWrongSum(uint256 studyId, uint32 round);
    error RoundManagerProofInvalid(uint256 studyId, uint32 round);

    event UpdateSubmitted(
        uint256 indexed studyId,
        uint32 indexed round,
        uint32 indexed hospitalId,
        bytes32 digest,
        uint64 size,
        uint32 rows,
        uint256 cx,
        uint256 cy
    );
    event CiphertextsAttested(
        uint256 indexed studyId, uint32 indexed round, uint32 indexed hospitalId, uint64 bitmap
    );
    event UpdatesIncluded(
        uint256 indexed studyId, uint32 indexed round, uint64 bitmap, uint256 sumCx, uint256 sumCy, uint32 sumRows
    );
    event RoundFinalised(uint256 indexed studyId, uint32 indexed round, uint256 rootAfter);
    /// @dev The new weights are weights that a round of the study already started from: no second set opens from them,
    /// and the study ends.
    event ModelReturned(uint256 indexed studyId, uint32 indexed round, uint256 root);
    event RoundFailed(uint256 indexed studyId, uint32 indexed round, FailureReason reason);
    event ModelPosted(uint256 indexed studyId, uint32 indexed round, address from, bytes32 digest, uint64 size);

    /// @notice Records a hospital's update in the Submit phase, if the proof of training holds; only a
    /// participant's operator, once per round. All public inputs but C come from state.
    /// @param digest Content digest of the ciphertext, bound into the proof's context.
    /// @param size Bytes of the ciphertext.
    /// @param cx Pedersen commitment to the update (Baby Jubjub), below the field order as `cy` is.
    function submitUpdate(
        uint256 studyId,
        uint32 round,
        bytes32 digest,
        uint64 size,
        uint256 cx,
        uint256 cy,
        Proof calldata proof
    ) external;

    /// @notice Says which submitted ciphertexts the caller's hospital holds complete and serves, in the Attest
    /// phase; only a participant's operator, once per round.
    /// @param bitmap Over enrolment indices; only submitted ones may be set.
    function attest(uint256 studyId, uint32 round, uint64 bitmap) external;

    /// @notice Fixes the included set and adds up its commitments and rows; anyone, after Attest; paid by the study's
    /// service budget. It is exactly those with at least t attestations. Below the minimum the round fails. Where at
    /// least 2t − 1 hospitals attested, whoever is left out pays a fine for absence, unless convicted of a false
    /// payload.
    /// @param submissions What the hospitals of `includable` submitted, in the order of their indices; not looked at
    /// where they are fewer than the minimum.
    function includeUpdates(uint256 studyId, uint32 round, Submission[] calldata submissions) external;

    /// @notice Sets the new model, if the proof of aggregation holds, in Open or Suspended; anyone; paid by the study's
    /// service budget. The next round starts, unless the study ends.
    /// @param sumCx Sum of the included commitments, as `UpdatesIncluded` tells it, with `sumCy`.
    /// @param rootAfter Poseidon root of the new weights, below the field order.
    function finalise(
        uint256 studyId,
        uint32 round,
        uint256 sumCx,
        uint256 sumCy,
        uint256 rootAfter,
        Proof calldata proof
    ) external;

    /// @notice Logs where a finalised model's file can be found; anyone, any number of times. Readers check the
    /// file against `rootAfter`.
    function postModel(uint256 studyId, uint32 round, bytes32 digest, uint64 size) external;

    /// @notice Records a round whose phase is Failed: the next round starts, or the study ends; anyone; paid by the
    /// study's service budget.
    function failRound(uint256 studyId, uint32 round) external;

    /// @notice The round that is going on, from 1; 0 before the first; the last one that closed while a ceremony is
    /// held and after the study ended.
    function currentRound(uint256 studyId) external view returns (uint32);

    /// @notice A round's phase now, and the second at which it ends (in Open: the window's, in
    /// Suspended: that of the plan's patience; 0 where none).
    function phase(uint256 studyId, uint32 round) external view returns (Phase, uint64 deadline);

    /// @notice A round's record.
    function roundState(uint256 studyId, uint32 round) external view returns (RoundState memory);

    /// @notice keccak256(abi.encode(digest, size, cx, cy)) of what a hospital submitted; 0 if nothing.
    function submission(uint256 studyId, uint32 round, uint32 hospitalId) external view returns (bytes32);

    /// @notice Where a round stands, for the contracts that act on it.
    function standing(uint256 studyId, uint32 round) external view returns (Standing memory);

    /// @notice What a hospital attested; 0 if nothing.
    function attestation(uint256 studyId, uint32 round, uint32 hospitalId) external view returns (uint64);

    /// @notice The set that `includeUpdates` fixes, in the Include phase; before it what is known so far.
    function includable(uint256 studyId, uint32 round) external view returns (uint64);

    /// @notice How a study's rounds ended, or Open. Completed: all rounds are over. Cancelled: too many in a
    /// row failed.
    function outcome(uint256 studyId) external view returns (Outcome);

    /// @notice Rounds closed, when the last of them was (0 for none), and the outcome.
    function progress(uint256 studyId)
        external
        view
        returns (uint32 closedRounds, uint64 closedAt, Outcome outcome);

    /// @notice Rounds finalised.
    function finalisedRounds(uint256 studyId) external view returns (uint32);

    /// @notice Rounds that CKKS did not open in its window, so far: with two, all later rounds open by pads at once.
    function failedCkksOpenings(uint256 studyId) external view returns (uint8);

    /// @notice Whether a set was bound to these weights in the study, and which; 0 for none.
    function setOf(uint256 studyId, uint256 root) external view returns (uint64);

    /// @notice `context` of a training proof, as the contract computes it.
    function trainingContext(uint256 studyId, uint32 round, uint32 hospitalId, bytes32 digest)
        external
        view
        returns (uint256);

    /// @notice `context` of an aggregation proof, as the contract computes it.
    function aggregationContext(uint256 studyId, uint32 round, uint64 includedBitmap) external view returns (uint256);
}
