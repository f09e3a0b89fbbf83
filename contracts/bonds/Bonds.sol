// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {IHospitalRegistry} from "../interfaces/IHospitalRegistry.sol";
import {IRoundManager} from "../interfaces/IRoundManager.sol";
import {IStakeVault} from "../interfaces/IStakeVault.sol";
import {IStudyRegistry} from "../interfaces/IStudyRegistry.sol";
import {EQUIVOCATION_WINDOW} from "../libraries/EvidenceWindow.sol";

/// @title Bonds: in, locked, released, out
abstract contract Bonds is IStakeVault, ReentrancyGuard {
    using SafeERC20 for IERC20;

    struct Withdrawal {
        uint192 amount;
        uint64 availableAt;
    }

    /// @param amount Released less than the evidence window ago, or together with such.
    /// @param until Second from which it can be locked again.
    struct Cooling {
        uint256 amount;
        uint64 until;
    }

    /// @inheritdoc IStakeVault
    IERC20 public immutable TOKEN;
    /// @notice Knows owners.
    IHospitalRegistry public immutable HOSPITALS;
    /// @notice Locks, releases, and knows who is enrolled.
    IStudyRegistry public immutable STUDIES;
    /// @notice Knows when rounds closed; fines absence in them.
    IRoundManager public immutable ROUNDS;
    /// @notice Seconds from a withdrawal's request until it can be paid.
    uint64 public immutable UNBONDING_DELAY;

    /// @inheritdoc IStakeVault
    mapping(uint32 hospitalId => uint256) public available;
    /// @inheritdoc IStakeVault
    mapping(uint256 studyId => mapping(uint32 hospitalId => uint256)) public locked;

    mapping(uint32 hospitalId => Withdrawal) private _pending;
    mapping(uint32 hospitalId => Cooling) private _cooling;
    /// @dev What is left within reach of evidence of what a study released.
    mapping(uint256 studyId => mapping(uint32 hospitalId => uint256)) private _released;

    constructor(
        IERC20 token,
        IHospitalRegistry hospitals,
        IStudyRegistry studies,
        IRoundManager rounds,
        uint64 unbondingDelay
    ) {
        if (unbondingDelay <= EQUIVOCATION_WINDOW) {
            revert StakeVaultUnbondingTooShort(unbondingDelay, EQUIVOCATION_WINDOW);
        }
        TOKEN = token;
        HOSPITALS = hospitals;
        STUDIES = studies;
        ROUNDS = rounds;
        UNBONDING_DELAY = unbondingDelay;
    }

    modifier onlyStudyRegistry() {
        if (msg.sender != address(STUDIES)) revert StakeVaultNotStudyRegistry(msg.sender);
        _;
    }

    /// @inheritdoc IStakeVault
    function deposit(uint32 hospitalId, uint256 amount) external nonReentrant {
        if (HOSPITALS.ownerOf(hospitalId) == address(0)) revert StakeVaultUnknownHospital(hospitalId);
        uint256 before = TOKEN.balanceOf(address(this));
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
        // A token may take a fee on the way: only what arrived is owed.
        uint256 arrived = TOKEN.balanceOf(address(this)) - before;
        if (arrived == 0) revert StakeVaultZeroAmount();
        available[hospitalId] += arrived;
        emit BondDeposited(hospitalId, msg.sender, arrived);
    }

    /// @inheritdoc IStakeVault
    function requestWithdrawal(uint32 hospitalId, uint256 amount) external {
        _requireOwner(hospitalId);
        if (amount == 0) revert StakeVaultZeroAmount();
        uint256 free = available[hospitalId];
        if (amount > free) revert StakeVaultInsufficient(hospitalId, free, amount);

        available[hospitalId] = free - amount;
        uint256 total = _pending[hospitalId].amount + amount;
        if (total > type(uint192).max) revert StakeVaultInsufficient(hospitalId, type(uint192).max, total);
        uint64 availableAt = uint64(block.timestamp) + UNBONDING_DELAY;
        _pending[hospitalId] = Withdrawal(uint192(total), availableAt);
        emit WithdrawalRequested(hospitalId, total, availableAt);
    }

    /// @inheritdoc IStakeVault
    function withdraw(uint32 hospitalId, address to) external nonReentrant {
        _requireOwner(hospitalId);
        if (to == address(0)) revert StakeVaultZeroAddress();
        Withdrawal memory due = _pending[hospitalId];
        if (due.amount == 0) revert StakeVaultNothingPending(hospitalId);
        if (block.timestamp < due.availableAt) revert StakeVaultStillUnbonding(hospitalId, due.availableAt);

        delete _pending[hospitalId];
        TOKEN.safeTransfer(to, due.amount);
        emit BondWithdrawn(hospitalId, to, due.amount);
    }

    /// @inheritdoc IStakeVault
    function lock(uint256 studyId, uint32 hospitalId, uint256 amount) external onlyStudyRegistry {
        uint256 already = locked[studyId][hospitalId];
        if (already != 0) revert StakeVaultAlreadyLocked(studyId, hospitalId, already);
        uint256 free = lockable(hospitalId);
        if (amount > free) revert StakeVaultInsufficient(hospitalId, free, amount);

        available[hospitalId] -= amount;
        locked[studyId][hospitalId] = amount;
        emit BondLocked(studyId, hospitalId, amount);
    }

    /// @inheritdoc IStakeVault
    function release(uint256 studyId, uint32 hospitalId) external onlyStudyRegistry {
        uint256 amount = locked[studyId][hospitalId];
        if (amount == 0) revert StakeVaultNothingLocked(studyId, hospitalId);
        delete locked[studyId][hospitalId];
        available[hospitalId] += amount;
        emit BondReleased(studyId, hospitalId, amount);
        // Whoever is out before a study's first round takes part in none: evidence can only be about rounds.
        if (ROUNDS.currentRound(studyId) == 0) return;
        _released[studyId][hospitalId] = amount;
        Cooling memory cooling = _cooling[hospitalId];
        uint256 warm = block.timestamp < cooling.until ? cooling.amount : 0;
        _cooling[hospitalId] = Cooling(warm + amount, uint64(block.timestamp) + EQUIVOCATION_WINDOW);
    }

    /// @inheritdoc IStakeVault
    function pending(uint32 hospitalId) external view returns (uint256 amount, uint64 availableAt) {
        Withdrawal memory due = _pending[hospitalId];
        return (due.amount, due.availableAt);
    }

    /// @inheritdoc IStakeVault
    function coolsUntil(uint32 hospitalId) external view returns (uint64) {
        return _cooling[hospitalId].until;
    }

    /// @inheritdoc IStakeVault
    function lockable(uint32 hospitalId) public view returns (uint256) {
        uint256 free = available[hospitalId];
        Cooling memory cooling = _cooling[hospitalId];
        if (block.timestamp >= cooling.until) return free;
        Withdrawal memory leaving = _pending[hospitalId];
        // What can leave only after the window is within reach as well, and must not be kept back twice.
        uint256 covered = leaving.availableAt >= cooling.until ? leaving.amount : 0;
        uint256 kept = cooling.amount > covered ? cooling.amount - covered : 0;
        return free > kept ? free - kept : 0;
    }

    /// @dev A slice, or what is left of a hospital's bond in the study, locked or released.
    function _takeSlice(uint256 studyId, uint32 hospitalId, uint256 slice) internal returns (uint256 taken) {
        uint256 bond = locked[studyId][hospitalId];
        taken = slice < bond ? slice : bond;
        locked[studyId][hospitalId] = bond - taken;
        taken += _takeReleased(studyId, hospitalId, slice - taken);
    }

    /// @dev At most `wanted`, and no more than leaves a slice.
    function _takeAboveSlice(uint256 studyId, uint32 hospitalId, uint256 slice, uint256 wanted)
        internal
        returns (uint256 taken)
    {
        uint256 bond = locked[studyId][hospitalId];
        uint256 most = bond > slice ? bond - slice : 0;
        taken = wanted < most ? wanted : most;
        locked[studyId][hospitalId] = bond - taken;
    }

    /// @dev At most what the study released: other bonds of the hospital answer for other studies.
    function _takeReleased(uint256 studyId, uint32 hospitalId, uint256 wanted) private returns (uint256 taken) {
        uint256 reach = _released[studyId][hospitalId];
        if (wanted > reach) wanted = reach;
        if (wanted == 0) return 0;
        uint256 leaving = _pending[hospitalId].amount;
        taken = wanted < leaving ? wanted : leaving;
        _pending[hospitalId].amount = uint192(leaving - taken);
        uint256 free = available[hospitalId];
        uint256 rest = wanted - taken < free ? wanted - taken : free;
        available[hospitalId] = free - rest;
        taken += rest;
        _released[studyId][hospitalId] = reach - taken;
        uint256 warm = _cooling[hospitalId].amount;
        _cooling[hospitalId].amount = warm > taken ? warm - taken : 0;
    }

    function _requireOwner(uint32 hospitalId) private view {
        if (msg.sender != HOSPITALS.ownerOf(hospitalId)) revert StakeVaultNotOwner(hospitalId, msg.sender);
    }
}
