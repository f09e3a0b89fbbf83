// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {ECDSA} from "@openzeppelin/contracts/utils/cryptography/ECDSA.sol";
import {EIP712} from "@openzeppelin/contracts/utils/cryptography/EIP712.sol";
import {IKeyCeremony} from "./interfaces/IKeyCeremony.sol";
import {IOpenings} from "./interfaces/IOpenings.sol";
import {IRoundManager} from "./interfaces/IRoundManager.sol";
import {IStakeVault} from "./interfaces/IStakeVault.sol";
import {IStudyRegistry} from "./interfaces/IStudyRegistry.sol";
import {Bitmaps} from "./libraries/Bitmaps.sol";
import {Quorums} from "./libraries/Quorums.sol";

/// @title Openings of a round's sum
contract Openings is IOpenings, EIP712 {
    using Bitmaps for uint64;
    using Bitmaps for uint8;

    /// @dev Bitmaps of indices; one word of storage.
    /// @param ckks Who posted a CKKS share.
    /// @param pads Who posted a pad share.
    /// @param late Those of them that did after the pads' window.
    /// @param absenceRecorded `recordAbsence` was called.
    struct Posted {
        uint64 ckks;
        uint64 pads;
        uint64 late;
        bool absenceRecorded;
    }

    /// @notice Longest pad share that an event carries.
    uint256 public constant MAX_INLINE_BYTES = 2048;
    bytes32 private constant _SHARE_TYPE =
        keccak256("OpeningShare(uint256 studyId,uint32 round,uint64 includedBitmap,bytes32 digest)");
    /// @notice Knows who operates which hospital.
    IStudyRegistry public immutable STUDIES;
    /// @notice Knows where a round stands.
    IRoundManager public immutable ROUNDS;
    /// @notice Knows whether further rounds can follow.
    IKeyCeremony public immutable KEYS;
    /// @notice Holds the bonds.
    IStakeVault public immutable VAULT;

    mapping(uint256 studyId => mapping(uint32 round => Posted)) private _posted;

    /// @param studies May be an address that is deployed later, as all others.
    constructor(IStudyRegistry studies, IRoundManager rounds, IKeyCeremony keys, IStakeVault vault)
        EIP712("Consilium", "1")
    {
        STUDIES = studies;
        ROUNDS = rounds;
        KEYS = keys;
        VAULT = vault;
    }

    /// @inheritdoc IOpenings
    function postShare(uint256 studyId, uint32 round, bytes32 digest, uint64 size, bytes calldata signature)
        external
    {
        if (digest == bytes32(0)) revert OpeningsEmptyDigest();
        (uint32 hospitalId, uint8 index) = STUDIES.memberOf(studyId, msg.sender);
        IRoundManager.Standing memory at = ROUNDS.standing(studyId, round);
        if (at.phase != IRoundManager.Phase.Open || block.timestamp >= at.padsFrom) {
            revert OpeningsWrongPhase(studyId, round);
        }
        if (!_drawn(at).has(index)) revert OpeningsNotInQuorum(studyId, round, hospitalId);
        Posted storage posted = _posted[studyId][round];
        if (posted.ckks.has(index)) revert OpeningsAlreadyPosted(studyId, round, hospitalId);
        bytes32 signed = openingShareHash(studyId, round, at.included, digest);
        (address signer,,) = ECDSA.tryRecover(signed, signature);
        if (signer != msg.sender) revert OpeningsWrongSignature(studyId, round, hospitalId);

        posted.ckks |= index.single();
        emit SharePosted(studyId, round, hospitalId, digest, size, signature);
    }

    /// @inheritdoc IOpenings
    function postPadShare(uint256 studyId, uint32 round, bytes calldata share) external {
        if (share.length == 0 || share.length > MAX_INLINE_BYTES) {
            revert OpeningsWrongLength(share.length, MAX_INLINE_BYTES);
        }
        emit PadSharePosted(studyId, round, _countPadShare(studyId, round), share);
    }

    /// @inheritdoc IOpenings
    function postPadShareFile(uint256 studyId, uint32 round, bytes32 digest, uint64 size) external {
        if (digest == bytes32(0)) revert OpeningsEmptyDigest();
        emit PadShareFilePosted(studyId, round, _countPadShare(studyId, round), digest, size);
    }

    /// @inheritdoc IOpenings
    function recordAbsence(uint256 studyId, uint32 round) external {
        IRoundManager.Standing memory at = ROUNDS.standing(studyId, round);
        // Finalised before the window was over: nobody had to post.
        if (at.includedAt == 0 || (at.closedAt != 0 && at.closedAt < at.padsUntil)) {
            revert OpeningsWrongPhase(studyId, round);
        }
        if (block.timestamp < at.padsUntil) revert OpeningsNotYet(studyId, round, at.padsUntil);
        Posted storage posted = _posted[studyId][round];
        if (posted.absenceRecorded) revert OpeningsAlreadyRecorded(studyId, round);

        posted.absenceRecorded = true;
        uint64 absent = at.participants & ~(posted.pads & ~posted.late);
        emit AbsenceRecorded(studyId, round, absent);
        if (absent != 0) VAULT.fine(studyId, at.batch, absent);
    }

    /// @inheritdoc IOpenings
    function quorum(uint256 studyId, uint32 round) external view returns (uint32[] memory hospitalIds) {
        IRoundManager.Standing memory at = ROUNDS.standing(studyId, round);
        if (at.includedAt == 0 || at.opening != IRoundManager.Opening.Ckks) return hospitalIds;
        uint64 named = _drawn(at);
        uint32[] memory ids = STUDIES.enrolledIds(studyId);
        hospitalIds = new uint32[](at.threshold);
        uint256 next;
        for (uint256 index = 0; named >> index != 0; ++index) {
            if (named.has(index)) hospitalIds[next++] = ids[index];
        }
    }

    /// @inheritdoc IOpenings
    function sharesPosted(uint256 studyId, uint32 round) external view returns (uint64 ckks, uint64 pads) {
        Posted storage posted = _posted[studyId][round];
        return (posted.ckks, posted.pads);
    }

    /// @inheritdoc IOpenings
    function isRecovering(uint256 studyId, uint32 round) external view returns (bool) {
        return _isRecovering(studyId, round, ROUNDS.standing(studyId, round));
    }

    /// @inheritdoc IOpenings
    function openingShareHash(uint256 studyId, uint32 round, uint64 includedBitmap, bytes32 digest)
        public
        view
        returns (bytes32)
    {
        return _hashTypedDataV4(keccak256(abi.encode(_SHARE_TYPE, studyId, round, includedBitmap, digest)));
    }

    /// @dev Takes note of the caller's pad share, if it may post one now.
    function _countPadShare(uint256 studyId, uint32 round) private returns (uint32 hospitalId) {
        uint8 index;
        (hospitalId, index) = STUDIES.memberOf(studyId, msg.sender);
        IRoundManager.Standing memory at = ROUNDS.standing(studyId, round);
        bool opens = at.phase == IRoundManager.Phase.Suspended
            || (at.phase == IRoundManager.Phase.Open && block.timestamp >= at.padsFrom);
        if (!opens && !_isRecovering(studyId, round, at)) revert OpeningsWrongPhase(studyId, round);
        if (!at.participants.has(index)) revert OpeningsNotParticipant(studyId, hospitalId);
        Posted memory posted = _posted[studyId][round];
        if (posted.pads.has(index)) revert OpeningsAlreadyPosted(studyId, round, hospitalId);

        posted.pads |= index.single();
        if (block.timestamp >= at.padsUntil) posted.late |= index.single();
        _posted[studyId][round] = posted;
    }

    /// @dev A finalised round's shares are accepted until the next one's submission is over, however late that is;
    /// where no round follows any more, for a while after the study's end. Where a ceremony ended it, that is when it
    /// ran out.
    function _isRecovering(uint256 studyId, uint32 round, IRoundManager.Standing memory at)
        private
        view
        returns (bool)
    {
        if (at.phase != IRoundManager.Phase.Finalised) return false;
        (uint32 closed, uint64 endedAt, IRoundManager.Outcome outcome) = ROUNDS.progress(studyId);
        if (closed != round) return false;
        if (outcome == IRoundManager.Outcome.Open) {
            (IRoundManager.Phase next,) = ROUNDS.phase(studyId, round + 1);
            if (next != IRoundManager.Phase.None) return next == IRoundManager.Phase.Submit;
            if (KEYS.canGoOn(studyId)) return true;
            IKeyCeremony.CeremonyState memory last = KEYS.ceremonyState(studyId);
            if (!last.completed) endedAt = last.deadline;
        }
        return block.timestamp < endedAt + STUDIES.roundTerms(studyId, round).recovery;
    }

    function _drawn(IRoundManager.Standing memory at) private pure returns (uint64) {
        return Quorums.draw(at.attested, at.threshold, at.included, at.rootBefore);
    }
}
