// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Rounds: submit, attest, include, open, finalise or fail
/// @notice A round's phase is derived from its deadlines and counters. Submit and Attest end early once every
/// participant has acted; a phase is over at the second of its deadline. A failed round keeps its number (its
/// keys are used up); the next one starts from the same weights, at once where there are keys for it, else when the
/// ceremony that makes them is complete. Participants of a round are those of the ceremony that made its keys.
/// One set for each starting model: training without noise gives the same update again, so that two sums over
/// different sets from the same weights would show somebody's update. Once a set was included, a later round that
/// starts from the same weights includes exactly that set, or fails unopened, unless the study has a privacy budget.
interface IRoundManager {
    enum Phase {
        None,
        Submit,
        Attest,
        Include,
        Open,
        Finalised,
        Failed
    }

    enum Outcome {
        Open,
        Completed,
        Cancelled
    }

    /// @dev AnotherSet: of the set that was included before from the same weights, not all were there again.
    enum FailureReason {
        TooFewSubmissions,
        TooFewIncluded,
        Unopened,
        AnotherSet
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
    /// @param includedAt Time the included set was fixed; attempt k of opening ends (k + 1)·openLength later.
    /// @param closedAt Time the round was finalised or recorded as failed.
    /// @param verified t shares of one attempt were posted, or the round was finalised.
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
        bool verified;
        Phase closedAs;
        uint256 rootBefore;
        uint256 rootAfter;
        bytes32 sumDigest;
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
    error RoundManagerAlreadyPosted(uint256 studyId, uint32 round, uint8 attempt, uint32 hospitalId);
    error RoundManagerAttestedUnsubmitted(uint256 studyId, uint32 round, uint64 unsubmitted);
    error RoundManagerWrongAttempt(uint256 studyId, uint32 round, uint8 attempt, uint8 current);
    error RoundManagerNotInQuorum(uint256 studyId, uint32 round, uint8 attempt, uint32 hospitalId);
    error RoundManagerNotInField(uint256 value);
    error RoundManagerNotOnCurve(uint256 cx, uint256 cy);
    error RoundManagerEmptyDigest();
    error RoundManagerPrivacyBudgetSpent(uint256 studyId, uint32 round);
    error RoundManagerWrongSubmission(uint256 studyId, uint32 round, uint32 hospitalId);
    error RoundManagerWrongSubmissionCount(uint256 studyId, uint32 round, uint256 given, uint8 needed);
    error RoundManagerWrongSum(uint256 studyId, uint32 round);
    error RoundManagerWrongSignature(uint256 studyId, uint32 round, uint32 hospitalId);
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
    event SharePosted(
        uint256 indexed studyId,
        uint32 indexed round,
        uint8 attempt,
        uint32 indexed hospitalId,
        bytes32 digest,
        uint64 size,
        bytes signature
    );
    event WorkVerified(uint256 indexed studyId, uint32 indexed round, uint8 attempt);
    event RoundFinalised(uint256 indexed studyId, uint32 indexed round, uint256 rootAfter);
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

    /// @notice Fixes the included set and adds up its commitments and rows; anyone, after Attest. It is exactly those
    /// with at least t attestations; without a privacy budget, and where a set was included before from the same
    /// weights, exactly that one. Below the minimum, or where not all of that one are there, the round fails and
    /// nobody is named to open. Where at least 2t − 1 hospitals attested, a submitted ciphertext that fewer than t hold
    /// is slashed; one that is held and not included is not.
    /// @param submissions What the hospitals of `includable` submitted, in the order of their indices; not looked at
    /// where they are fewer than the minimum.
    function includeUpdates(uint256 studyId, uint32 round, Submission[] calldata submissions) external;

    /// @notice Records an opening share; only an operator of the open attempt's quorum, once per attempt.
    /// @param signature The caller's, of 65 bytes, over `openingShareHash` of this share. Two with different digests
    /// are evidence against its hospital.
    function postShare(
        uint256 studyId,
        uint32 round,
        uint8 attempt,
        bytes32 digest,
        uint64 size,
        bytes calldata signature
    ) external;

    /// @notice Sets the new model, if the proof of aggregation holds, while opening goes on; anyone. Missing
    /// shares of attempts that ran out are slashed, and the next round starts.
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

    /// @notice Records a round whose phase is Failed, slashes missing shares of attempts that ran out, and
    /// starts the next round or ends the study; anyone.
    function failRound(uint256 studyId, uint32 round) external;

    /// @notice The round that is going on, from 1; 0 before the first; the last one that closed while a ceremony is
    /// held and after the study ended.
    function currentRound(uint256 studyId) external view returns (uint32);

    /// @notice A round's phase now, and the second at which it ends (in Open: the attempt's; 0 where none).
    function phase(uint256 studyId, uint32 round) external view returns (Phase, uint64 deadline);

    /// @notice A round's record.
    function roundState(uint256 studyId, uint32 round) external view returns (RoundState memory);

    /// @notice keccak256(abi.encode(digest, size, cx, cy)) of what a hospital submitted; 0 if nothing.
    function submission(uint256 studyId, uint32 round, uint32 hospitalId) external view returns (bytes32);

    /// @notice What a hospital attested; 0 if nothing.
    function attestation(uint256 studyId, uint32 round, uint32 hospitalId) external view returns (uint64);

    /// @notice The set that `includeUpdates` fixes, in the Include phase; before it what is known so far. 0 where a set
    /// was included before from the same weights and not all of it is there.
    function includable(uint256 studyId, uint32 round) external view returns (uint64);

    /// @notice Opening attempt by the clock, from 0; the plan's `attempts` once all ran out; 0 before opening.
    function currentAttempt(uint256 studyId, uint32 round) external view returns (uint8);

    /// @notice Hospitals named for an attempt, in order; empty before it begins and where too few are left.
    function quorum(uint256 studyId, uint32 round, uint8 attempt) external view returns (uint32[] memory hospitalIds);

    /// @notice Bitmap of indices that posted a share in an attempt.
    function sharesPosted(uint256 studyId, uint32 round, uint8 attempt) external view returns (uint64);

    /// @notice What an operator signs with its share: the EIP-712 hash of
    /// `OpeningShare(uint256 studyId,uint32 round,uint64 includedBitmap,uint8 attempt,bytes32 digest)` in the domain
    /// ("Consilium", "1", chain, this contract).
    function openingShareHash(uint256 studyId, uint32 round, uint64 includedBitmap, uint8 attempt, bytes32 digest)
        external
        view
        returns (bytes32);

    /// @notice How a study's rounds ended, or Open. Completed: all rounds are over. Cancelled: too many in a
    /// row failed.
    function outcome(uint256 studyId) external view returns (Outcome);

    /// @notice Rounds closed, when the last of them was (0 for none), and the outcome.
    function progress(uint256 studyId)
        external
        view
        returns (uint32 closedRounds, uint64 closedAt, Outcome outcome);

    /// @notice Rounds whose work was verified (finalised ones among them), and rounds finalised.
    function tally(uint256 studyId) external view returns (uint32 verifiedRounds, uint32 finalisedRounds);

    /// @notice `context` of a training proof, as the contract computes it.
    function trainingContext(uint256 studyId, uint32 round, uint32 hospitalId, bytes32 digest)
        external
        view
        returns (uint256);

    /// @notice `context` of an aggregation proof, as the contract computes it.
    function aggregationContext(uint256 studyId, uint32 round, uint64 includedBitmap) external view returns (uint256);
}
