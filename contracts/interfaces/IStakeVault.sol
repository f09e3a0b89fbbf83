// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Bonds
/// @notice Holds hospitals' tokens: available, locked per study, or on their way out. Only the two contracts
/// wired at deployment lock, release or slash, and only by the rules of a study; no role moves a bond.
interface IStakeVault {
    enum Offence {
        MissingDealing,
        CiphertextLeftOut,
        MissingShare
    }

    error StakeVaultUnknownHospital(uint32 hospitalId);
    error StakeVaultNotOwner(uint32 hospitalId, address caller);
    error StakeVaultNotStudyRegistry(address caller);
    error StakeVaultNotJudge(address caller);
    error StakeVaultZeroAmount();
    error StakeVaultInsufficient(uint32 hospitalId, uint256 available, uint256 wanted);
    error StakeVaultAlreadyLocked(uint256 studyId, uint32 hospitalId, uint256 amount);
    error StakeVaultNothingLocked(uint256 studyId, uint32 hospitalId);
    error StakeVaultNothingPending(uint32 hospitalId);
    error StakeVaultStillUnbonding(uint32 hospitalId, uint64 availableAt);
    error StakeVaultEvidenceUsed(bytes32 evidence);
    error StakeVaultNothingSlashed();

    event BondDeposited(uint32 indexed hospitalId, address indexed from, uint256 amount);
    event WithdrawalRequested(uint32 indexed hospitalId, uint256 amount, uint64 availableAt);
    event BondWithdrawn(uint32 indexed hospitalId, address indexed to, uint256 amount);
    event BondLocked(uint256 indexed studyId, uint32 indexed hospitalId, uint256 amount);
    event BondReleased(uint256 indexed studyId, uint32 indexed hospitalId, uint256 amount);
    event BondSlashed(
        uint256 indexed studyId, uint32 indexed hospitalId, Offence indexed offence, uint32 stage, uint256 amount
    );
    event SlashedCollected(address indexed treasury, uint256 amount);

    /// @notice Adds to a registered hospital's available bond what arrives of `amount` from the caller.
    function deposit(uint32 hospitalId, uint256 amount) external;

    /// @notice Moves `amount` from available to pending; only the owner. Asking again adds to what is pending
    /// and starts the delay anew.
    function requestWithdrawal(uint32 hospitalId, uint256 amount) external;

    /// @notice Pays what is pending to the owner, who calls, once `UNBONDING_DELAY` has passed.
    function withdraw(uint32 hospitalId) external;

    /// @notice Sends everything slashed so far to the treasury fixed at deployment; anyone may call.
    function collectSlashed() external;

    /// @notice Locks a bond for a study, once; only the StudyRegistry.
    function lock(uint256 studyId, uint32 hospitalId, uint256 amount) external;

    /// @notice Makes what is left of a study's bond available again; only the StudyRegistry.
    function release(uint256 studyId, uint32 hospitalId) external;

    /// @notice Takes `amount`, or what is left if less, from a study's bond; only the StudyRegistry and the
    /// RoundManager. Each (study, hospital, offence, stage) counts once.
    /// @param stage Ceremony number for a missing dealing, round otherwise.
    function slash(uint256 studyId, uint32 hospitalId, uint256 amount, Offence offence, uint32 stage) external;

    /// @notice Bond that can be locked or asked back.
    function available(uint32 hospitalId) external view returns (uint256);

    /// @notice What is left of the bond locked for a study.
    function locked(uint256 studyId, uint32 hospitalId) external view returns (uint256);

    /// @notice What is on its way out and the time (seconds) from which `withdraw` pays it.
    function pending(uint32 hospitalId) external view returns (uint256 amount, uint64 availableAt);

    /// @notice Slashed and not yet collected.
    function slashed() external view returns (uint256);
}
