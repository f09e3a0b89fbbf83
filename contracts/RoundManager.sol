// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ICourt} from "./interfaces/ICourt.sol";
import {IKeyCeremony} from "./interfaces/IKeyCeremony.sol";
import {IRewardPool} from "./interfaces/IRewardPool.sol";
import {IRoundManager} from "./interfaces/IRoundManager.sol";
import {IStakeVault} from "./interfaces/IStakeVault.sol";
import {IStudyRegistry} from "./interfaces/IStudyRegistry.sol";
import {Actors} from "./libraries/Actors.sol";
import {BabyJubJub} from "./libraries/BabyJubJub.sol";
import {Bitmaps} from "./libraries/Bitmaps.sol";
import {PhaseArithmetic} from "./libraries/PhaseArithmetic.sol";
import {ProofChecks} from "./rounds/ProofChecks.sol";
import {RoundLedger} from "./rounds/RoundLedger.sol";

/// @title Rounds: submit, attest, include, finalise or fail
contract RoundManager is ProofChecks {
    using Actors for IStudyRegistry;
    using Bitmaps for uint64;
    using Bitmaps for uint8;

    /// @notice Holds the bonds.
    IStakeVault public immutable VAULT;
    /// @notice Credits services.
    IRewardPool public immutable REWARDS;
    /// @notice Knows who lied.
    ICourt public immutable COURT;

    /// @param studies May be an address that is deployed later, as all others.
    constructor(IStudyRegistry studies, IKeyCeremony keys, IStakeVault vault, IRewardPool rewards, ICourt court)
        RoundLedger(studies, keys)
    {
        VAULT = vault;
        REWARDS = rewards;
        COURT = court;
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
        (uint32 hospitalId, uint8 index) = STUDIES.memberOf(studyId, msg.sender);
        PhaseArithmetic.Clock memory clock = _clockIn(studyId, round, Phase.Attest);
        _requireParticipant(studyId, clock, hospitalId, index);
        if (clock.attested.has(index)) revert RoundManagerAlreadyAttested(studyId, round, hospitalId);
        uint64 unsubmitted = bitmap & ~clock.submitted;
        if (unsubmitted != 0) revert RoundManagerAttestedUnsubmitted(studyId, round, unsubmitted);

        _attestations[studyId][round][index] = bitmap;
        clock.attested |= index.single();
        if (PhaseArithmetic.haveActed(clock.attested, clock)) clock.attestEndedAt = uint40(block.timestamp);
        _record(studyId, round, clock);
        emit CiphertextsAttested(studyId, round, hospitalId, bitmap);
    }

    /// @inheritdoc IRoundManager
    function includeUpdates(uint256 studyId, uint32 round, Submission[] calldata submissions) external {
        PhaseArithmetic.Clock memory clock = _clockIn(studyId, round, Phase.Include);
        uint64 included = _widelyHeld(studyId, round, clock);
        uint64 leftOut = _leftOut(studyId, round, clock, included);
        if (included.count() < clock.minimum) {
            uint64 missing = leftOut | (clock.participants & ~(clock.submitted & clock.attested));
            _fail(studyId, round, clock, FailureReason.TooFewIncluded, missing);
            return;
        }
        setOf[studyId][_rootBefore(studyId, round)] = included;
        clock.included = included;
        clock.includedAt = uint40(block.timestamp);
        (uint256 x, uint256 y) = _addUp(studyId, round, clock, submissions);
        _record(studyId, round, clock);
        _sumDigests[studyId][round] = keccak256(abi.encode(x, y));
        emit UpdatesIncluded(studyId, round, included, x, y, clock.sumRows);
        if (leftOut != 0) VAULT.fine(studyId, clock.batch, leftOut);
        _credit(studyId, IRewardPool.Service.Include, leftOut);
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
        PhaseArithmetic.Clock memory clock = _clockIn(studyId, round, Phase.Failed);
        // A round that failed and was recorded has this phase too, once and for all.
        if (clock.closedAs != Phase.None) revert RoundManagerAlreadyFailed(studyId, round);
        bool wasFixed = clock.includedAt != 0;
        uint64 missing = wasFixed ? 0 : clock.participants & ~clock.submitted;
        FailureReason reason = wasFixed ? FailureReason.Unopened : FailureReason.TooFewSubmissions;
        _fail(studyId, round, clock, reason, missing);
    }

    function _submit(uint256 studyId, uint32 round, Submission memory entry, Proof calldata proof) private {
        (uint32 hospitalId, uint8 index) = STUDIES.memberOf(studyId, msg.sender);
        PhaseArithmetic.Clock memory clock = _clock(studyId, round);
        (Phase at,) = PhaseArithmetic.phase(clock);
        if (at == Phase.None) _requireBudget(studyId, round);
        if (at != Phase.Submit) revert RoundManagerWrongPhase(studyId, round, at, Phase.Submit);
        _requireParticipant(studyId, clock, hospitalId, index);
        if (clock.submitted.has(index)) revert RoundManagerAlreadySubmitted(studyId, round, hospitalId);
        if (entry.digest == bytes32(0)) revert RoundManagerEmptyDigest();
        _requireOnCurve(entry.cx, entry.cy);
        uint256 root = _rootBefore(studyId, round);
        uint32 rows = _requireTraining(studyId, round, hospitalId, index, root, entry, proof);

        _submissions[studyId][round][index] = keccak256(abi.encode(entry));
        clock.submitted |= index.single();
        // Whoever is back is waited for again.
        clock.expected |= index.single();
        if (PhaseArithmetic.haveActed(clock.submitted, clock)) clock.submitEndedAt = uint40(block.timestamp);
        _record(studyId, round, clock);
        emit UpdateSubmitted(studyId, round, hospitalId, entry.digest, entry.size, rows, entry.cx, entry.cy);
    }

    function _finalise(uint256 studyId, uint32 round, Result memory result, Proof calldata proof) private {
        PhaseArithmetic.Clock memory clock = _clock(studyId, round);
        (Phase at,) = PhaseArithmetic.phase(clock);
        if (at != Phase.Open && at != Phase.Suspended) revert RoundManagerWrongPhase(studyId, round, at, Phase.Open);
        _requireInField(result.rootAfter);
        if (keccak256(abi.encode(result.sumCx, result.sumCy)) != _sumDigests[studyId][round]) {
            revert RoundManagerWrongSum(studyId, round);
        }
        _requireAggregation(studyId, round, clock, result, _rootBefore(studyId, round), proof);

        Progress memory reached = _progress[studyId];
        ++reached.finalisedRounds;
        reached.failedInARow = 0;
        (uint64 padsFrom,) = PhaseArithmetic.padsWindow(clock);
        if (clock.opening == Opening.Ckks && block.timestamp >= padsFrom) ++reached.failedCkksOpenings;
        // The same updates would come of the same weights, and a second set would show the difference.
        bool returned = setOf[studyId][result.rootAfter] != 0;
        if (returned) reached.outcome = Outcome.Completed;
        _close(studyId, round, clock, reached, Phase.Finalised, result.rootAfter);
        emit RoundFinalised(studyId, round, result.rootAfter);
        if (returned) emit ModelReturned(studyId, round, result.rootAfter);
        _credit(studyId, IRewardPool.Service.Finalise, 0);
    }

    /// @param missing Indices that the failure is put down to: they are fined, and sit out the next ceremony.
    function _fail(
        uint256 studyId,
        uint32 round,
        PhaseArithmetic.Clock memory clock,
        FailureReason reason,
        uint64 missing
    ) private {
        Progress memory reached = _progress[studyId];
        ++reached.failedInARow;
        if (reason == FailureReason.Unopened) reached.outcome = Outcome.Cancelled;
        _close(studyId, round, clock, reached, Phase.Failed, _rootBefore(studyId, round));
        emit RoundFailed(studyId, round, reason);
        if (missing != 0) VAULT.fine(studyId, clock.batch, missing);
        if (reached.outcome == Outcome.Open) KEYS.cutShort(studyId, round, missing);
        _credit(studyId, IRewardPool.Service.Fail, missing);
    }

    /// @dev Records how a round ended and the weights' root, and whether the study does; the next round, where there
    /// are keys for it, begins with that.
    function _close(
        uint256 studyId,
        uint32 round,
        PhaseArithmetic.Clock memory clock,
        Progress memory reached,
        Phase closedAs,
        uint256 root
    ) private {
        uint40 time = uint40(block.timestamp);
        (clock.closedAs, clock.closedAt) = (closedAs, time);
        _record(studyId, round, clock);
        _roots[studyId][round] = root;
        (reached.closed, reached.closedAt) = (round, time);
        uint64 missed = clock.participants & ~clock.submitted;
        (reached.missed, reached.missedTwo) = (missed, reached.missed & missed);
        if (reached.outcome == Outcome.Open) {
            if (reached.failedInARow >= clock.unopenedRounds) reached.outcome = Outcome.Cancelled;
            else if (round == clock.rounds) reached.outcome = Outcome.Completed;
        }
        _progress[studyId] = reached;
    }

    /// @dev Credits a service to the caller, unless the call fines its hospital.
    function _credit(uint256 studyId, IRewardPool.Service service, uint64 fined) private {
        if (STUDIES.actsForAny(studyId, msg.sender, fined)) return;
        REWARDS.credit(studyId, msg.sender, service);
    }

    /// @dev Who submitted and is not included although honest ones alone would have been enough to hold it; a false
    /// payload costs its own price.
    function _leftOut(
        uint256 studyId,
        uint32 round,
        PhaseArithmetic.Clock memory clock,
        uint64 included
    ) private view returns (uint64 leftOut) {
        if (clock.attested.count() < 2 * clock.threshold - 1) return 0;
        leftOut = clock.submitted & ~included;
        if (leftOut != 0) leftOut &= ~COURT.convicted(studyId, round, ICourt.Charge.Payload);
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
    function _clockIn(uint256 studyId, uint32 round, Phase needed)
        private
        view
        returns (PhaseArithmetic.Clock memory clock)
    {
        clock = _clock(studyId, round);
        (Phase at,) = PhaseArithmetic.phase(clock);
        if (at != needed) revert RoundManagerWrongPhase(studyId, round, at, needed);
    }

    /// @dev Tells a round of the plan that there is no privacy budget for from any other that did not begin.
    function _requireBudget(uint256 studyId, uint32 round) private view {
        IStudyRegistry.RoundTerms memory terms = STUDIES.roundTerms(studyId, round);
        if (round > terms.rounds && round <= terms.plannedRounds) {
            revert RoundManagerPrivacyBudgetSpent(studyId, round);
        }
    }

    function _requireParticipant(
        uint256 studyId,
        PhaseArithmetic.Clock memory clock,
        uint32 hospitalId,
        uint8 index
    ) private pure {
        if (!clock.participants.has(index)) revert RoundManagerNotParticipant(studyId, hospitalId);
    }
}
