// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title A study's key ceremonies, and the batches of rounds that they make keys for
/// @notice Who posted what in which step. A step is open from the moment the earlier one is over until its deadline,
/// or until everybody expected has acted; a deadline that passed is moved over by `moveOn`. The first ceremony starts
/// when enrolment ends, every further one when the last round closed that there are keys for. The contract keeps
/// bitmaps (over enrolment indices) and running hashes, the events tell the rest, hospitals check the files. *The
/// dealt* are those whose keys are on record when the Key step is over: shares are dealt to them, and what is secret
/// rests on them.
interface IKeyCeremony {
    enum CeremonyStep {
        Key,
        Deal,
        Hold,
        Complain,
        Acknowledge
    }

    /// @dev TooFew: fewer than the minimum are left. TwoTranscripts: two acknowledgements of t each. NoTranscript:
    /// none.
    enum CeremonyFailure {
        TooFew,
        TwoTranscripts,
        NoTranscript
    }

    /// @param number Ceremony, from 1; 0 while enrolment is not over or the study was cancelled before it.
    /// @param step Step that is open (or has run out).
    /// @param deadline Second at which the step runs out.
    /// @param stepOpenedAt Second at which it began; lacking files are named until the middle of Complain.
    /// @param due Who may post a key.
    /// @param keyed Who has: in the later steps, the dealt.
    /// @param dealt Who posted a dealing.
    /// @param held Who posted what it holds.
    /// @param counted Whose dealing counts (from the end of Hold on; after Complain less those that t lack).
    /// @param satisfied Who holds every dealing that counts and complains of none, or no further.
    /// @param acknowledged Who acknowledged a transcript.
    /// @param completed The ceremony is complete: `participants`, `guilty` and `transcriptDigest` are set.
    /// @param participants Who takes part in the batch's rounds.
    /// @param guilty Who lied in the ceremony.
    /// @param withCkks Dealings have a part for CKKS.
    /// @param keysHash Running hash of the keys: keccak256(abi.encode(previous, index, px, py, boxKey)), from 0.
    /// @param firstRound First round that it makes keys for.
    /// @param rounds How many rounds it makes keys for; not all are used where the batch ends early.
    struct CeremonyState {
        uint32 number;
        CeremonyStep step;
        uint64 deadline;
        uint64 stepOpenedAt;
        uint64 due;
        uint64 keyed;
        uint64 dealt;
        uint64 held;
        uint64 counted;
        uint64 satisfied;
        uint64 acknowledged;
        bool completed;
        uint64 participants;
        uint64 guilty;
        bool withCkks;
        bytes32 keysHash;
        bytes32 transcriptDigest;
        uint32 firstRound;
        uint32 rounds;
    }

    /// @dev All is 0 while there are no keys for a round.
    /// @param ceremony Ceremony that made the round's keys.
    /// @param firstRound First round of the batch.
    /// @param lastRound Last round of the batch, as far as known: it ends earlier on request, or where a round fails.
    /// @param startedAt Time the ceremony was completed and the batch's first round began.
    /// @param participants Who alone submits, attests and opens.
    /// @param dealt To whom shares were dealt: the participants and who was left out later.
    /// @param withCkks As in CeremonyState.
    /// @param number Of the batch, from 1: what fines are counted by.
    struct Batch {
        uint32 ceremony;
        uint32 firstRound;
        uint32 lastRound;
        uint64 startedAt;
        uint64 participants;
        uint64 dealt;
        bool withCkks;
        uint32 number;
    }

