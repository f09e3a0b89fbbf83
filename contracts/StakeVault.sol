// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Bonds} from "./bonds/Bonds.sol";
import {IHospitalRegistry} from "./interfaces/IHospitalRegistry.sol";
import {IRoundManager} from "./interfaces/IRoundManager.sol";
import {IStakeVault} from "./interfaces/IStakeVault.sol";
import {IStudyRegistry} from "./interfaces/IStudyRegistry.sol";
import {Bitmaps} from "./libraries/Bitmaps.sol";
import {EQUIVOCATION_WINDOW} from "./libraries/EvidenceWindow.sol";

/// @title Bonds, what lies and absence take of them, and whose that is
contract StakeVault is Bonds {
    using Bitmaps for uint64;
    using Bitmaps for uint8;
    using SafeERC20 for IERC20;

    /// @dev The contracts that fix what lies and absence cost.
    struct Judges {
        address ceremony;
        address openings;
        address court;
    }

    /// @notice Part of what an equivocation costs, in 1/10000, that its reporter earns.
    uint256 public constant BOUNTY_BPS = 500;
    uint256 private constant BASIS_POINTS = 10_000;

    /// @notice Slashes false dealings, fines absence in ceremonies, charges for those asked for too soon.
    address public immutable CEREMONY;
    /// @notice Fines absence in openings.
    address public immutable OPENINGS;
    /// @notice Slashes lies in rounds.
    address public immutable COURT;
    /// @notice Spends fines for services.
    address public immutable REWARD_POOL;

    /// @inheritdoc IStakeVault
    uint256 public potCount;
    /// @inheritdoc IStakeVault
    mapping(address reporter => uint256) public bounty;
    /// @inheritdoc IStakeVault
    mapping(uint256 studyId => uint256) public fines;
    /// @inheritdoc IStakeVault
    mapping(uint256 studyId => mapping(uint32 batch => mapping(uint8 index => uint256))) public finedIn;
    /// @inheritdoc IStakeVault
    /// @dev Nothing but a lie's slice brings a bond below a slice, fines and charges stop there: so who lied is all.
    mapping(uint256 studyId => uint64) public excluded;

    mapping(uint256 potId => Pot) private _pots;
    /// @dev By offence: bitmaps of indices. A stage is a ceremony or a round, as the offence has it.
    mapping(uint256 studyId => mapping(uint32 stage => uint64[4])) private _punished;
    /// @dev Fines set aside for services and not yet paid.
    uint256 private _setAside;

    /// @param studies May be an address that is deployed later, as `rounds`, `judges` and `rewardPool`: nothing is
    /// called here.
    constructor(
        IERC20 token,
        IHospitalRegistry hospitals,
        IStudyRegistry studies,
        IRoundManager rounds,
        Judges memory judges,
        address rewardPool,
        uint64 unbondingDelay
    ) Bonds(token, hospitals, studies, rounds, unbondingDelay) {
        CEREMONY = judges.ceremony;
        OPENINGS = judges.openings;
        COURT = judges.court;
        REWARD_POOL = rewardPool;
    }

    modifier onlyRewardPool() {
        if (msg.sender != REWARD_POOL) revert StakeVaultNotRewardPool(msg.sender);
        _;
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
        uint64 claimableAt = _openStage(studyId, offence, stage, offenders);
        _punished[studyId][stage][uint8(offence)] |= offenders;
        excluded[studyId] |= offenders;
        beneficiaries = _unpunished(beneficiaries, studyId, offence, stage);
        if (beneficiaries == 0) return 0;
        (uint256 taken, bool isRelated) = _takeSlices(studyId, offence, stage, offenders, reporter);
        if (taken == 0) return 0;
        potId = ++potCount;
        uint256 earned = reporter == address(0) || isRelated ? 0 : taken * BOUNTY_BPS / BASIS_POINTS;
        _pots[potId] = Pot(studyId, taken - earned, beneficiaries, 0, stage, offence, claimableAt);
        emit PotMade(potId, studyId, offence, stage, taken - earned, beneficiaries);
        if (earned != 0) {
            bounty[reporter] += earned;
            emit BountyEarned(potId, reporter, earned);
        }
    }

    /// @inheritdoc IStakeVault
    function fine(uint256 studyId, uint32 batch, uint64 absent) external {
        if (msg.sender != CEREMONY && msg.sender != address(ROUNDS) && msg.sender != OPENINGS) {
            revert StakeVaultNotJudge(msg.sender);
        }
        uint32[] memory ids = STUDIES.enrolledIds(studyId);
        uint256 slice = STUDIES.slice(studyId);
        (uint256 price, uint256 cap) = STUDIES.fineTerms(studyId);
        uint256 total;
        for (uint8 index = 0; absent >> index != 0; ++index) {
            if (!absent.has(index)) continue;
            uint256 before = finedIn[studyId][batch][index];
            uint256 wanted = price < cap - before ? price : cap - before;
            uint256 amount = _takeAboveSlice(studyId, ids[index], slice, wanted);
            if (amount == 0) continue;
            finedIn[studyId][batch][index] = before + amount;
            total += amount;
            emit AbsenceFined(studyId, ids[index], batch, amount);
        }
        if (total != 0) fines[studyId] += total;
    }

    /// @inheritdoc IStakeVault
    function charge(uint256 studyId, uint8 index, uint64 beneficiaries, uint256 amount)
        external
        returns (uint256 potId)
    {
        if (msg.sender != CEREMONY) revert StakeVaultNotJudge(msg.sender);
        beneficiaries &= ~index.single();
        if (beneficiaries == 0 || amount == 0) return 0;
        uint32 hospitalId = STUDIES.enrolledIds(studyId)[index];
        uint256 taken = _takeAboveSlice(studyId, hospitalId, STUDIES.slice(studyId), amount);
        if (taken != amount) revert StakeVaultInsufficient(hospitalId, taken, amount);
        potId = ++potCount;
        _pots[potId] = Pot(studyId, amount, beneficiaries, 0, 0, Offence.FalseDealing, uint64(block.timestamp));
        emit CeremonyCharged(potId, studyId, hospitalId, amount, beneficiaries);
    }

    /// @inheritdoc IStakeVault
    function spendFines(uint256 studyId, uint256 amount) external onlyRewardPool returns (uint256 given) {
        uint256 left = fines[studyId];
        given = amount < left ? amount : left;
        if (given == 0) return 0;
        fines[studyId] = left - given;
        _setAside += given;
        emit FinesSpent(studyId, given);
    }

    /// @inheritdoc IStakeVault
    function payFines(address to, uint256 amount) external onlyRewardPool nonReentrant {
        if (amount > _setAside) revert StakeVaultNotSetAside(amount, _setAside);
        _setAside -= amount;
        TOKEN.safeTransfer(to, amount);
        emit FinesPaid(to, amount);
    }

    /// @inheritdoc IStakeVault
    function claimSlashed(uint256 potId, uint32 hospitalId) external {
        Pot memory shared = pot(potId);
        uint64 place = _placeIn(shared, hospitalId);
        if (place == 0) revert StakeVaultNotBeneficiary(potId, hospitalId);
        if (block.timestamp < shared.claimableAt) revert StakeVaultTooEarly(potId, shared.claimableAt);
        if (shared.claimed & place != 0) revert StakeVaultAlreadyClaimed(potId, hospitalId);
        uint256 amount = _part(shared, place);
        _pots[potId].claimed = shared.claimed | place;
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
    function partOf(uint256 potId, uint32 hospitalId) external view returns (uint256) {
        Pot memory shared = pot(potId);
        uint64 place = _placeIn(shared, hospitalId);
        return place == 0 ? 0 : _part(shared, place);
    }

    /// @inheritdoc IStakeVault
    function punished(uint256 studyId, Offence offence, uint32 stage) external view returns (uint64) {
        return _punished[studyId][stage][uint8(offence)];
    }

    /// @inheritdoc IStakeVault
    function pot(uint256 potId) public view returns (Pot memory shared) {
        shared = _pots[potId];
        // A charge punishes nobody.
        if (shared.stage == 0) return shared;
        shared.beneficiaries = _unpunished(shared.beneficiaries, shared.studyId, shared.offence, shared.stage);
        if (shared.offence != Offence.FalseDealing) shared.claimableAt = _settledAt(shared.studyId, shared.stage);
    }

    /// @dev Reverts unless the caller may punish the offenders for the stage now. No part that was claimed ever
    /// changes: parts follow from who is punished for the pot's stage, and nobody is any more once they can be claimed.
    /// For a ceremony, since the one call that makes its pot is the last that it allows. For a round, since `slash`
    /// ends at the very second from which its pots' parts are paid, and that second, once known, stays: a round closes
    /// once.
    /// @return claimableAt 0 for a round's pot, which tells it when it is read.
    function _openStage(uint256 studyId, Offence offence, uint32 stage, uint64 offenders)
        private
        view
        returns (uint64 claimableAt)
    {
        uint64 already = _punished[studyId][stage][uint8(offence)];
        if (offence == Offence.FalseDealing) {
            if (msg.sender != CEREMONY) revert StakeVaultNotJudge(msg.sender);
            if (already != 0) revert StakeVaultEvidenceUsed(studyId, offence, stage, already);
            return uint64(block.timestamp);
        }
        if (msg.sender != COURT) revert StakeVaultNotJudge(msg.sender);
        if (already & offenders != 0) revert StakeVaultEvidenceUsed(studyId, offence, stage, already & offenders);
        uint64 deadline = _settledAt(studyId, stage);
        if (block.timestamp >= deadline) revert StakeVaultTooLate(studyId, stage, deadline);
    }

    /// @dev Second from which no evidence about a round is accepted; the greatest while it has not closed.
    function _settledAt(uint256 studyId, uint32 round) private view returns (uint64) {
        uint64 closedAt = ROUNDS.roundState(studyId, round).closedAt;
        return closedAt == 0 ? type(uint64).max : closedAt + EQUIVOCATION_WINDOW;
    }

    /// @return taken From all offenders together.
    /// @return isRelated Whether the reporter owns or operates one of them.
    function _takeSlices(uint256 studyId, Offence offence, uint32 stage, uint64 offenders, address reporter)
        private
        returns (uint256 taken, bool isRelated)
    {
        uint32[] memory ids = STUDIES.enrolledIds(studyId);
        uint256 slice = STUDIES.slice(studyId);
        for (uint8 index = 0; offenders >> index != 0; ++index) {
            if (!offenders.has(index)) continue;
            uint32 hospitalId = ids[index];
            uint256 amount = _takeSlice(studyId, hospitalId, slice);
            taken += amount;
            emit BondSlashed(studyId, hospitalId, offence, stage, amount);
            if (reporter == address(0) || isRelated) continue;
            isRelated = HOSPITALS.hospitalIdOf(reporter) == hospitalId
                || HOSPITALS.hospitalIdOfOperator(reporter) == hospitalId;
        }
    }

    /// @dev Whom of a stage's beneficiaries no judge has punished for it, by whatever offence.
    function _unpunished(uint64 beneficiaries, uint256 studyId, Offence offence, uint32 stage)
        private
        view
        returns (uint64)
    {
        uint64[4] memory then = _punished[studyId][stage];
        if (offence == Offence.FalseDealing) return beneficiaries & ~then[uint8(offence)];
        uint64 liars = then[uint8(Offence.FalsePayload)] | then[uint8(Offence.FalsePadShare)];
        return beneficiaries & ~(liars | then[uint8(Offence.Equivocation)]);
    }

    /// @dev A beneficiary's bit; 0 for anybody else, and for a pot that is none.
    function _placeIn(Pot memory shared, uint32 hospitalId) private view returns (uint64) {
        if (shared.beneficiaries == 0) return 0;
        return STUDIES.enrolment(shared.studyId, hospitalId).index.single() & shared.beneficiaries;
    }

    /// @dev Equal parts with cumulative rounding, so that they add up to the pot.
    function _part(Pot memory shared, uint64 place) private pure returns (uint256) {
        uint256 size = shared.beneficiaries.count();
        uint256 before = (shared.beneficiaries & (place - 1)).count();
        return shared.amount * (before + 1) / size - shared.amount * before / size;
    }
}
