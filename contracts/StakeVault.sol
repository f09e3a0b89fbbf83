// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {IHospitalRegistry} from "./interfaces/IHospitalRegistry.sol";
import {IStakeVault} from "./interfaces/IStakeVault.sol";

/// @title Bonds
contract StakeVault is IStakeVault, ReentrancyGuard {
    using SafeERC20 for IERC20;

    struct Withdrawal {
        uint192 amount;
        uint64 availableAt;
    }

    /// @notice Token that bonds are in.
    IERC20 public immutable TOKEN;
    /// @notice Knows owners.
    IHospitalRegistry public immutable HOSPITALS;
    /// @notice Locks, releases, and slashes missing dealings.
    address public immutable STUDY_REGISTRY;
    /// @notice Slashes offences in rounds.
    address public immutable ROUND_MANAGER;
    /// @notice Where slashed bonds go: none of the parties of a study, so that nobody in it gains by a slash.
    address public immutable TREASURY;
    /// @notice Seconds from a withdrawal's request until it can be paid.
    uint64 public immutable UNBONDING_DELAY;

    /// @inheritdoc IStakeVault
    mapping(uint32 hospitalId => uint256) public available;
    /// @inheritdoc IStakeVault
    mapping(uint256 studyId => mapping(uint32 hospitalId => uint256)) public locked;
    /// @inheritdoc IStakeVault
    uint256 public slashed;
    /// @notice Whether an offence, by `keccak256(abi.encode(studyId, hospitalId, offence, stage))`, was slashed.
    mapping(bytes32 evidence => bool) public evidenceUsed;

    mapping(uint32 hospitalId => Withdrawal) private _pending;

    /// @param studyRegistry May be an address that is deployed later: nothing is called here.
    /// @param roundManager As studyRegistry.
    constructor(
        IERC20 token,
        IHospitalRegistry hospitals,
        address studyRegistry,
        address roundManager,
        address treasury,
        uint64 unbondingDelay
    ) {
        TOKEN = token;
        HOSPITALS = hospitals;
        STUDY_REGISTRY = studyRegistry;
        ROUND_MANAGER = roundManager;
        TREASURY = treasury;
        UNBONDING_DELAY = unbondingDelay;
    }

    modifier onlyStudyRegistry() {
        if (msg.sender != STUDY_REGISTRY) revert StakeVaultNotStudyRegistry(msg.sender);
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
    function withdraw(uint32 hospitalId) external nonReentrant {
        _requireOwner(hospitalId);
        Withdrawal memory due = _pending[hospitalId];
        if (due.amount == 0) revert StakeVaultNothingPending(hospitalId);
        if (block.timestamp < due.availableAt) revert StakeVaultStillUnbonding(hospitalId, due.availableAt);

        delete _pending[hospitalId];
        TOKEN.safeTransfer(msg.sender, due.amount);
        emit BondWithdrawn(hospitalId, msg.sender, due.amount);
    }

    /// @inheritdoc IStakeVault
    function collectSlashed() external nonReentrant {
        uint256 amount = slashed;
        if (amount == 0) revert StakeVaultNothingSlashed();
        slashed = 0;
        TOKEN.safeTransfer(TREASURY, amount);
        emit SlashedCollected(TREASURY, amount);
    }

    /// @inheritdoc IStakeVault
    function lock(uint256 studyId, uint32 hospitalId, uint256 amount) external onlyStudyRegistry {
        uint256 already = locked[studyId][hospitalId];
        if (already != 0) revert StakeVaultAlreadyLocked(studyId, hospitalId, already);
        uint256 free = available[hospitalId];
        if (amount > free) revert StakeVaultInsufficient(hospitalId, free, amount);

        available[hospitalId] = free - amount;
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
    }

    /// @inheritdoc IStakeVault
    function slash(uint256 studyId, uint32 hospitalId, uint256 amount, Offence offence, uint32 stage) external {
        if (msg.sender != STUDY_REGISTRY && msg.sender != ROUND_MANAGER) revert StakeVaultNotJudge(msg.sender);
        bytes32 evidence = keccak256(abi.encode(studyId, hospitalId, offence, stage));
        if (evidenceUsed[evidence]) revert StakeVaultEvidenceUsed(evidence);
        evidenceUsed[evidence] = true;

        uint256 left = locked[studyId][hospitalId];
        uint256 taken = amount < left ? amount : left;
        locked[studyId][hospitalId] = left - taken;
        slashed += taken;
        emit BondSlashed(studyId, hospitalId, offence, stage, taken);
    }

    /// @inheritdoc IStakeVault
    function pending(uint32 hospitalId) external view returns (uint256 amount, uint64 availableAt) {
        Withdrawal memory due = _pending[hospitalId];
        return (due.amount, due.availableAt);
    }

    function _requireOwner(uint32 hospitalId) private view {
        if (msg.sender != HOSPITALS.ownerOf(hospitalId)) revert StakeVaultNotOwner(hospitalId, msg.sender);
    }
}