    error KeyCeremonyNotStudyRegistry(address caller);
    error KeyCeremonyNotRoundManager(address caller);
    error KeyCeremonyNoCeremony(uint256 studyId);
    error KeyCeremonyWrongCeremony(uint256 studyId, uint32 ceremony, uint32 current);
    error KeyCeremonyWrongStep(uint256 studyId, CeremonyStep step, CeremonyStep needed);
    error KeyCeremonyStepOver(uint256 studyId, CeremonyStep step, uint64 deadline);
    error KeyCeremonyStepOpen(uint256 studyId, CeremonyStep step, uint64 deadline);
    error KeyCeremonyNotExpected(uint256 studyId, CeremonyStep step, uint32 hospitalId);
    error KeyCeremonyAlreadyPosted(uint256 studyId, CeremonyStep step, uint32 hospitalId);
    error KeyCeremonyPadKeyInvalid(uint256 px, uint256 py);
    error KeyCeremonyBoxKeyMissing();
    error KeyCeremonyWrongSalt(uint256 studyId, uint32 hospitalId);
    error KeyCeremonyOtherKeys(uint256 studyId, bytes32 given, bytes32 recorded);
    error KeyCeremonyEmptyDigest();
    error KeyCeremonyNotDealt(uint256 studyId, uint64 without);
    error KeyCeremonyNotSatisfied(uint256 studyId, uint64 lacking);
    error KeyCeremonyNotCounted(uint256 studyId, uint64 without);
    error KeyCeremonyNothingLacking(uint256 studyId);
    error KeyCeremonyTooLateToLack(uint256 studyId, uint64 middle);
    error KeyCeremonyAlreadyComplained(uint256 studyId, uint32 hospitalId, uint8 dealer);
    error KeyCeremonyRoundOutOfRange(uint256 studyId, uint32 round);
    error KeyCeremonyNotInBatch(uint256 studyId, uint32 hospitalId);
    error KeyCeremonyBatchEnding(uint256 studyId, uint32 lastRound);
    error KeyCeremonyAlreadyLeaving(uint256 studyId, uint32 hospitalId);
    error KeyCeremonyNoRoundLeft(uint256 studyId);
    error KeyCeremonyNotRunning(uint256 studyId);

    event KeysPosted(
        uint256 indexed studyId,
        uint32 indexed ceremony,
        uint32 indexed hospitalId,
        uint8 index,
        uint256 px,
        uint256 py,
        bytes32 boxKey
    );
    event DealingPosted(
        uint256 indexed studyId,
        uint32 indexed ceremony,
        uint32 indexed hospitalId,
        uint8 index,
        bytes32 digest,
        uint64 size
    );
    event HoldingPosted(
        uint256 indexed studyId, uint32 indexed ceremony, uint32 indexed hospitalId, uint64 bitmap, bool satisfied
    );
    event LackingNamed(
        uint256 indexed studyId, uint32 indexed ceremony, uint32 indexed hospitalId, uint64 bitmap
    );
    /// @dev D = x·E of that round and dealer, and a proof of equal discrete logarithms (challenge, response).
    event Complained(
        uint256 indexed studyId,
        uint32 indexed ceremony,
        uint32 indexed hospitalId,
        uint8 dealer,
        uint32 round,
        uint256 dx,
        uint256 dy,
        uint256 challenge,
        uint256 response
    );
    event SatisfactionDeclared(uint256 indexed studyId, uint32 indexed ceremony, uint32 indexed hospitalId);
    event TranscriptAcknowledged(
        uint256 indexed studyId, uint32 indexed ceremony, uint32 indexed hospitalId, bytes32 digest, uint64 guilty
    );
    /// @param absent Who was expected in the step that is over and did not act.
    /// @param left Who is still in: the dealt after Key, those whose dealings count later.
    event StepOver(
        uint256 indexed studyId, uint32 indexed ceremony, CeremonyStep step, uint64 absent, uint64 left
    );
    event CeremonyCompleted(
        uint256 indexed studyId,
        uint32 indexed ceremony,
        bytes32 transcriptDigest,
        uint64 participants,
        uint64 guilty,
        uint64 absent
    );
    /// @param next Who may post a key in the next ceremony; 0 when the study ends here.
    event CeremonyFailed(
        uint256 indexed studyId, uint32 indexed ceremony, CeremonyStep step, CeremonyFailure why, uint64 next
    );
    event CeremonyRequested(
        uint256 indexed studyId, uint32 indexed hospitalId, uint32 lastRound, uint256 charged
    );
    event HospitalLeft(uint256 indexed studyId, uint32 indexed hospitalId, uint32 lastRound);
    event BatchCutShort(uint256 indexed studyId, uint32 lastRound, uint64 sittingOut);

    /// @notice Records the caller's keys for the ceremony that goes on; an operator of the due, once.
    /// @param px P on Baby Jubjub, with `py`, canonical; the pad key is 8·P, which must not be the identity.
    /// @param boxKey X25519 public key for the boxes of CKKS; not zero.
    /// @param salt What the hospital committed to when it enrolled: mixed into the draws of the others' blocks.
    function postKeys(uint256 studyId, uint32 ceremony, uint256 px, uint256 py, bytes32 boxKey, bytes32 salt)
        external;

