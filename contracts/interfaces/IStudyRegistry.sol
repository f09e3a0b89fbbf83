// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ICircuitCatalogue} from "./ICircuitCatalogue.sol";
import {IKeyCeremony} from "./IKeyCeremony.sol";

/// @title Studies: plan, funding, enrolment, ceremony
/// @notice The state of a study is derived from its deadlines and counters and from the RoundManager's
/// outcome; nobody sets it.
interface IStudyRegistry is IKeyCeremony {
    /// @dev Published: not funded in full. Cancelled: ended without its planned rounds, by whatever cause.
    enum StudyState {
        None,
        Published,
        Enrolling,
        Ceremony,
        Running,
        Completed,
        Cancelled
    }

    /// @dev Lengths in seconds. `openLength` is that of one opening attempt. Fields are in the order in which they
    /// share words of storage: what a round asks for is in one.
    /// @param documentDigest SHA-256 of the plan document (canonical JSON).
    /// @param initialRoot Poseidon root of the starting weights.
    /// @param epochs Training: 1 to what the circuit allows. Bounded: 0, the plan document names it.
    /// @param learningRate Training: rate times 256. Bounded: 0, as epochs.
    /// @param updateBound Most that the squares of an update's coordinates add up to (integer units); 0: no bound.
    /// @param threshold t: shares that open a sum.
    /// @param minimum Fewest updates that are ever opened together.
    /// @param maximum Places for hospitals.
    /// @param attempts K: opening attempts per round.
    /// @param unopenedRounds F: failed rounds in a row that end the study.
    /// @param batchRounds Rounds that one key ceremony makes keys for, 1 to `rounds`.
    /// @param confirmations Blocks after which nodes take a block as final.
    /// @param bond Locked by each hospital (token units).
    /// @param verifiedShareBps Part of a round's reward, in 1/10000, that is earned once its shares are posted.
    /// @param privacyBudget Zero-concentrated differential privacy that the study may spend, rho in 1e-9; 0 for none.
    /// @param privacyCost What a round spends of it; the study ends once another round would spend more than is left.
    /// @param noiseBound Most that a coordinate's noise can be, in either direction; 0 where none is added.
    struct Plan {
        bytes32 documentDigest;
        uint256 initialRoot;
        uint64 documentSize;
        uint32 trainingCircuit;
        uint32 aggregationCircuit;
        uint16 epochs;
        uint32 learningRate;
        uint16 confirmations;
        uint64 updateBound;
        uint8 threshold;
        uint8 minimum;
        uint8 maximum;
        uint8 attempts;
        uint8 unopenedRounds;
        uint16 rounds;
        uint16 batchRounds;
        uint32 enrolLength;
        uint32 ceremonyStepLength;
        uint32 submitLength;
        uint32 attestLength;
        uint32 openLength;
        uint16 verifiedShareBps;
        uint128 bond;
        uint128 rewardPerRound;
        uint64 privacyBudget;
        uint64 privacyCost;
        uint32 noiseBound;
    }

    /// @param filledAt Time the last place was taken; 0 if places are left.
    /// @param startedAt Time the first ceremony was completed and round 1 began; 0 before.
    /// @param enrolled Hospitals enrolled, those that left included; indices are 0 to this less one.
    /// @param closed `closeStudy` was called.
    /// @param batches Ceremonies completed, each for a batch of rounds.
    /// @param rounds Rounds there can be: the plan's, or fewer where its privacy budget does not last for all.
    struct Study {
        address sponsor;
        uint64 publishedAt;
        uint64 filledAt;
        uint64 startedAt;
        uint8 enrolled;
        bool closed;
        uint32 batches;
        uint16 rounds;
        Plan plan;
    }

    /// @param operator Key that acts for the hospital in this study.
    /// @param rows Rows that every proof uses; 0, as `dataRoot`, until the block that was drawn is used.
    /// @param barred The ceremony goes on, or ended, without it; also once a hospital has left.
    /// @param payoutCommitment As given at enrolment; 0 for none.
    struct Enrolment {
        uint32 hospitalId;
        uint8 index;
        uint32 rows;
        address operator;
        bool barred;
        uint256 dataRoot;
        bytes32 payoutCommitment;
    }

    /// @dev What the RoundManager needs to know for a round; of its batch, all is 0 while there are no keys for it.
    /// @param startedAt Time the ceremony that made the round's keys was completed and the batch's first round began.
    /// @param firstRound First round of the batch.
    /// @param lastRound Last round of the batch, as far as known: it ends earlier on request.
    /// @param participants Bitmap of indices that acknowledged that ceremony.
    /// @param enrolled Hospitals enrolled when the batch began.
    /// @param rounds Rounds there can be within the privacy budget.
    /// @param plannedRounds Rounds of the plan.
    /// @param initialRoot Root of the starting weights; told for round 1 only.
    struct RoundTerms {
        uint64 startedAt;
        uint32 firstRound;
        uint32 lastRound;
        uint64 participants;
        uint8 enrolled;
        uint8 threshold;
        uint8 minimum;
        uint8 attempts;
        uint8 unopenedRounds;
        uint16 rounds;
        uint16 plannedRounds;
        uint32 submitLength;
        uint32 attestLength;
        uint32 openLength;
        uint256 initialRoot;
    }

