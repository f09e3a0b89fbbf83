// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Lies in rounds, by bytes that everybody sees alike
/// @notice Two signed CKKS shares that differ need no judge but the signatures. What only a node can check (a payload
/// that does not open its commitment, a pad share that does not fit) counts once t participants of the round accuse: t
/// include an honest one. Either costs the hospital a slice of its bond, once, and its place in the study.
interface ICourt {
    /// @dev Payload: bytes that hash to the submitted digest are malformed or do not fit the commitment. PadShare:
    /// bytes in an event, or that hash to a digest in one, are malformed or do not fit the dealings.
    enum Charge {
        Payload,
        PadShare
    }

    error CourtSameDigest(bytes32 digest);
    error CourtWrongSigner(uint256 studyId, uint32 round, uint32 hospitalId, address signer);
    error CourtTooLate(uint256 studyId, uint32 round, uint64 deadline);
    error CourtNothingToSlash(uint256 studyId, uint32 round, uint32 hospitalId);
    error CourtNotParticipant(uint256 studyId, uint32 hospitalId);
    error CourtNothingToAccuse(uint256 studyId, uint32 round, uint64 without);
    error CourtAlreadyAccused(uint256 studyId, uint32 round, uint32 hospitalId, uint64 accused);

    event EquivocationShown(
        uint256 indexed studyId,
        uint32 indexed round,
        uint32 indexed hospitalId,
        address reporter,
        uint64 includedBitmap,
        bytes32 digestA,
        bytes32 digestB
    );
    event Accused(
        uint256 indexed studyId, uint32 indexed round, uint32 indexed hospitalId, Charge charge, uint64 accused
    );
    /// @param convicted Bitmap of indices that t participants now accuse.
    event Convicted(uint256 indexed studyId, uint32 indexed round, Charge charge, uint64 convicted);

    /// @notice Slashes a hospital that signed two different CKKS shares for one round and set; anyone, once per
    /// hospital and round, from the second its included set was fixed until `EVIDENCE_WINDOW` after it closed. Reverts
    /// where nothing could be taken, or nobody would benefit, so that the evidence is not lost.
    /// @param includedBitmap Set that both signatures name, whether or not it is the round's.
    function reportEquivocation(
        uint256 studyId,
        uint32 round,
        uint32 hospitalId,
        uint64 includedBitmap,
        bytes32 digestA,
        bytes calldata signatureA,
        bytes32 digestB,
        bytes calldata signatureB
    ) external;

    /// @notice Accuses hospitals of a lie in a round; a participant's operator, any number of times, each hospital once
    /// for each charge, until `EVIDENCE_WINDOW` after the round closed. Payload: only who submitted; PadShare: only who
    /// posted one.
    function accuse(uint256 studyId, uint32 round, Charge charge, uint64 accused) external;

    /// @notice Whom a hospital accused, and whom enough accused.
    function accusedBy(uint256 studyId, uint32 round, Charge charge, uint8 index) external view returns (uint64);

    /// @notice Bitmap of indices convicted of a charge in a round.
    function convicted(uint256 studyId, uint32 round, Charge charge) external view returns (uint64);
}
