// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";

/// @title Bonds
/// @notice Holds hospitals' tokens: available, locked per study, on their way out, slashed into a pot, or fined. Only
/// the contracts wired at deployment lock, release, slash or fine, and only by the rules of a study; no role moves a
/// bond. A pot belongs, in equal parts, to those of its beneficiaries that are not punished for its stage themselves;
/// where all are, it is nobody's. Nobody's, too, is what is left of a study's fines when it ends: such tokens stay
/// here.
interface IStakeVault {
    /// @dev Lies, each worth a slice. FalseDealing: also a false complaint about one; its stage is the ceremony, that
    /// of the others the round.
    enum Offence {
        FalseDealing,
        FalsePayload,
        FalsePadShare,
        Equivocation
    }

    /// @param amount What came in, less a reporter's bounty.
    /// @param beneficiaries Bitmap of enrolment indices whose hospitals share it.
    /// @param claimed Bitmap of those who have.
    /// @param stage Ceremony or round, as the offence has it; whoever is punished for that stage gets nothing. 0 where
    /// no lie was punished, but a ceremony asked for too soon was charged.
    /// @param offence As punished; means nothing where `stage` is 0.
    /// @param claimableAt Second from which parts can be claimed, and nobody is punished for that stage any more: for a
    /// round the end of its evidence window, or the greatest value while it has not closed; else when the pot was made.
    struct Pot {
        uint256 studyId;
        uint256 amount;
        uint64 beneficiaries;
        uint64 claimed;
        uint32 stage;
        Offence offence;
        uint64 claimableAt;
    }

    error StakeVaultUnknownHospital(uint32 hospitalId);
    error StakeVaultNotOwner(uint32 hospitalId, address caller);
    error StakeVaultNotStudyRegistry(address caller);
    error StakeVaultNotJudge(address caller);
    error StakeVaultNotRewardPool(address caller);
    error StakeVaultNotSetAside(uint256 amount, uint256 setAside);
    error StakeVaultZeroAddress();
    error StakeVaultZeroAmount();
    error StakeVaultInsufficient(uint32 hospitalId, uint256 available, uint256 wanted);
    error StakeVaultAlreadyLocked(uint256 studyId, uint32 hospitalId, uint256 amount);
    error StakeVaultNothingLocked(uint256 studyId, uint32 hospitalId);
    error StakeVaultNothingPending(uint32 hospitalId);
    error StakeVaultStillUnbonding(uint32 hospitalId, uint64 availableAt);
    error StakeVaultEvidenceUsed(uint256 studyId, Offence offence, uint32 stage, uint64 offenders);
    error StakeVaultTooLate(uint256 studyId, uint32 round, uint64 deadline);
    error StakeVaultUnbondingTooShort(uint64 unbondingDelay, uint64 evidenceWindow);
    error StakeVaultNotBeneficiary(uint256 potId, uint32 hospitalId);
    error StakeVaultAlreadyClaimed(uint256 potId, uint32 hospitalId);
    error StakeVaultTooEarly(uint256 potId, uint64 claimableAt);
    error StakeVaultNoBounty(address reporter);

    event BondDeposited(uint32 indexed hospitalId, address indexed from, uint256 amount);
    event WithdrawalRequested(uint32 indexed hospitalId, uint256 amount, uint64 availableAt);
    event BondWithdrawn(uint32 indexed hospitalId, address indexed to, uint256 amount);
    event BondLocked(uint256 indexed studyId, uint32 indexed hospitalId, uint256 amount);
    event BondReleased(uint256 indexed studyId, uint32 indexed hospitalId, uint256 amount);
    event BondSlashed(
        uint256 indexed studyId, uint32 indexed hospitalId, Offence indexed offence, uint32 stage, uint256 amount
    );
    /// @dev For absence; `batch` counts batches of rounds, from 1 (the first ceremony's is that of the batch it makes).
    event AbsenceFined(uint256 indexed studyId, uint32 indexed hospitalId, uint32 batch, uint256 amount);
    event CeremonyCharged(
        uint256 indexed potId,
        uint256 indexed studyId,
        uint32 indexed hospitalId,
        uint256 amount,
        uint64 beneficiaries
    );
    event FinesSpent(uint256 indexed studyId, uint256 amount);
    event FinesPaid(address indexed to, uint256 amount);
    event PotMade(
        uint256 indexed potId,
        uint256 indexed studyId,
        Offence indexed offence,
        uint32 stage,
        uint256 amount,
        uint64 beneficiaries
    );
    event PotClaimed(uint256 indexed potId, uint32 indexed hospitalId, uint256 amount);
    event BountyEarned(uint256 indexed potId, address indexed reporter, uint256 amount);
    event BountyPaid(address indexed reporter, uint256 amount);

    /// @notice Adds to a registered hospital's available bond what arrives of `amount` from the caller.
    function deposit(uint32 hospitalId, uint256 amount) external;

    /// @notice Moves `amount` from available to pending; only the owner. Asking again adds to what is pending
    /// and starts the delay anew.
    function requestWithdrawal(uint32 hospitalId, uint256 amount) external;

