// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IKeyCeremony} from "../interfaces/IKeyCeremony.sol";
import {IRoundManager} from "../interfaces/IRoundManager.sol";
import {IStudyRegistry} from "../interfaces/IStudyRegistry.sol";
import {Bitmaps} from "../libraries/Bitmaps.sol";
import {MOST_FAILED_CKKS_OPENINGS} from "../libraries/FailedOpenings.sol";
import {FIELD_ORDER} from "../libraries/FieldOrder.sol";
import {PhaseArithmetic} from "../libraries/PhaseArithmetic.sol";

/// @title What rounds remember, and everything that can be read of them
abstract contract RoundLedger is IRoundManager {
    using Bitmaps for uint64;

    /// @dev One word of storage.
    /// @param missed Participants of the last closed round that did not submit.
    /// @param missedTwo Those of them that missed the one before as well.
    struct Progress {
        uint32 closed;
        uint40 closedAt;
        uint32 finalisedRounds;
        uint8 failedInARow;
        uint8 failedCkksOpenings;
        Outcome outcome;
        uint64 missed;
        uint64 missedTwo;
    }

    /// @dev What finalising a round takes from its caller.
    struct Result {
        uint256 sumCx;
        uint256 sumCy;
        uint256 rootAfter;
    }

    /// @notice Tags of a proof's context, so that no proof serves for another purpose.
    bytes32 public constant TRAINING_TAG = keccak256("consilium.training.v1");
    /// @notice As TRAINING_TAG.
    bytes32 public constant AGGREGATION_TAG = keccak256("consilium.aggregation.v1");
    /// @notice Knows the study a round belongs to.
    IStudyRegistry public immutable STUDIES;
    /// @notice Knows which rounds there are keys for.
    IKeyCeremony public immutable KEYS;

    mapping(uint256 studyId => Progress) internal _progress;
    mapping(uint256 studyId => mapping(uint32 round => PhaseArithmetic.Clock)) internal _clocks;
    /// @dev Root of the weights after a round that closed, whether it was finalised or failed.
    mapping(uint256 studyId => mapping(uint32 round => uint256)) internal _roots;
    mapping(uint256 studyId => mapping(uint32 round => bytes32)) internal _sumDigests;
    mapping(uint256 studyId => mapping(uint32 round => mapping(uint8 index => bytes32))) internal _submissions;
    /// @dev By index, four in a word.
    mapping(uint256 studyId => mapping(uint32 round => uint64[64])) internal _attestations;

    /// @inheritdoc IRoundManager
    mapping(uint256 studyId => mapping(uint256 root => uint64)) public setOf;

    constructor(IStudyRegistry studies, IKeyCeremony keys) {
        STUDIES = studies;
        KEYS = keys;
    }

    /// @inheritdoc IRoundManager
    function currentRound(uint256 studyId) external view returns (uint32) {
        Progress storage reached = _progress[studyId];
        if (reached.outcome != Outcome.Open) return reached.closed;
        bool hasKeys = KEYS.batchOf(studyId, reached.closed + 1).ceremony != 0;
        return hasKeys ? reached.closed + 1 : reached.closed;
    }

    /// @inheritdoc IRoundManager
    function phase(uint256 studyId, uint32 round) external view returns (Phase, uint64 deadline) {
        IStudyRegistry.RoundTerms memory terms = _terms(studyId, round);
        return PhaseArithmetic.phase(_clock(studyId, round, terms), terms);
    }

    /// @inheritdoc IRoundManager
    function roundState(uint256 studyId, uint32 round) external view returns (RoundState memory) {
        IStudyRegistry.RoundTerms memory terms = _terms(studyId, round);
        return _state(studyId, round, _clock(studyId, round, terms), terms);
    }

    /// @inheritdoc IRoundManager
    function standing(uint256 studyId, uint32 round) external view returns (Standing memory at) {
        IStudyRegistry.RoundTerms memory terms = _terms(studyId, round);
        PhaseArithmetic.Clock memory clock = _clock(studyId, round, terms);
        at.state = _state(studyId, round, clock, terms);
        (at.phase,) = PhaseArithmetic.phase(clock, terms);
        at.participants = terms.participants;
        at.threshold = terms.threshold;
        at.batch = terms.batch;
        at.recovery = terms.recovery;
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
    function includable(uint256 studyId, uint32 round) external view returns (uint64) {
        IStudyRegistry.RoundTerms memory terms = _terms(studyId, round);
        return _widelyHeld(studyId, round, _clock(studyId, round, terms), terms);
    }

    /// @inheritdoc IRoundManager
    function outcome(uint256 studyId) external view returns (Outcome) {
        return _progress[studyId].outcome;
    }

    /// @inheritdoc IRoundManager
    function progress(uint256 studyId) external view returns (uint32, uint64, Outcome) {
        Progress storage reached = _progress[studyId];
        return (reached.closed, reached.closedAt, reached.outcome);
    }

    /// @inheritdoc IRoundManager
    function finalisedRounds(uint256 studyId) external view returns (uint32) {
        return _progress[studyId].finalisedRounds;
    }

    /// @inheritdoc IRoundManager
    function failedCkksOpenings(uint256 studyId) external view returns (uint8) {
        return _progress[studyId].failedCkksOpenings;
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

    function _record(uint256 studyId, uint32 round, PhaseArithmetic.Clock memory clock) internal {
        _clocks[studyId][round] = clock;
    }

    function _terms(uint256 studyId, uint32 round) internal view returns (IStudyRegistry.RoundTerms memory) {
        return STUDIES.roundTerms(studyId, round);
    }

    /// @dev A batch's first round begins with the ceremony's end, without a transaction here. Whom a round waits for
    /// and how it opens follows from the rounds before; it is written down with the first thing done in it.
    function _clock(uint256 studyId, uint32 round, IStudyRegistry.RoundTerms memory terms)
        internal
        view
        returns (PhaseArithmetic.Clock memory clock)
    {
        clock = _clocks[studyId][round];
        if (clock.startedAt == 0 && round == terms.firstRound) clock.startedAt = uint40(terms.startedAt);
        if (clock.startedAt == 0 || clock.expected != 0 || clock.closedAs != Phase.None) return clock;
        Progress storage reached = _progress[studyId];
        clock.expected = terms.participants & ~reached.missedTwo;
        bool byPads = terms.padsOnly || reached.failedCkksOpenings >= MOST_FAILED_CKKS_OPENINGS;
        clock.opening = byPads ? Opening.Pads : Opening.Ckks;
    }

    function _rootBefore(uint256 studyId, uint32 round, IStudyRegistry.RoundTerms memory terms)
        internal
        view
        returns (uint256)
    {
        return round == 1 ? terms.initialRoot : _roots[studyId][round - 1];
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

    function _state(
        uint256 studyId,
        uint32 round,
        PhaseArithmetic.Clock memory clock,
        IStudyRegistry.RoundTerms memory terms
    ) private view returns (RoundState memory state) {
        state.startedAt = clock.startedAt;
        state.submittedBitmap = clock.submitted;
        state.attestedBitmap = clock.attested;
        state.includedBitmap = clock.included;
        state.submitEndedAt = clock.submitEndedAt;
        state.attestEndedAt = clock.attestEndedAt;
        state.includedAt = clock.includedAt;
        state.closedAt = clock.closedAt;
        state.sumRows = clock.sumRows;
        state.expected = clock.expected;
        state.opening = clock.opening;
        (state.padsFrom, state.padsUntil) = PhaseArithmetic.padsWindow(clock, terms);
        state.closedAs = clock.closedAs;
        if (clock.startedAt != 0) state.rootBefore = _rootBefore(studyId, round, terms);
        if (clock.closedAs == Phase.Finalised) state.rootAfter = _roots[studyId][round];
        state.sumDigest = _sumDigests[studyId][round];
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
