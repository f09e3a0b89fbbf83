// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {IEquivocationCourt} from "./interfaces/IEquivocationCourt.sol";
import {IRoundManager} from "./interfaces/IRoundManager.sol";
import {IStakeVault} from "./interfaces/IStakeVault.sol";
import {IStudyRegistry} from "./interfaces/IStudyRegistry.sol";
import {Bitmaps} from "./libraries/Bitmaps.sol";
import {EQUIVOCATION_WINDOW} from "./libraries/EvidenceWindow.sol";

/// @title Evidence of equivocation
contract EquivocationCourt is IEquivocationCourt {
    using Bitmaps for uint8;

    /// @dev What a hospital is accused of having signed twice.
    struct Charge {
        uint256 studyId;
        uint32 round;
        uint32 hospitalId;
        uint64 includedBitmap;
        uint8 attempt;
        uint64 includedAt;
    }

    /// @notice Seconds after a round closed in which an equivocation in it can be shown.
    uint64 public constant EVIDENCE_WINDOW = EQUIVOCATION_WINDOW;
    /// @notice Knows who operates which hospital.
    IStudyRegistry public immutable STUDIES;
    /// @notice Knows the included sets, and is what the signatures are made for.
    IRoundManager public immutable ROUNDS;
    /// @notice Holds the bonds.
    IStakeVault public immutable VAULT;

    constructor(IStudyRegistry studies, IRoundManager rounds, IStakeVault vault) {
        STUDIES = studies;
        ROUNDS = rounds;
        VAULT = vault;
    }

    /// @inheritdoc IEquivocationCourt
    function reportEquivocation(
        uint256 studyId,
        uint32 round,
        uint32 hospitalId,
        uint64 includedBitmap,
        uint8 attempt,
        bytes32 digestA,
        bytes calldata signatureA,
        bytes32 digestB,
        bytes calldata signatureB
    ) external {
        if (digestA == digestB) revert EquivocationCourtSameDigest(digestA);
        Charge memory charge = Charge(studyId, round, hospitalId, includedBitmap, attempt, 0);
        uint64 included = _open(charge);
        bool isOwn = _signedByCaller(charge, digestA, signatureA);
        isOwn = _signedByCaller(charge, digestB, signatureB) || isOwn;
        _punish(charge, included, isOwn ? address(0) : msg.sender);
        emit EquivocationShown(
            studyId, round, hospitalId, msg.sender, includedBitmap, attempt, digestA, digestB
        );
    }

    function _punish(Charge memory charge, uint64 included, address reporter) private {
        uint256 potId = VAULT.slash(
            charge.studyId,
            IStakeVault.Offence.Equivocation,
            charge.round,
            STUDIES.enrolment(charge.studyId, charge.hospitalId).index.single(),
            included,
            reporter
        );
        if (potId == 0) revert EquivocationCourtNothingToSlash(charge.studyId, charge.round, charge.hospitalId);
    }

    /// @dev The round's included set, while evidence about the round is accepted.
    function _open(Charge memory charge) private view returns (uint64 included) {
        IRoundManager.RoundState memory state = ROUNDS.roundState(charge.studyId, charge.round);
        if (state.includedAt == 0) {
            revert EquivocationCourtNothingToSlash(charge.studyId, charge.round, charge.hospitalId);
        }
        uint64 deadline = state.closedAt + EVIDENCE_WINDOW;
        if (state.closedAt != 0 && block.timestamp >= deadline) {
            revert EquivocationCourtTooLate(charge.studyId, charge.round, deadline);
        }
        charge.includedAt = state.includedAt;
        included = state.includedBitmap;
    }

    /// @dev Reverts unless the hospital's operator signed the share; says whether that is the caller.
    function _signedByCaller(Charge memory charge, bytes32 digest, bytes calldata signature)
        private
        view
        returns (bool)
    {
        bytes32 signed = ROUNDS.openingShareHash(
            charge.studyId, charge.round, charge.includedBitmap, charge.attempt, digest
        );
        (address signer,,) = ECDSA.tryRecover(signed, signature);
        (uint32 hospitalId, uint64 until) = STUDIES.actedFor(charge.studyId, signer);
        // A key that was replaced before the set was fixed had nothing to sign any more. In that very second it may
        // have posted a share and been replaced: so it answers for that one.
        if (hospitalId != charge.hospitalId || (until != 0 && until < charge.includedAt)) {
            revert EquivocationCourtWrongSigner(charge.studyId, charge.round, charge.hospitalId, signer);
        }
        return signer == msg.sender;
    }
}