    /// @notice Pays what is pending to `to`, once `UNBONDING_DELAY` has passed; only the owner.
    function withdraw(uint32 hospitalId, address to) external;

    /// @notice Adds a beneficiary's part of a pot to its available bond, once; anyone may call, from `claimableAt` on.
    function claimSlashed(uint256 potId, uint32 hospitalId) external;

    /// @notice Pays the caller what it earned by reporting equivocations.
    function claimBounty() external;

    /// @notice Locks a bond for a study, once; only the StudyRegistry. What was released less than the evidence window
    /// ago cannot be locked again: it must stay within reach.
    function lock(uint256 studyId, uint32 hospitalId, uint256 amount) external;

    /// @notice Makes what is left of a study's bond available again; only the StudyRegistry. Where the study has had a
    /// round, evidence about it still reaches that bond for the evidence window.
    function release(uint256 studyId, uint32 hospitalId) external;

    /// @notice Takes the study's slice, or what is left of its bond if less, from each offender into one pot, and
    /// excludes them from the study's further ceremonies; only the judges wired at deployment: the KeyCeremony false
    /// dealings, once a ceremony, the Court the others, until the round's evidence window is over. Each (study,
    /// offence, stage, hospital) counts once. Nothing is taken where nobody would benefit; who lied is excluded all the
    /// same. Of a bond released since, it takes from what is pending, then available.
    /// @param stage Ceremony number for a false dealing, round otherwise.
    /// @param offenders Bitmap of enrolment indices.
    /// @param beneficiaries Bitmap of enrolment indices; whoever was, or still is, punished for that stage gets
    /// nothing.
    /// @param reporter Earns `BOUNTY_BPS` of what is taken, unless it owns or operates an offender; 0 for nobody.
    /// @return potId Number of the pot, 0 where nothing was taken.
    function slash(
        uint256 studyId,
        Offence offence,
        uint32 stage,
        uint64 offenders,
        uint64 beneficiaries,
        address reporter
    ) external returns (uint256 potId);

    /// @notice Takes the plan's fine for absence from each of `absent`, as far as its cap in the batch and a slice of
    /// bond allow, into what the study can spend for service; only the KeyCeremony, the RoundManager and the Openings.
    function fine(uint256 studyId, uint32 batch, uint64 absent) external;

    /// @notice Takes `amount` from a hospital's bond into a pot for `beneficiaries`, for a ceremony asked for too soon;
    /// only the KeyCeremony. Reverts where less than a slice would be left.
    function charge(uint256 studyId, uint8 index, uint64 beneficiaries, uint256 amount)
        external
        returns (uint256 potId);

    /// @notice Sets fines of a study aside for service that was done; only the RewardPool, at most what is there. Moves
    /// no token.
    function spendFines(uint256 studyId, uint256 amount) external returns (uint256 given);

    /// @notice Pays out what was set aside so; only the RewardPool.
    function payFines(address to, uint256 amount) external;

    /// @notice Token that bonds are in, and with them rewards.
    function TOKEN() external view returns (IERC20);

    /// @notice Bond that can be asked back, and locked but for what `lockable` leaves out.
    function available(uint32 hospitalId) external view returns (uint256);

    /// @notice Bond that can be locked: what is available but for what was released less than the evidence window ago,
    /// as far as a withdrawal that is paid no sooner does not cover it.
    function lockable(uint32 hospitalId) external view returns (uint256);

    /// @notice Second from which all of the available bond can be locked; past or 0 where it can be now.
    function coolsUntil(uint32 hospitalId) external view returns (uint64);

    /// @notice What is left of the bond locked for a study.
    function locked(uint256 studyId, uint32 hospitalId) external view returns (uint256);

    /// @notice What is on its way out and the time (seconds) from which `withdraw` pays it.
    function pending(uint32 hospitalId) external view returns (uint256 amount, uint64 availableAt);

    /// @notice Pots are numbered 1 to this.
    function potCount() external view returns (uint256);

    /// @notice A pot's record, its beneficiaries less those punished for its stage; zeros for a number never given.
    function pot(uint256 potId) external view returns (Pot memory);

    /// @notice A hospital's part of a pot, claimed or not; 0 if it has none. It can still change before `claimableAt`.
    function partOf(uint256 potId, uint32 hospitalId) external view returns (uint256);

    /// @notice Bitmap of indices slashed for an offence at a stage of a study.
    function punished(uint256 studyId, Offence offence, uint32 stage) external view returns (uint64);

    /// @notice Fines of a study that were not spent.
    function fines(uint256 studyId) external view returns (uint256);

    /// @notice What a hospital was fined in a batch of a study.
    function finedIn(uint256 studyId, uint32 batch, uint8 index) external view returns (uint256);

    /// @notice Bitmap of indices that no further ceremony of the study is held with: who lied, and whose bond is below
    /// a slice.
    function excluded(uint256 studyId) external view returns (uint64);

    /// @notice What a reporter earned and was not yet paid.
    function bounty(address reporter) external view returns (uint256);
}
