// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Evidence of equivocation
/// @notice Two different shares for the same chain, RoundManager, study, round, set and attempt, both signed by a
/// hospital's operator, cost the hospital a slice of its bond. The round's other included hospitals share it, less a
/// bounty for the reporter. A rotated operator's key answers for rounds whose set was fixed before it was replaced.
interface IEquivocationCourt {
    error EquivocationCourtSameDigest(bytes32 digest);
    error EquivocationCourtWrongSigner(uint256 studyId, uint32 round, uint32 hospitalId, address signer);
    error EquivocationCourtTooLate(uint256 studyId, uint32 round, uint64 deadline);
    error EquivocationCourtNothingToSlash(uint256 studyId, uint32 round, uint32 hospitalId);

    event EquivocationShown(
        uint256 indexed studyId,
        uint32 indexed round,
        uint32 indexed hospitalId,
        address reporter,
        uint64 includedBitmap,
        uint8 attempt,
        bytes32 digestA,
        bytes32 digestB
    );

    /// @notice Slashes a hospital that signed two different shares for one attempt; anyone, once per hospital and
    /// round, from the second its included set was fixed until `EVIDENCE_WINDOW` after it closed. Reverts where
    /// nothing could be taken, or nobody would benefit, so that the evidence is not lost.
    /// @param includedBitmap Set that both signatures name, whether or not it is the round's.
    /// @param attempt Attempt that both name.
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
    ) external;
}
