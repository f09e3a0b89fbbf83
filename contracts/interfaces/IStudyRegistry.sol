// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ICircuitCatalogue} from "./ICircuitCatalogue.sol";

/// @title Studies: plan, funding, enrolment
/// @notice The state of a study is derived from its deadlines and counters and from the RoundManager's
/// outcome; nobody sets it.
interface IStudyRegistry {
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
    /// @param unopenedRounds F: rounds (or ceremonies) failed in a row that end the study; at least t.
    /// @param batchRounds Rounds that one key ceremony makes keys for, 1 to `rounds`.
    /// @param confirmations Blocks after which nodes take a block as final.
    /// @param bond Locked by each hospital (token units).
    /// @param padsOnly Rounds open by pads alone; else by CKKS once, then pads.
    /// @param approvedJoining A running study takes newcomers that its participants approved; else none.
    /// @param patience Seconds from a set's inclusion for which its round may stay unopened; then the study ends.
    /// @param recovery Seconds after the study's end for which pad shares of its last finalised round are accepted.
    /// @param serviceBudget Escrowed beside the rewards for whoever moves the study on.
    /// @param serviceFee What including and finalising earn of it; recording a failure and moving on earn half.
    /// @param absenceFine What one absence costs.
    /// @param absenceCap The most that absences in one batch cost a hospital; below a slice.
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
        bool padsOnly;
        bool approvedJoining;
        uint8 unopenedRounds;
        uint16 rounds;
        uint16 batchRounds;
        uint32 enrolLength;
        uint32 ceremonyStepLength;
        uint32 submitLength;
        uint32 attestLength;
        uint32 openLength;
        uint32 patience;
        uint32 recovery;
        uint128 bond;
        uint128 rewardPerRound;
        uint128 serviceBudget;
        uint128 serviceFee;
        uint128 absenceFine;
        uint128 absenceCap;
        uint64 privacyBudget;
        uint64 privacyCost;
        uint32 noiseBound;
    }

    /// @param filledAt Time the last place was taken; 0 if places are left.
    /// @param enrolled Hospitals enrolled, those that left included; indices are 0 to this less one.
    /// @param left Bitmap of indices that left while enrolment was open.
    /// @param closed `closeStudy` was called.
    /// @param rounds Rounds there can be: the plan's, or fewer where its privacy budget does not last for all.
    struct Study {
        address sponsor;
        uint64 publishedAt;
        uint64 filledAt;
        uint8 enrolled;
        uint64 left;
        bool closed;
        uint16 rounds;
        Plan plan;
    }

    /// @param operator Key that acts for the hospital in this study.
    /// @param rows Rows that every proof uses; 0, as `dataRoot`, until the block that was drawn is used.
    /// @param barred It takes part in no further ceremony: it left, or was excluded for a lie.
    /// @param payoutCommitment As given at enrolment; 0 for none.
    /// @param saltCommitment As given at enrolment.
    struct Enrolment {
        uint32 hospitalId;
        uint8 index;
        uint32 rows;
        address operator;
        bool barred;
        uint256 dataRoot;
        bytes32 payoutCommitment;
        bytes32 saltCommitment;
    }

    /// @dev What a round asks of its study, and of its batch (`IKeyCeremony.Batch`); all is 0 of a batch that is not
    /// there.
    /// @param rounds Rounds there can be within the privacy budget.
    /// @param plannedRounds Rounds of the plan.
    /// @param batch Number of the batch, from 1: what fines are counted by.
    struct RoundTerms {
        uint64 startedAt;
        uint32 firstRound;
        uint32 lastRound;
        uint64 participants;
        uint32 batch;
        uint8 threshold;
        uint8 minimum;
        uint8 unopenedRounds;
        bool padsOnly;
        uint16 rounds;
        uint16 plannedRounds;
        uint32 submitLength;
        uint32 attestLength;
        uint32 openLength;
        uint32 patience;
        uint32 recovery;
    }

    /// @dev What the KeyCeremony asks of its study.
    /// @param dueFrom Second from which a first ceremony can be held: enrolment is over and enough enrolled; 0 where
    /// not.
    /// @param enrolled Bitmap of indices enrolled and not left, when the first ceremony is due.
    struct CeremonyTerms {
        uint64 dueFrom;
        uint64 enrolled;
        uint8 threshold;
        uint8 minimum;
        uint8 unopenedRounds;
        bool padsOnly;
        uint16 rounds;
        uint16 batchRounds;
        uint32 stepLength;
        uint128 absenceFine;
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
    error StudyRegistryRoundsOutOfRange(uint16 rounds, uint8 unopenedRounds);
    error StudyRegistryBatchOutOfRange(uint16 batchRounds, uint16 rounds);
    error StudyRegistryPhaseTooShort(uint32 length, uint256 needed);
    error StudyRegistryPhaseTooLong(uint32 length, uint32 maximum);
    error StudyRegistryBondMissing();
    error StudyRegistrySaltMissing();
    error StudyRegistryUpdateBoundWrong(uint64 updateBound, ICircuitCatalogue.CircuitKind kind);
    error StudyRegistryNoiseNotProved(uint32 noiseBound);
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
    error StudyRegistryFewerFailuresThanThreshold(uint8 unopenedRounds, uint8 threshold);
    error StudyRegistryPatienceOutOfRange(uint32 patience, uint256 least, uint256 most);
    error StudyRegistryRecoveryOutOfRange(uint32 recovery, uint32 least, uint256 most);
    error StudyRegistryFineOutOfRange(uint128 fine, uint128 cap, uint256 slice);
    error StudyRegistryServiceOutOfRange(uint128 fee, uint128 budget);
    error StudyRegistryJoiningClosed(uint256 studyId);
    error StudyRegistryNotApproved(uint256 studyId, uint32 hospitalId, uint8 approvals, uint8 needed);
    error StudyRegistryAlreadyApproved(uint256 studyId, uint32 hospitalId, uint32 by);
    error StudyRegistryNotParticipant(uint256 studyId, uint32 hospitalId);
    error StudyRegistryAlreadyLeft(uint256 studyId, uint32 hospitalId);
    error StudyRegistryFull(uint256 studyId, uint8 maximum);

    event IntakePaused(bool paused);
    event StudyPublished(
        uint256 indexed studyId, address indexed sponsor, bytes32 documentDigest, uint64 documentSize, uint256 planRoot
    );
    event HospitalEnrolled(
        uint256 indexed studyId, uint32 indexed hospitalId, uint8 index, uint256 dataRoot, uint32 rows
    );
    event OperatorAdopted(uint256 indexed studyId, uint32 indexed hospitalId, address indexed operator);
    /// @dev While enrolment was open. From a running study: `IKeyCeremony.HospitalLeft`.
    event EnrolmentWithdrawn(uint256 indexed studyId, uint32 indexed hospitalId);
    event NewcomerApproved(uint256 indexed studyId, uint32 indexed hospitalId, uint32 indexed by);
    event StudyClosed(uint256 indexed studyId, StudyState state);

    /// @notice Stops or allows `publish` and enrolling, nothing else; only the council.
    function setPaused(bool paused) external;

    /// @notice Publishes a study with the caller as its sponsor. Hospitals can enrol once the RewardPool holds
    /// `requiredFunding`, until `enrolLength` from now or until `maximum` have.
    function publish(Plan calldata plan) external returns (uint256 studyId);

    /// @notice Enrols the caller's hospital and locks its bond. While the study runs only where its plan takes
    /// newcomers and max(t, n − t + 1) of the batch's n participants approved of this one; that ends the batch with the
    /// round that is going on, and the hospital takes part from the next ceremony on.
    /// @param dataRoot Commitment to its rows, below the field order.
    /// @param rows Rows that every proof uses, 1 to the circuit's capacity.
    /// @param payoutCommitment SHA-256(abi.encodePacked(address payout, bytes32 salt)): rewards go to that address,
    /// once `IRewardPool.claimTo` reveals it, or to the owner's choice, if it claims itself. 0 for none.
    /// @param saltCommitment keccak256(abi.encode(salt)) of what `IKeyCeremony.postKeys` reveals; not 0.
    function enrol(
        uint256 studyId,
        uint256 dataRoot,
        uint32 rows,
        bytes32 payoutCommitment,
        bytes32 saltCommitment
    ) external;

    /// @notice The same for `operator`'s hospital, whose data are named once a block of them was drawn; only the
    /// BlockDraws. Until then its rows and data root are 0, and it can submit nothing.
    function enrolFor(uint256 studyId, address operator, bytes32 payoutCommitment, bytes32 saltCommitment)
        external
        returns (uint32 hospitalId);

    /// @notice Approves of a hospital that would join a running study; an operator of the batch's participants, once.
    function approveNewcomer(uint256 studyId, uint32 hospitalId) external;

    /// @notice Names the data of the hospital at an index; only the BlockDraws, which does it once.
    function nameData(uint256 studyId, uint8 index, uint256 dataRoot, uint32 rows) external;

    /// @notice Takes a hospital out of the study; only its owner. While enrolment is open at once, and its bond is
    /// free; its place can be taken by another, its index is not given again. While the study runs, after the round
    /// that is going on, with which the batch ends. Where too few are left, the study ends there.
    function leaveStudy(uint256 studyId, uint32 hospitalId) external;

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

    /// @notice Tokens that must be escrowed before hospitals can enrol: reward per round times rounds, and the
    /// budget for services.
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

    /// @notice Approvals of a hospital by the present batch's participants (bitmap), and how many it needs.
    function approvals(uint256 studyId, uint32 hospitalId) external view returns (uint64 by, uint8 needed);

    /// @notice What a ceremony needs of its study.
    function ceremonyTerms(uint256 studyId) external view returns (CeremonyTerms memory);

    /// @notice What a round needs of its study.
    function roundTerms(uint256 studyId, uint32 round) external view returns (RoundTerms memory);

    /// @notice Root of the starting weights.
    function initialRoot(uint256 studyId) external view returns (uint256);

    /// @notice Verifier of the training proof and what it is given about the study and the hospital at an index.
    function trainingTerms(uint256 studyId, uint8 index)
        external
        view
        returns (address verifier, uint256 root, uint256 dataRoot, uint32 rows);

    /// @notice Verifier of the aggregation proof.
    function aggregationVerifier(uint256 studyId) external view returns (address);

    /// @notice What one offence costs (token units).
    function slice(uint256 studyId) external view returns (uint256);

    /// @notice What a finalised round earns its hospitals together.
    function rewardPerRound(uint256 studyId) external view returns (uint256);

    /// @notice What a study has for services, and what one earns.
    function serviceTerms(uint256 studyId) external view returns (uint256 budget, uint256 fee);

    /// @notice What one absence costs, and absences in one batch at most.
    function fineTerms(uint256 studyId) external view returns (uint256 fine, uint256 cap);

    /// @notice The hospital that `operator` acts for in a study, and its index; reverts if there is none.
    function memberOf(uint256 studyId, address operator) external view returns (uint32 hospitalId, uint8 index);

    /// @notice The same for an operator, or an owner; reverts if `account` is neither.
    function actorOf(uint256 studyId, address account) external view returns (uint32 hospitalId, uint8 index);

    /// @notice What the hospital at an index committed to as its salt.
    function saltCommitment(uint256 studyId, uint8 index) external view returns (bytes32);
}
