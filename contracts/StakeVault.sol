// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {IHospitalRegistry} from "./interfaces/IHospitalRegistry.sol";
import {IStakeVault} from "./interfaces/IStakeVault.sol";
import {IStudyRegistry} from "./interfaces/IStudyRegistry.sol";
import {Bitmaps} from "./libraries/Bitmaps.sol";
import {EQUIVOCATION_WINDOW} from "./libraries/EvidenceWindow.sol";

/// @title Bonds
contract StakeVault is IStakeVault, ReentrancyGuard {
    using Bitmaps for uint64;
    using Bitmaps for uint8;
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

    /// @notice Part of what an equivocation costs, in 1/10000, that its reporter earns.
    uint256 public constant BOUNTY_BPS = 500;
    uint256 private constant BASIS_POINTS = 10_000;

    /// @notice Token that bonds are in.
    IERC20 public immutable TOKEN;
    /// @notice Knows owners.
    IHospitalRegistry public immutable HOSPITALS;
    /// @notice Locks, releases, slashes missing dealings, and knows who is enrolled.
    IStudyRegistry public immutable STUDIES;
    /// @notice Slashes offences in rounds.
    address public immutable ROUND_MANAGER;
    /// @notice Slashes equivocations.
    address public immutable COURT;
    /// @notice Seconds from a withdrawal's request until it can be paid.
    uint64 public immutable UNBONDING_DELAY;

    /// @inheritdoc IStakeVault
    mapping(uint32 hospitalId => uint256) public available;
    /// @inheritdoc IStakeVault
    mapping(uint256 studyId => mapping(uint32 hospitalId => uint256)) public locked;
    /// @inheritdoc IStakeVault
    uint256 public potCount;
    /// @inheritdoc IStakeVault
    mapping(address reporter => uint256) public bounty;

    mapping(uint32 hospitalId => Withdrawal) private _pending;
    mapping(uint32 hospitalId => Cooling) private _cooling;
    /// @dev What is left within an equivocation's reach of what a study released.
    mapping(uint256 studyId => mapping(uint32 hospitalId => uint256)) private _released;
    mapping(uint256 potId => Pot) private _pots;
    /// @dev By offence: bitmaps of indices. A stage is a ceremony or a round, as the offence has it.
    mapping(uint256 studyId => mapping(uint32 stage => uint64[4])) private _punished;

    /// @param studies May be an address that is deployed later: nothing is called here.
    /// @param roundManager As studies.
    /// @param court As studies.
    constructor(
        IERC20 token,
        IHospitalRegistry hospitals,
        IStudyRegistry studies,
        address roundManager,
        address court,
        uint64 unbondingDelay
    ) {
        if (unbondingDelay <= EQUIVOCATION_WINDOW) {
            revert StakeVaultUnbondingTooShort(unbondingDelay, EQUIVOCATION_WINDOW);
        }
        TOKEN = token;
        HOSPITALS = hospitals;
        STUDIES = studies;
        ROUND_MANAGER = roundManager;
        COURT = court;
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
    function claimSlashed(uint256 potId, uint32 hospitalId) external {
        Pot storage shared = _pots[potId];
        uint64 place = _placeIn(shared, hospitalId);
        if (place == 0) revert StakeVaultNotBeneficiary(potId, hospitalId);
        if (shared.claimed & place != 0) revert StakeVaultAlreadyClaimed(potId, hospitalId);
        uint256 amount = _part(shared, place);
        shared.claimed |= place;
        available[hospitalId] += amount;
        emit PotClaimed(potId, hospitalId, amount);
    }

    /// @inheritdoc IStakeVault
    function claimBounty() external nonReentrant {
        uint256 amount = bounty[msg.sender];
        if (amount == 0) revert StakeVaultNoBounty(msg.sender);
        delete bounty[msg.sender];
        TOKEN.safeTransfer(msg.sender, amount);
        emit BountyPaid(msg.sender, amount);
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
        _released[studyId][hospitalId] = amount;
        Cooling memory cooling = _cooling[hospitalId];
        uint256 warm = block.timestamp < cooling.until ? cooling.amount : 0;
        _cooling[hospitalId] = Cooling(warm + amount, uint64(block.timestamp) + EQUIVOCATION_WINDOW);
        emit BondReleased(studyId, hospitalId, amount);
    }

    /// @inheritdoc IStakeVault
    function slash(
        uint256 studyId,
        Offence offence,
        uint32 stage,
        uint64 offenders,
        uint64 beneficiaries,
        address reporter
    ) external returns (uint256 potId) {
        if (msg.sender != address(STUDIES) && msg.sender != ROUND_MANAGER && msg.sender != COURT) {
            revert StakeVaultNotJudge(msg.sender);
        }
        uint64[4] storage punishedThen = _punished[studyId][stage];
        uint64 already = punishedThen[uint8(offence)];
        if (already & offenders != 0) revert StakeVaultEvidenceUsed(studyId, offence, stage, already & offenders);
        beneficiaries &= ~offenders;
        if (offence != Offence.MissingDealing) {
            for (uint8 i = uint8(Offence.CiphertextLeftOut); i <= uint8(Offence.Equivocation); ++i) {
                beneficiaries &= ~punishedThen[i];
            }
        }
        if (beneficiaries == 0) return 0;

        punishedThen[uint8(offence)] = already | offenders;
        (uint256 taken, bool isRelated) = _take(studyId, offence, stage, offenders, reporter);
        if (taken == 0) return 0;
        potId = ++potCount;
        uint256 earned = reporter == address(0) || isRelated ? 0 : taken * BOUNTY_BPS / BASIS_POINTS;
        _pots[potId] = Pot(studyId, taken - earned, beneficiaries, 0);
        emit PotMade(potId, studyId, offence, stage, taken - earned, beneficiaries);
        if (earned != 0) {
            bounty[reporter] += earned;
            emit BountyEarned(potId, reporter, earned);
        }
    }

    /// @inheritdoc IStakeVault
    function pending(uint32 hospitalId) external view returns (uint256 amount, uint64 availableAt) {
        Withdrawal memory due = _pending[hospitalId];
        return (due.amount, due.availableAt);
    }

    /// @inheritdoc IStakeVault
    function pot(uint256 potId) external view returns (Pot memory) {
        return _pots[potId];
    }

    /// @inheritdoc IStakeVault
    function partOf(uint256 potId, uint32 hospitalId) external view returns (uint256) {
        Pot storage shared = _pots[potId];
        uint64 place = _placeIn(shared, hospitalId);
        return place == 0 ? 0 : _part(shared, place);
    }

    /// @inheritdoc IStakeVault
    function punished(uint256 studyId, Offence offence, uint32 stage) external view returns (uint64) {
        return _punished[studyId][stage][uint8(offence)];
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

    /// @return taken From all offenders together.
    /// @return isRelated Whether the reporter owns or operates one of them.
    function _take(uint256 studyId, Offence offence, uint32 stage, uint64 offenders, address reporter)
        private
        returns (uint256 taken, bool isRelated)
    {
        uint32[] memory ids = STUDIES.enrolledIds(studyId);
        uint256 slice = STUDIES.slice(studyId);
        for (uint8 index = 0; offenders >> index != 0; ++index) {
            if (!offenders.has(index)) continue;
            uint32 hospitalId = ids[index];
            uint256 bond = locked[studyId][hospitalId];
            uint256 amount = slice < bond ? slice : bond;
            locked[studyId][hospitalId] = bond - amount;
            if (offence == Offence.Equivocation) {
                amount += _takeReleased(studyId, hospitalId, slice - amount);
                isRelated = isRelated || HOSPITALS.hospitalIdOf(reporter) == hospitalId
                    || HOSPITALS.hospitalIdOfOperator(reporter) == hospitalId;
            }
            taken += amount;
            emit BondSlashed(studyId, hospitalId, offence, stage, amount);
        }
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

    /// @dev A beneficiary's bit; 0 for anybody else, and for a pot that is none.
    function _placeIn(Pot storage shared, uint32 hospitalId) private view returns (uint64) {
        if (shared.beneficiaries == 0) return 0;
        return STUDIES.enrolment(shared.studyId, hospitalId).index.single() & shared.beneficiaries;
    }

    /// @dev Equal parts with cumulative rounding, so that they add up to the pot.
    function _part(Pot storage shared, uint64 place) private view returns (uint256) {
        uint256 size = shared.beneficiaries.count();
        uint256 before = (shared.beneficiaries & (place - 1)).count();
        return shared.amount * (before + 1) / size - shared.amount * before / size;
    }

    function _requireOwner(uint32 hospitalId) private view {
        if (msg.sender != HOSPITALS.ownerOf(hospitalId)) revert StakeVaultNotOwner(hospitalId, msg.sender);
    }
}