    /// @notice Records the caller's dealing; an operator of the dealt, once.
    /// @param keysHash Of the keys that it was made for: after a reorganisation they may be others.
    function postDealing(uint256 studyId, uint32 ceremony, bytes32 keysHash, bytes32 digest, uint64 size) external;

    /// @notice Says which dealings the caller's hospital holds whole and serves; who dealt, once.
    /// @param satisfied It holds all, and has nothing to complain of. If everybody who dealt says so, Complain is
    /// skipped.
    function postHolding(uint256 studyId, uint32 ceremony, uint64 bitmap, bool satisfied) external;

    /// @notice Names the counted dealings that the caller's hospital still lacks, until the middle of Complain; once.
    /// Those that t name are out: silence, not guilt.
    function nameLacking(uint256 studyId, uint32 ceremony, uint64 bitmap) external;

    /// @notice Complains of the box for the caller's hospital in a dealer's dealing for a round; whose dealing counts,
    /// at most once for each dealer. Everybody can then open that one box and judge.
    function complain(
        uint256 studyId,
        uint32 ceremony,
        uint8 dealer,
        uint32 round,
        uint256 dx,
        uint256 dy,
        uint256 challenge,
        uint256 response
    ) external;

    /// @notice Says that the caller's hospital lacks no dealing and complains no further; once, in Complain.
    function beSatisfied(uint256 studyId, uint32 ceremony) external;

    /// @notice Acknowledges the transcript and who is guilty by it; whose dealing counts, once. What t acknowledge
    /// alike counts, when the step is over.
    function acknowledge(uint256 studyId, uint32 ceremony, bytes32 digest, uint64 guilty) external;

    /// @notice Moves a ceremony on whose step ran out; anyone, paid by the study's service budget. Who was expected and
    /// did not act pays a fine, and loses its place in the batch. Only silence in Complain costs no place: without it a
    /// dealer could escape judgement.
    function moveOn(uint256 studyId) external;

    /// @notice Has a new key ceremony held after the round that is going on; only a participant's operator or owner.
    /// Free once in `batchRounds` rounds for a hospital; sooner it pays the others of the batch from its bond.
    function requestCeremony(uint256 studyId) external;

    /// @notice Gives an index its place from the next ceremony on, and ends the batch with the round that is going on;
    /// only the StudyRegistry, where a hospital joined a running study.
    function join(uint256 studyId, uint8 index) external;

    /// @notice Takes a hospital out of the study after the round that is going on, with which the batch ends if the
    /// hospital takes part in it; only the StudyRegistry.
    function leave(uint256 studyId, uint32 hospitalId, uint8 index) external;

    /// @notice Ends the batch with a round that failed for too few; only the RoundManager. `missing` sit out the next
    /// ceremony, if enough are left without them.
    function cutShort(uint256 studyId, uint32 round, uint64 missing) external;

    /// @notice Where the ceremony stands that goes on, or was completed last.
    function ceremonyState(uint256 studyId) external view returns (CeremonyState memory);

    /// @notice Whether ceremonies failed for good, and with the batch that was completed last whether there are enough
    /// for another: what the study's state follows from.
    function canGoOn(uint256 studyId) external view returns (bool);

    /// @notice The batch that has keys for a round; zeros where none has.
    function batchOf(uint256 studyId, uint32 round) external view returns (Batch memory);

    /// @notice Batches completed, and the last round that there are keys for.
    function batches(uint256 studyId) external view returns (uint32 count, uint32 lastRound);

    /// @notice Whether an index takes part in nothing any more: it left, or was excluded for a lie, and the rounds and
    /// the ceremony that it had a place in are over.
    function isOut(uint256 studyId, uint8 index) external view returns (bool);

    /// @notice Who could post keys if a ceremony began now.
    function nextDue(uint256 studyId) external view returns (uint64);

    /// @notice XOR over the hospitals that posted keys in the first Key step of a study that ended with enough of them,
    /// of keccak256(abi.encode(index, salt)); 0 until that step is over.
    function saltMix(uint256 studyId) external view returns (bytes32);
}
