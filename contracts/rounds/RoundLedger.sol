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
        return PhaseArithmetic.phase(_clock(studyId, round));
    }

    /// @inheritdoc IRoundManager
    function roundState(uint256 studyId, uint32 round) external view returns (RoundState memory state) {
        PhaseArithmetic.Clock memory clock = _clock(studyId, round);
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
        (state.padsFrom, state.padsUntil) = PhaseArithmetic.padsWindow(clock);
        state.closedAs = clock.closedAs;
        if (clock.startedAt != 0) state.rootBefore = _rootBefore(studyId, round);
        if (clock.closedAs == Phase.Finalised) state.rootAfter = _roots[studyId][round];
        state.sumDigest = _sumDigests[studyId][round];
    }

    /// @inheritdoc IRoundManager
    function standing(uint256 studyId, uint32 round) external view returns (Standing memory at) {
        PhaseArithmetic.Clock memory clock = _clock(studyId, round);
        (at.phase,) = PhaseArithmetic.phase(clock);
        at.opening = clock.opening;
        at.participants = clock.participants;
        at.submitted = clock.submitted;
        at.attested = clock.attested;
        at.included = clock.included;
        at.includedAt = clock.includedAt;
        (at.padsFrom, at.padsUntil) = PhaseArithmetic.padsWindow(clock);
        at.closedAt = clock.closedAt;
        at.threshold = clock.threshold;
        at.batch = clock.batch;
        if (clock.startedAt != 0) at.rootBefore = _rootBefore(studyId, round);
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
        return _widelyHeld(studyId, round, _clock(studyId, round));
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

    /// @dev A round's clock; of one in which nothing was done yet as it begins, or would.
    function _clock(uint256 studyId, uint32 round) internal view returns (PhaseArithmetic.Clock memory clock) {
        clock = _clocks[studyId][round];
        if (clock.participants != 0) return clock;
        IStudyRegistry.RoundTerms memory terms = STUDIES.roundTerms(studyId, round);
        if (terms.participants == 0) return clock;
        Progress memory reached = _progress[studyId];
        // A batch's first round begins with the ceremony's end, any other when the one before closed.
        if (round == terms.firstRound) clock.startedAt = uint40(terms.startedAt);
        else if (round == reached.closed + 1 && reached.outcome == Outcome.Open) clock.startedAt = reached.closedAt;
        clock.participants = terms.participants;
        clock.expected = terms.participants & ~reached.missedTwo;
        bool byPads = terms.padsOnly || reached.failedCkksOpenings >= MOST_FAILED_CKKS_OPENINGS;
        clock.opening = byPads ? Opening.Pads : Opening.Ckks;
        clock.submitLength = terms.submitLength;
        clock.attestLength = terms.attestLength;
        clock.openLength = terms.openLength;
        clock.patience = terms.patience;
        clock.rounds = terms.rounds;
        clock.unopenedRounds = terms.unopenedRounds;
        clock.batch = uint16(terms.batch);
        clock.threshold = terms.threshold;
        clock.minimum = terms.minimum;
    }

    function _rootBefore(uint256 studyId, uint32 round) internal view returns (uint256) {
        return round == 1 ? STUDIES.initialRoot(studyId) : _roots[studyId][round - 1];
    }

    /// @dev Submitted ciphertexts that at least t hospitals attested.
    function _widelyHeld(uint256 studyId, uint32 round, PhaseArithmetic.Clock memory clock)
        internal
        view
        returns (uint64)
    {
        uint64[64] storage attestations = _attestations[studyId][round];
        uint64[] memory bitmaps = new uint64[](clock.attested.count());
        uint256 next;
        for (uint256 index = 0; clock.attested >> index != 0; ++index) {
            if (clock.attested.has(index)) bitmaps[next++] = attestations[index];
        }
        return Bitmaps.inAtLeast(bitmaps, clock.threshold);
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