    error StudyRegistryNotCouncil(address caller);
    error StudyRegistryPaused();
    error StudyRegistryUnknownStudy(uint256 studyId);
    error StudyRegistryPlanDocumentMissing(bytes32 digest, uint64 size);
    error StudyRegistryNotInField(uint256 value);
    error StudyRegistryWrongCircuitKind(uint32 circuitId, ICircuitCatalogue.CircuitKind kind);
    error StudyRegistryCircuitsDiffer(uint32 trainingCircuit, uint32 aggregationCircuit);
    error StudyRegistryEpochsOutOfRange(uint16 epochs, uint16 maximum);
    error StudyRegistryLearningRateOutOfRange(uint32 learningRate, uint32 maximum);
    error StudyRegistryThresholdTooLow(uint8 threshold, uint8 minimum);
    error StudyRegistryMinimumTooLow(uint8 minimum, uint256 needed);
    error StudyRegistryMaximumOutOfRange(uint8 maximum, uint8 needed, uint8 limit);
    error StudyRegistryTooManyRows(uint256 rows, uint256 limit);
    error StudyRegistryAttemptsOutOfRange(uint8 attempts, uint8 limit);
    error StudyRegistryRoundsOutOfRange(uint16 rounds, uint8 unopenedRounds);
    error StudyRegistryBatchOutOfRange(uint16 batchRounds, uint16 rounds);
    error StudyRegistryPhaseTooShort(uint32 length, uint256 needed);
    error StudyRegistryPhaseTooLong(uint32 length, uint32 maximum);
    error StudyRegistryBondMissing();
    error StudyRegistryUpdateBoundWrong(uint64 updateBound, ICircuitCatalogue.CircuitKind kind);
    error StudyRegistryNoiseNotProved(uint32 noiseBound);
    error StudyRegistryShareOutOfRange(uint16 basisPoints);
    error StudyRegistryPrivacyCostOutOfRange(uint64 cost, uint64 budget);
    error StudyRegistryWrongState(uint256 studyId, StudyState state);
    error StudyRegistryNotOperator(address caller);
    error StudyRegistryNotAdmitted(uint32 hospitalId);
    error StudyRegistryAlreadyEnrolled(uint256 studyId, uint32 hospitalId);
    error StudyRegistryOperatorTaken(uint256 studyId, address operator);
    error StudyRegistryRowsOutOfRange(uint32 rows, uint32 capacity);
    error StudyRegistryNotBlockDraws(address caller);
    error StudyRegistryNotEnrolled(uint256 studyId, address operator);
    error StudyRegistryHospitalNotEnrolled(uint256 studyId, uint32 hospitalId);
    error StudyRegistryNotOwner(uint32 hospitalId, address caller);
    error StudyRegistryAlreadyClosed(uint256 studyId);
    error StudyRegistryNotInBatch(uint256 studyId, uint32 hospitalId);
    error StudyRegistryBatchEnding(uint256 studyId, uint32 lastRound);
    error StudyRegistryAlreadyLeaving(uint256 studyId, uint32 hospitalId);
    error StudyRegistryNoRoundLeft(uint256 studyId);
    error StudyRegistryFull(uint256 studyId, uint8 maximum);

    event IntakePaused(bool paused);
    event StudyPublished(
        uint256 indexed studyId, address indexed sponsor, bytes32 documentDigest, uint64 documentSize, uint256 planRoot
    );
    event HospitalEnrolled(
        uint256 indexed studyId, uint32 indexed hospitalId, uint8 index, uint256 dataRoot, uint32 rows
    );
    event OperatorAdopted(uint256 indexed studyId, uint32 indexed hospitalId, address indexed operator);
    event CeremonyRequested(uint256 indexed studyId, uint32 indexed hospitalId, uint32 lastRound);
    event HospitalLeft(uint256 indexed studyId, uint32 indexed hospitalId, uint32 lastRound);
    event StudyClosed(uint256 indexed studyId, StudyState state);

    /// @notice Stops or allows `publish` and enrolling, nothing else; only the council.
    function setPaused(bool paused) external;

    /// @notice Publishes a study with the caller as its sponsor. Hospitals can enrol once the RewardPool holds
    /// `requiredFunding`, until `enrolLength` from now or until `maximum` have.
    function publish(Plan calldata plan) external returns (uint256 studyId);

    /// @notice Enrols the caller's hospital and locks its bond. While the study runs, this ends the batch with the
    /// round that is going on: the hospital takes part from the next ceremony on. Then places are counted over
    /// those who would take part in it.
    /// @param dataRoot Commitment to its rows, below the field order.
    /// @param rows Rows that every proof uses, 1 to the circuit's capacity.
    /// @param payoutCommitment SHA-256(abi.encodePacked(address payout, bytes32 salt)): rewards go to that address,
    /// once `IRewardPool.claimTo` reveals it, or to the owner, if it claims itself. 0 for none: to the owner.
    function enrol(uint256 studyId, uint256 dataRoot, uint32 rows, bytes32 payoutCommitment) external;

