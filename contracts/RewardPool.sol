// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuard} from "@openzeppelin/contracts/utils/ReentrancyGuard.sol";
import {IHospitalRegistry} from "./interfaces/IHospitalRegistry.sol";
import {IRewardPool} from "./interfaces/IRewardPool.sol";
import {IRoundManager} from "./interfaces/IRoundManager.sol";
import {IStudyRegistry} from "./interfaces/IStudyRegistry.sol";
import {Bitmaps} from "./libraries/Bitmaps.sol";

/// @title Escrow of rewards
contract RewardPool is IRewardPool, ReentrancyGuard {
    using Bitmaps for uint64;
    using SafeERC20 for IERC20;

    uint256 private constant BASIS_POINTS = 10_000;

    /// @notice Token that rewards are in.
    IERC20 public immutable TOKEN;
    /// @notice Knows owners.
    IHospitalRegistry public immutable HOSPITALS;
    /// @notice Knows plans, rows and sponsors.
    IStudyRegistry public immutable STUDIES;
    /// @notice Knows what was verified and finalised.
    IRoundManager public immutable ROUNDS;

    /// @inheritdoc IRewardPool
    mapping(uint256 studyId => uint256) public funded;
    /// @inheritdoc IRewardPool
    mapping(uint256 studyId => mapping(uint32 round => mapping(uint32 hospitalId => uint256))) public paid;
    /// @notice Tokens that went back to a study's sponsor.
    mapping(uint256 studyId => uint256) public refunded;

    /// @param studies May be an address that is deployed later, as `rounds`.
    constructor(IERC20 token, IHospitalRegistry hospitals, IStudyRegistry studies, IRoundManager rounds) {
        TOKEN = token;
        HOSPITALS = hospitals;
        STUDIES = studies;
        ROUNDS = rounds;
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
    function claim(uint256 studyId, uint32 hospitalId, uint32[] calldata rounds) external nonReentrant {
        address owner = HOSPITALS.ownerOf(hospitalId);
        // Paying the wallet that is to stay off the ledger is the hospital's choice alone.
        if (msg.sender != owner && STUDIES.enrolment(studyId, hospitalId).payoutCommitment != bytes32(0)) {
            revert RewardPoolNotOwner(studyId, hospitalId, msg.sender);
        }
        _pay(studyId, hospitalId, rounds, owner);
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
    function refund(uint256 studyId) external nonReentrant {
        if (!_ended(studyId)) revert RewardPoolStudyNotEnded(studyId);
        uint256 amount = refundable(studyId);
        if (amount == 0) revert RewardPoolNothingToRefund(studyId);
        refunded[studyId] += amount;
        address sponsor = STUDIES.sponsorOf(studyId);
        TOKEN.safeTransfer(sponsor, amount);
        emit StudyRefunded(studyId, sponsor, amount);
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
    function earned(uint256 studyId, uint32 round, uint32 hospitalId) public view returns (uint256 amount) {
        IRoundManager.RoundState memory state = ROUNDS.roundState(studyId, round);
        if (!state.verified) return 0;
        uint8 index = STUDIES.enrolment(studyId, hospitalId).index;
        if (!state.includedBitmap.has(index)) return 0;
        uint32[] memory rows = STUDIES.enrolledRows(studyId);
        uint256 before;
        for (uint256 i = 0; i < index; ++i) {
            if (state.includedBitmap.has(i)) before += rows[i];
        }
        (uint256 verifiedPart, uint256 finalPart) = _parts(studyId);
        // The parts are split one by one: each adds up exactly, and no share ever shrinks at finalise.
        amount = _cut(verifiedPart, before, rows[index], state.sumRows);
        if (state.closedAs == IRoundManager.Phase.Finalised) {
            amount += _cut(finalPart, before, rows[index], state.sumRows);
        }
    }

    /// @inheritdoc IRewardPool
    function refundable(uint256 studyId) public view returns (uint256) {
        if (!_ended(studyId)) return 0;
        (uint256 verifiedPart, uint256 finalPart) = _parts(studyId);
        (uint32 verifiedRounds, uint32 finalisedRounds) = ROUNDS.tally(studyId);
        uint256 earnedInAll = verifiedRounds * verifiedPart + finalisedRounds * finalPart;
        return funded[studyId] - earnedInAll - refunded[studyId];
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

    /// @dev A round's reward, in what verified work earns and what a finalised model adds.
    function _parts(uint256 studyId) private view returns (uint256 verifiedPart, uint256 finalPart) {
        (uint256 reward, uint256 shareBps) = STUDIES.rewardTerms(studyId);
        verifiedPart = reward * shareBps / BASIS_POINTS;
        finalPart = reward - verifiedPart;
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

    /// @dev Cumulative rounding: cuts of neighbouring spans add up to `total` without a remainder.
    function _cut(uint256 total, uint256 before, uint256 rows, uint256 sumRows) private pure returns (uint256) {
        return total * (before + rows) / sumRows - total * before / sumRows;
    }
}
