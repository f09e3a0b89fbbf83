// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IRoundManager} from "../interfaces/IRoundManager.sol";
import {IStudyRegistry} from "../interfaces/IStudyRegistry.sol";
import {Bitmaps} from "../libraries/Bitmaps.sol";
import {FIELD_ORDER} from "../libraries/FieldOrder.sol";
import {PhaseArithmetic} from "../libraries/PhaseArithmetic.sol";
import {Quorums} from "../libraries/Quorums.sol";

/// @title What rounds remember, and everything that can be read of them
abstract contract RoundLedger is IRoundManager {
    using Bitmaps for uint64;

    struct Progress {
        uint32 closed;
        uint64 closedAt;
        uint32 verifiedRounds;
        uint32 finalisedRounds;
        uint8 failedInARow;
        Outcome outcome;
    }

    /// @dev What finalising a round takes from its caller.
    struct Result {
        uint256 sumCx;
        uint256 sumCy;
        uint256 rootAfter;
    }

    /// @param named Bitmap of indices that the attempt names; empty unless opening goes on.
    /// @param missing Bitmap of indices that an earlier attempt named and that posted no share in it.
    struct Turn {
        Phase phase;
        uint64 deadline;
        uint8 attempt;
        uint64 named;
        uint64 missing;
    }

    /// @notice Tags of a proof's context, so that no proof serves for another purpose.
    bytes32 public constant TRAINING_TAG = keccak256("consilium.training.v1");
    /// @notice As TRAINING_TAG.
    bytes32 public constant AGGREGATION_TAG = keccak256("consilium.aggregation.v1");
    /// @notice Knows the study a round belongs to.
    IStudyRegistry public immutable STUDIES;

    mapping(uint256 studyId => Progress) internal _progress;
    mapping(uint256 studyId => mapping(uint32 round => PhaseArithmetic.Clock)) internal _clocks;
    /// @dev Root of the weights after a round that closed, whether it was finalised or failed.
    mapping(uint256 studyId => mapping(uint32 round => uint256)) internal _roots;
    /// @dev The set that was included last in a round that started from these weights; 0 for none. A model can come
    /// back, also after rounds that were finalised.
    mapping(uint256 studyId => mapping(uint256 root => uint64)) internal _sets;
    mapping(uint256 studyId => mapping(uint32 round => bytes32)) internal _sumDigests;
    mapping(uint256 studyId => mapping(uint32 round => mapping(uint8 index => bytes32))) internal _submissions;
    /// @dev By index, four in a word.
    mapping(uint256 studyId => mapping(uint32 round => uint64[64])) internal _attestations;
    /// @dev By attempt, four in a word.
    mapping(uint256 studyId => mapping(uint32 round => uint64[16])) internal _posted;

    constructor(IStudyRegistry studies) {
        STUDIES = studies;
    }

    /// @inheritdoc IRoundManager
    function currentRound(uint256 studyId) external view returns (uint32) {
        Progress memory reached = _progress[studyId];
        if (reached.outcome != Outcome.Open) return reached.closed;
        (uint32 ceremony,) = STUDIES.ceremonyOf(studyId, reached.closed + 1);
        return ceremony == 0 ? reached.closed : reached.closed + 1;
    }

    /// @inheritdoc IRoundManager
    function phase(uint256 studyId, uint32 round) external view returns (Phase, uint64 deadline) {
        IStudyRegistry.RoundTerms memory terms = _terms(studyId, round);
        Turn memory turn = _turn(studyId, round, _clock(studyId, round, terms), terms);
        return (turn.phase, turn.deadline);
    }

    /// @inheritdoc IRoundManager
    function roundState(uint256 studyId, uint32 round) external view returns (RoundState memory state) {
        IStudyRegistry.RoundTerms memory terms = _terms(studyId, round);
        PhaseArithmetic.Clock memory clock = _clock(studyId, round, terms);
        state.startedAt = clock.startedAt;
        state.submittedBitmap = clock.submitted;
        state.attestedBitmap = clock.attested;
        state.includedBitmap = clock.included;
        state.submitEndedAt = clock.submitEndedAt;
        state.attestEndedAt = clock.attestEndedAt;
        state.includedAt = clock.includedAt;
        state.closedAt = clock.closedAt;
        state.sumRows = clock.sumRows;
        state.verified = clock.verified;
        state.closedAs = clock.closedAs;
        if (clock.startedAt != 0) state.rootBefore = _rootBefore(studyId, round, terms);
        if (clock.closedAs == Phase.Finalised) state.rootAfter = _roots[studyId][round];
        state.sumDigest = _sumDigests[studyId][round];
    }

    /// @inheritdoc IRoundManager
    function submission(uint256 studyId, uint32 round, uint32 hospitalId) external view returns (bytes32) {
        return _submissions[studyId][round][STUDIES.enrolment(studyId, hospitalId).index];
    }

    /// @inheritdoc IRoundManager
    function attestation(uint256 studyId, uint32 round, uint32 hospitalId) external view returns (uint64) {
        return _attestations[studyId][round][STUDIES.enrolment(studyId, hospitalId).index];
    }

    /// @inheritdoc IRoundManager
    function includable(uint256 studyId, uint32 round) external view returns (uint64 included) {
        (, included,) = _oneSet(studyId, round, _clocks[studyId][round], _terms(studyId, round));
    }

    /// @inheritdoc IRoundManager
    function currentAttempt(uint256 studyId, uint32 round) external view returns (uint8) {
        return _attempt(_clocks[studyId][round], _terms(studyId, round));
    }

    /// @inheritdoc IRoundManager
    function quorum(uint256 studyId, uint32 round, uint8 attempt)
        external
        view
        returns (uint32[] memory hospitalIds)
    {
        IStudyRegistry.RoundTerms memory terms = _terms(studyId, round);
        PhaseArithmetic.Clock memory clock = _clocks[studyId][round];
        if (clock.includedAt == 0 || attempt >= terms.attempts || attempt > _attempt(clock, terms)) {
            return new uint32[](0);
        }
        (uint64 bitmap, uint64 missing) = _quorum(studyId, round, attempt, clock, terms);
        if (bitmap == 0) return new uint32[](0);
        uint64 rest = clock.attested & ~missing;
        uint8[] memory named = Quorums.inOrder(round, terms.enrolled, rest, terms.threshold, attempt);
        uint32[] memory ids = STUDIES.enrolledIds(studyId);
        hospitalIds = new uint32[](named.length);
        for (uint256 i = 0; i < named.length; ++i) hospitalIds[i] = ids[named[i]];
    }

    /// @inheritdoc IRoundManager
    function sharesPosted(uint256 studyId, uint32 round, uint8 attempt) external view returns (uint64) {
        return _posted[studyId][round][attempt];
    }

    /// @inheritdoc IRoundManager
    function outcome(uint256 studyId) external view returns (Outcome) {
        return _progress[studyId].outcome;
    }

    /// @inheritdoc IRoundManager
    function progress(uint256 studyId) external view returns (uint32, uint64, Outcome) {
        Progress memory reached = _progress[studyId];
        return (reached.closed, reached.closedAt, reached.outcome);
    }

    /// @inheritdoc IRoundManager
    function tally(uint256 studyId) external view returns (uint32 verifiedRounds, uint32 finalisedRounds) {
        Progress memory reached = _progress[studyId];
        return (reached.verifiedRounds, reached.finalisedRounds);
    }

    /// @inheritdoc IRoundManager
    function trainingContext(uint256 studyId, uint32 round, uint32 hospitalId, bytes32 digest)
        public
        view
        returns (uint256)
    {
        return _context(TRAINING_TAG, studyId, round, hospitalId, digest);
    }

    /// @inheritdoc IRoundManager
    function aggregationContext(uint256 studyId, uint32 round, uint64 includedBitmap) public view returns (uint256) {
        return _context(AGGREGATION_TAG, studyId, round, 0, bytes32(uint256(includedBitmap)));
    }

    function _terms(uint256 studyId, uint32 round) internal view returns (IStudyRegistry.RoundTerms memory) {
        return STUDIES.roundTerms(studyId, round);
    }

    /// @dev A batch's first round begins with the ceremony's end, without a transaction here.
    function _clock(uint256 studyId, uint32 round, IStudyRegistry.RoundTerms memory terms)
        internal
        view
        returns (PhaseArithmetic.Clock memory clock)
    {
        clock = _clocks[studyId][round];
        if (clock.startedAt == 0 && round == terms.firstRound) clock.startedAt = uint40(terms.startedAt);
    }

    function _rootBefore(uint256 studyId, uint32 round, IStudyRegistry.RoundTerms memory terms)
        internal
        view
        returns (uint256)
    {
        return round == 1 ? terms.initialRoot : _roots[studyId][round - 1];
    }

    /// @dev Where a round stands now.
    function _turn(
        uint256 studyId,
        uint32 round,
        PhaseArithmetic.Clock memory clock,
        IStudyRegistry.RoundTerms memory terms
    ) internal view returns (Turn memory turn) {
        (turn.phase, turn.deadline) = PhaseArithmetic.phase(clock, terms);
        if (clock.includedAt == 0 || clock.closedAs != Phase.None) return turn;
        turn.attempt = _attempt(clock, terms);
        (turn.named, turn.missing) = _quorum(studyId, round, turn.attempt, clock, terms);
        if (turn.phase == Phase.Open && turn.named == 0) (turn.phase, turn.deadline) = (Phase.Failed, 0);
    }

    function _attempt(PhaseArithmetic.Clock memory clock, IStudyRegistry.RoundTerms memory terms)
        internal
        view
        returns (uint8)
    {
        return clock.includedAt == 0 ? 0 : PhaseArithmetic.attempt(clock, terms);
    }

    /// @dev Bitmaps of those named for an attempt and of those who missed an earlier one.
    function _quorum(
        uint256 studyId,
        uint32 round,
        uint8 attempt,
        PhaseArithmetic.Clock memory clock,
        IStudyRegistry.RoundTerms memory terms
    ) internal view returns (uint64 named, uint64 missing) {
        uint64[] memory posted = new uint64[](attempt);
        uint64[16] storage record = _posted[studyId][round];
        for (uint256 earlier = 0; earlier < attempt; ++earlier) posted[earlier] = record[earlier];
        return Quorums.derive(round, terms.enrolled, clock.attested, terms.threshold, posted);
    }

    /// @dev Submitted ciphertexts that at least t hospitals attested.
    function _widelyHeld(
        uint256 studyId,
        uint32 round,
        PhaseArithmetic.Clock memory clock,
        IStudyRegistry.RoundTerms memory terms
    ) internal view returns (uint64) {
        uint64[64] storage attestations = _attestations[studyId][round];
        uint64[] memory bitmaps = new uint64[](terms.enrolled);
        for (uint256 index = 0; index < bitmaps.length; ++index) {
            if (clock.attested.has(index)) bitmaps[index] = attestations[index];
        }
        return Bitmaps.inAtLeast(bitmaps, terms.threshold);
    }

    /// @return held What is widely held.
    /// @return included What of it is to be included: all, or exactly the set whose sum was, or may have been, opened
    /// from the same weights; 0 where not all of that is held. A privacy budget pays for another.
    /// @return root Of those weights.
    function _oneSet(
        uint256 studyId,
        uint32 round,
        PhaseArithmetic.Clock memory clock,
        IStudyRegistry.RoundTerms memory terms
    ) internal view returns (uint64 held, uint64 included, uint256 root) {
        held = _widelyHeld(studyId, round, clock, terms);
        root = _rootBefore(studyId, round, terms);
        included = _sets[studyId][root];
        if (included == 0 || STUDIES.privacyBudget(studyId) != 0) included = held;
        else if (included & ~held != 0) included = 0;
    }

    function _context(bytes32 tag, uint256 studyId, uint32 round, uint32 hospitalId, bytes32 digest)
        private
        view
        returns (uint256)
    {
        bytes memory bound = abi.encode(
            tag, block.chainid, address(this), studyId, uint256(round), uint256(hospitalId), digest
        );
        return uint256(keccak256(bound)) % FIELD_ORDER;
    }
}
