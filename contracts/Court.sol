// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {ICourt} from "./interfaces/ICourt.sol";
import {IOpenings} from "./interfaces/IOpenings.sol";
import {IRoundManager} from "./interfaces/IRoundManager.sol";
import {IStakeVault} from "./interfaces/IStakeVault.sol";
import {IStudyRegistry} from "./interfaces/IStudyRegistry.sol";
import {Bitmaps} from "./libraries/Bitmaps.sol";
import {EQUIVOCATION_WINDOW} from "./libraries/EvidenceWindow.sol";
import {Tallies} from "./libraries/Tallies.sol";

/// @title Lies in rounds
contract Court is ICourt {
    using Bitmaps for uint64;
    using Bitmaps for uint8;
    using Tallies for Tallies.Tally;

    /// @dev What a hospital is said to have signed twice.
    struct Pair {
        uint256 studyId;
        uint32 round;
        uint32 hospitalId;
        uint64 includedBitmap;
        uint64 includedAt;
    }

    /// @param by For each accuser's index the bitmap of those it accuses; four in a word.
    /// @param counts For each index how many accuse it.
    /// @param convicted Bitmap of indices that enough accuse.
    struct Accusations {
        uint64[64] by;
        Tallies.Tally counts;
        uint64 convicted;
    }

    /// @notice Seconds after a round closed in which a lie in it can be shown.
    uint64 public constant EVIDENCE_WINDOW = EQUIVOCATION_WINDOW;
    /// @notice Knows who operates which hospital.
    IStudyRegistry public immutable STUDIES;
    /// @notice Knows the included sets.
    IRoundManager public immutable ROUNDS;
    /// @notice Knows who posted, and is what the signatures are made for.
    IOpenings public immutable OPENINGS;
    /// @notice Holds the bonds.
    IStakeVault public immutable VAULT;

    mapping(uint256 studyId => mapping(uint32 round => mapping(Charge => Accusations))) private _accusations;

    /// @param studies May be an address that is deployed later, as all others.
    constructor(IStudyRegistry studies, IRoundManager rounds, IOpenings openings, IStakeVault vault) {
        STUDIES = studies;
        ROUNDS = rounds;
        OPENINGS = openings;
        VAULT = vault;
    }

    /// @inheritdoc ICourt
    function reportEquivocation(
        uint256 studyId,
        uint32 round,
        uint32 hospitalId,
        uint64 includedBitmap,
        bytes32 digestA,
        bytes calldata signatureA,
        bytes32 digestB,
        bytes calldata signatureB
    ) external {
        if (digestA == digestB) revert CourtSameDigest(digestA);
        Pair memory pair = Pair(studyId, round, hospitalId, includedBitmap, 0);
        IRoundManager.Standing memory at = _standing(studyId, round);
        if (at.includedAt == 0) revert CourtNothingToSlash(studyId, round, hospitalId);
        pair.includedAt = at.includedAt;
        bool isOwn = _signedByCaller(pair, digestA, signatureA);
        isOwn = _signedByCaller(pair, digestB, signatureB) || isOwn;
        _punish(pair, at.included, isOwn ? address(0) : msg.sender);
        emit EquivocationShown(studyId, round, hospitalId, msg.sender, includedBitmap, digestA, digestB);
    }

    /// @inheritdoc ICourt
    function accuse(uint256 studyId, uint32 round, Charge charge, uint64 accused) external {
        (uint32 hospitalId, uint8 index) = STUDIES.memberOf(studyId, msg.sender);
        IRoundManager.Standing memory at = _standing(studyId, round);
        if (!at.participants.has(index)) revert CourtNotParticipant(studyId, hospitalId);
        uint64 chargeable = at.submitted;
        if (charge == Charge.PadShare) (, chargeable) = OPENINGS.sharesPosted(studyId, round);
        uint64 without = accused & ~chargeable;
        if (without != 0 || accused == 0) revert CourtNothingToAccuse(studyId, round, without);
        Accusations storage made = _accusations[studyId][round][charge];
        uint64 already = made.by[index];
        if (already & accused != 0) revert CourtAlreadyAccused(studyId, round, hospitalId, already & accused);

        made.by[index] = already | accused;
        made.counts.add(index, accused);
        uint64 convicted_ = made.counts.atLeast(at.threshold) & ~made.convicted;
        emit Accused(studyId, round, hospitalId, charge, accused);
        if (convicted_ == 0) return;
        made.convicted |= convicted_;
        emit Convicted(studyId, round, charge, convicted_);
        IStakeVault.Offence offence =
            charge == Charge.Payload ? IStakeVault.Offence.FalsePayload : IStakeVault.Offence.FalsePadShare;
        VAULT.slash(studyId, offence, round, convicted_, at.participants & ~convicted_, address(0));
    }

    /// @inheritdoc ICourt
    function accusedBy(uint256 studyId, uint32 round, Charge charge, uint8 index) external view returns (uint64) {
        return _accusations[studyId][round][charge].by[index];
    }

    /// @inheritdoc ICourt
    function convicted(uint256 studyId, uint32 round, Charge charge) external view returns (uint64) {
        return _accusations[studyId][round][charge].convicted;
    }

    function _punish(Pair memory pair, uint64 included, address reporter) private {
        uint256 potId = VAULT.slash(
            pair.studyId,
            IStakeVault.Offence.Equivocation,
            pair.round,
            STUDIES.enrolment(pair.studyId, pair.hospitalId).index.single(),
            included,
            reporter
        );
        if (potId == 0) revert CourtNothingToSlash(pair.studyId, pair.round, pair.hospitalId);
    }

    /// @dev Where the round stands, while evidence about it is accepted.
    function _standing(uint256 studyId, uint32 round) private view returns (IRoundManager.Standing memory at) {
        at = ROUNDS.standing(studyId, round);
        uint64 deadline = at.closedAt + EVIDENCE_WINDOW;
        if (at.closedAt != 0 && block.timestamp >= deadline) revert CourtTooLate(studyId, round, deadline);
    }

    /// @dev Reverts unless the hospital's operator signed the share; says whether that is the caller.
    function _signedByCaller(Pair memory pair, bytes32 digest, bytes calldata signature)
        private
        view
        returns (bool)
    {
        bytes32 signed = OPENINGS.openingShareHash(pair.studyId, pair.round, pair.includedBitmap, digest);
        (address signer,,) = ECDSA.tryRecover(signed, signature);
        (uint32 hospitalId, uint64 until) = STUDIES.actedFor(pair.studyId, signer);
        // A key that was replaced before the set was fixed had nothing to sign any more. In that very second it may
        // have posted a share and been replaced: so it answers for that one.
        if (hospitalId != pair.hospitalId || (until != 0 && until < pair.includedAt)) {
            revert CourtWrongSigner(pair.studyId, pair.round, pair.hospitalId, signer);
        }
        return signer == msg.sender;
    }
}
