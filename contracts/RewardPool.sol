// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {IHospitalRegistry} from "./interfaces/IHospitalRegistry.sol";
import {IRewardPool} from "./interfaces/IRewardPool.sol";
import {IRoundManager} from "./interfaces/IRoundManager.sol";
import {IStakeVault} from "./interfaces/IStakeVault.sol";
import {IStudyRegistry} from "./interfaces/IStudyRegistry.sol";
import {Bitmaps} from "./libraries/Bitmaps.sol";

/// @title Escrow of rewards
contract RewardPool is IRewardPool, ReentrancyGuard {
    using Bitmaps for uint64;
    using SafeERC20 for IERC20;

    /// @dev What services were credited, by where it comes from.
    struct Services {
        uint256 fromBudget;
        uint256 fromFines;
    }

    /// @notice Token that rewards are in: the one that bonds and fines are in.
    IERC20 public immutable TOKEN;
    /// @notice Knows owners.
    IHospitalRegistry public immutable HOSPITALS;
    /// @notice Knows plans, rows and sponsors.
    IStudyRegistry public immutable STUDIES;
    /// @notice Knows what was finalised; tells of services.
    IRoundManager public immutable ROUNDS;
    /// @notice Tells of services.
    address public immutable CEREMONY;
    /// @notice Holds fines, which services are paid from once the sponsor's budget is spent.
    IStakeVault public immutable VAULT;

    /// @inheritdoc IRewardPool
    mapping(uint256 studyId => uint256) public funded;
    /// @inheritdoc IRewardPool
    mapping(uint256 studyId => mapping(uint32 round => mapping(uint32 hospitalId => uint256))) public paid;
    /// @notice Tokens that went back to a study's sponsor.
    mapping(uint256 studyId => uint256) public refunded;

    mapping(uint256 studyId => Services) private _spent;
    mapping(address account => Services) private _owed;

    /// @param studies May be an address that is deployed later, as `rounds` and `ceremony`.
    /// @param vault Is asked for its token: two contracts of one suite never pay in two.
    constructor(
        IHospitalRegistry hospitals,
        IStudyRegistry studies,
        IRoundManager rounds,
        address ceremony,
        IStakeVault vault
    ) {
        TOKEN = vault.TOKEN();
        HOSPITALS = hospitals;
        STUDIES = studies;
        ROUNDS = rounds;
        CEREMONY = ceremony;
        VAULT = vault;
    }

    modifier onlyTo(address to) {
        if (to == address(0)) revert RewardPoolZeroAddress();
        _;
    }

    /// @inheritdoc IRewardPool
    function fund(uint256 studyId, uint256 amount) external nonReentrant {
        IStudyRegistry.StudyState state = STUDIES.studyState(studyId);
        if (state != IStudyRegistry.StudyState.Published && state != IStudyRegistry.StudyState.Enrolling) {
            revert RewardPoolStudyNotOpen(studyId);
        }
        uint256 before = TOKEN.balanceOf(address(this));
        TOKEN.safeTransferFrom(msg.sender, address(this), amount);
        // A token may take a fee on the way: only what arrived is paid out.
        uint256 arrived = TOKEN.balanceOf(address(this)) - before;
        if (arrived == 0) revert RewardPoolZeroAmount();
        funded[studyId] += arrived;
        emit StudyFunded(studyId, msg.sender, arrived);
    }

    /// @inheritdoc IRewardPool
    function claim(uint256 studyId, uint32 hospitalId, uint32[] calldata rounds, address to)
        external
        nonReentrant
        onlyTo(to)
    {
        address owner = HOSPITALS.ownerOf(hospitalId);
        if (msg.sender != owner) {
            // Paying the wallet that is to stay off the ledger is the hospital's choice alone.
            if (STUDIES.enrolment(studyId, hospitalId).payoutCommitment != bytes32(0)) {
                revert RewardPoolNotOwner(studyId, hospitalId, msg.sender);
            }
            if (to != owner) revert RewardPoolWrongRecipient(studyId, msg.sender, to);
        }
        _pay(studyId, hospitalId, rounds, to);
    }

    /// @inheritdoc IRewardPool
    function claimTo(uint256 studyId, uint32 hospitalId, uint32[] calldata rounds, address payout, bytes32 salt)
        external
        nonReentrant
    {
        bytes32 commitment = STUDIES.enrolment(studyId, hospitalId).payoutCommitment;
        if (sha256(abi.encodePacked(payout, salt)) != commitment) revert RewardPoolWrongPayout(studyId, hospitalId);
        _pay(studyId, hospitalId, rounds, payout);
    }

    /// @inheritdoc IRewardPool
    function refund(uint256 studyId, address to) external nonReentrant onlyTo(to) {
        if (!_ended(studyId)) revert RewardPoolStudyNotEnded(studyId);
        address sponsor = STUDIES.sponsorOf(studyId);
        if (msg.sender != sponsor && to != sponsor) revert RewardPoolWrongRecipient(studyId, msg.sender, to);
        uint256 amount = refundable(studyId);
        if (amount == 0) revert RewardPoolNothingToRefund(studyId);
        refunded[studyId] += amount;
        TOKEN.safeTransfer(to, amount);
        emit StudyRefunded(studyId, to, amount);
    }

    /// @inheritdoc IRewardPool
    function credit(uint256 studyId, address account, Service service) external {
        if (msg.sender != CEREMONY && msg.sender != address(ROUNDS)) revert RewardPoolNotServed(msg.sender);
        (uint256 budget, uint256 fee) = STUDIES.serviceTerms(studyId);
        uint256 due = service == Service.Include || service == Service.Finalise ? fee : fee / 2;
        Services storage spent = _spent[studyId];
        // What went back to the sponsor cannot be owed to anybody.
        uint256 left = refunded[studyId] == 0 ? budget - spent.fromBudget : 0;
        uint256 fromBudget = due < left ? due : left;
        uint256 fromFines = due == fromBudget ? 0 : VAULT.spendFines(studyId, due - fromBudget);
        if (fromBudget + fromFines == 0) return;
        Services storage owed = _owed[account];
        if (fromBudget != 0) {
            spent.fromBudget += fromBudget;
            owed.fromBudget += fromBudget;
        }
        if (fromFines != 0) {
            spent.fromFines += fromFines;
            owed.fromFines += fromFines;
        }
        emit ServiceEarned(studyId, account, service, fromBudget + fromFines);
    }

    /// @inheritdoc IRewardPool
    function claimService(address to) external nonReentrant onlyTo(to) {
        Services memory owed = _owed[msg.sender];
        uint256 amount = owed.fromBudget + owed.fromFines;
        if (amount == 0) revert RewardPoolNoService(msg.sender);
        delete _owed[msg.sender];
        // Each part goes straight to its recipient: on the way from the vault to here a token could take a fee.
        if (owed.fromBudget != 0) TOKEN.safeTransfer(to, owed.fromBudget);
        if (owed.fromFines != 0) VAULT.payFines(to, owed.fromFines);
        emit ServicePaid(msg.sender, to, amount);
    }

    /// @inheritdoc IRewardPool
    function claimable(uint256 studyId, uint32 hospitalId, uint32[] calldata rounds)
        external
        view
        returns (uint256 amount)
    {
        for (uint256 i = 0; i < rounds.length; ++i) {
            if (_namedBefore(rounds, i)) continue;
            amount += earned(studyId, rounds[i], hospitalId) - paid[studyId][rounds[i]][hospitalId];
        }
    }

    /// @inheritdoc IRewardPool
    function serviceOwed(address account) external view returns (uint256) {
        Services memory owed = _owed[account];
        return owed.fromBudget + owed.fromFines;
    }

    /// @inheritdoc IRewardPool
    function serviceSpent(uint256 studyId) external view returns (uint256 total, uint256 fromFines) {
        Services memory spent = _spent[studyId];
        return (spent.fromBudget + spent.fromFines, spent.fromFines);
    }

    /// @inheritdoc IRewardPool
    function earned(uint256 studyId, uint32 round, uint32 hospitalId) public view returns (uint256) {
        IRoundManager.RoundState memory state = ROUNDS.roundState(studyId, round);
        if (state.closedAs != IRoundManager.Phase.Finalised) return 0;
        uint8 index = STUDIES.enrolment(studyId, hospitalId).index;
        if (!state.includedBitmap.has(index)) return 0;
        uint32[] memory rows = STUDIES.enrolledRows(studyId);
        uint256 before;
        for (uint256 i = 0; i < index; ++i) {
            if (state.includedBitmap.has(i)) before += rows[i];
        }
        uint256 reward = STUDIES.rewardPerRound(studyId);
        // Cumulative rounding: neighbours' shares add up to the reward without a remainder.
        return reward * (before + rows[index]) / state.sumRows - reward * before / state.sumRows;
    }

    /// @inheritdoc IRewardPool
    function refundable(uint256 studyId) public view returns (uint256) {
        if (!_ended(studyId)) return 0;
        uint256 rewards = STUDIES.rewardPerRound(studyId) * ROUNDS.finalisedRounds(studyId);
        return funded[studyId] - rewards - _spent[studyId].fromBudget - refunded[studyId];
    }

    function _pay(uint256 studyId, uint32 hospitalId, uint32[] calldata rounds, address to) private {
        uint256 amount;
        for (uint256 i = 0; i < rounds.length; ++i) {
            uint256 due = earned(studyId, rounds[i], hospitalId);
            // Naming a round twice adds nothing: the second time all of it is paid.
            amount += due - paid[studyId][rounds[i]][hospitalId];
            paid[studyId][rounds[i]][hospitalId] = due;
        }
        if (amount == 0) revert RewardPoolNothingToClaim(studyId, hospitalId);
        TOKEN.safeTransfer(to, amount);
        emit RewardClaimed(studyId, hospitalId, to, amount);
    }

    function _ended(uint256 studyId) private view returns (bool) {
        IStudyRegistry.StudyState state = STUDIES.studyState(studyId);
        return state == IStudyRegistry.StudyState.Completed || state == IStudyRegistry.StudyState.Cancelled;
    }

    function _namedBefore(uint32[] calldata rounds, uint256 position) private pure returns (bool) {
        for (uint256 i = 0; i < position; ++i) {
            if (rounds[i] == rounds[position]) return true;
        }
        return false;
    }
}