    /// @notice The same for `operator`'s hospital, whose data are named once a block of them was drawn; only the
    /// BlockDraws. Until then its rows and data root are 0, and it can submit nothing.
    function enrolFor(uint256 studyId, address operator, bytes32 payoutCommitment)
        external
        returns (uint32 hospitalId);

    /// @notice Names the data of the hospital at an index; only the BlockDraws, which does it once.
    function nameData(uint256 studyId, uint8 index, uint256 dataRoot, uint32 rows) external;

    /// @notice Has a new key ceremony held after the round that is going on; only a participant's operator or owner.
    function requestCeremony(uint256 studyId) external;

    /// @notice Takes the caller's hospital out of the study after the round that is going on, with which the batch
    /// ends; only a participant's operator or owner, while the study runs. Its bond can be released from then on.
    /// Where too few are left, the study ends there.
    function leaveStudy(uint256 studyId) external;

    /// @notice Hands an enrolment to the hospital's current operator; only its owner.
    function adoptOperator(uint256 studyId, uint32 hospitalId) external;

    /// @notice Makes a hospital's bond available again; anyone, once the study ended or went on without it. Evidence
    /// of an equivocation can still take part of it until the window for that is over.
    function releaseBond(uint256 studyId, uint32 hospitalId) external;

    /// @notice Puts on record, once, that a study has ended; anyone. No payment depends on it.
    function closeStudy(uint256 studyId) external;

    /// @notice Whether publishing and enrolling are stopped.
    function paused() external view returns (bool);

    /// @notice Studies are numbered 1 to this.
    function studyCount() external view returns (uint256);

    /// @notice A study's record; reverts for a number never given.
    function study(uint256 studyId) external view returns (Study memory);

    /// @notice A study's state now; None for a number never given.
    function studyState(uint256 studyId) external view returns (StudyState);

    /// @notice Address the study's money belongs to; zero for a number never given.
    function sponsorOf(uint256 studyId) external view returns (address);

    /// @notice Tokens that must be escrowed before hospitals can enrol: reward per round times rounds.
    function requiredFunding(uint256 studyId) external view returns (uint256);

    /// @notice Second at which enrolment ends or ended.
    function enrolmentEnd(uint256 studyId) external view returns (uint64);

    /// @notice features | batchSize<<16 | epochs<<32 | learningRate<<48 | valueBits<<80 | loss<<88 | updateBound<<96
    /// | noiseBound<<160.
    function planRoot(uint256 studyId) external view returns (uint256);

    /// @notice A hospital's enrolment; reverts if it has none.
    function enrolment(uint256 studyId, uint32 hospitalId) external view returns (Enrolment memory);

    /// @notice The enrolment that `operator` acts for; reverts if there is none.
    function enrolmentOf(uint256 studyId, address operator) external view returns (Enrolment memory);

    /// @notice The hospital that an address acts or once acted for in the study, 0 for none, and the second from which
    /// it no longer did (0 while it does).
    function actedFor(uint256 studyId, address operator) external view returns (uint32 hospitalId, uint64 until);

    /// @notice Hospital numbers by index.
    function enrolledIds(uint256 studyId) external view returns (uint32[] memory);

    /// @notice Rows by index.
    function enrolledRows(uint256 studyId) external view returns (uint32[] memory);

    /// @notice Ceremony that made a round's keys and the bitmap of its participants, who alone submit, attest and
    /// open in it; zeros where there are no keys for it yet.
    function ceremonyOf(uint256 studyId, uint32 round) external view returns (uint32 ceremony, uint64 participants);

    /// @notice What a round needs of its study.
    function roundTerms(uint256 studyId, uint32 round) external view returns (RoundTerms memory);

    /// @notice The same, and whom the operator acts for; reverts if that is nobody.
    function participantTerms(uint256 studyId, uint32 round, address operator)
        external
        view
        returns (RoundTerms memory terms, uint32 hospitalId, uint8 index);

    /// @notice Verifier of the training proof and what it is given about the study and the hospital at an index.
    function trainingTerms(uint256 studyId, uint8 index)
        external
        view
        returns (address verifier, uint256 root, uint256 dataRoot, uint32 rows);

    /// @notice Verifier of the aggregation proof.
    function aggregationVerifier(uint256 studyId) external view returns (address);

    /// @notice What the study may spend of differential privacy, as its plan has it; 0 for none.
    function privacyBudget(uint256 studyId) external view returns (uint64);

    /// @notice What one offence costs (token units).
    function slice(uint256 studyId) external view returns (uint256);

    /// @notice Reward per round and the part of it, in 1/10000, earned by verified work.
    function rewardTerms(uint256 studyId) external view returns (uint256 rewardPerRound, uint256 verifiedShareBps);
}
