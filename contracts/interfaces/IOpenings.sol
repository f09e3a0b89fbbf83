// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Openings of a round's sum
/// @notice Two kinds. CKKS, where the round opens by it first: one attempt by one quorum, drawn by a hash of set and
/// starting model; shares are files, signed. Pads: any participant's share, once; any t good ones open. After a round
/// was finalised, pad shares are accepted a while longer, for nodes that lack the model.
interface IOpenings {
    error OpeningsWrongPhase(uint256 studyId, uint32 round);
    error OpeningsNotParticipant(uint256 studyId, uint32 hospitalId);
    error OpeningsNotInQuorum(uint256 studyId, uint32 round, uint32 hospitalId);
    error OpeningsAlreadyPosted(uint256 studyId, uint32 round, uint32 hospitalId);
    error OpeningsEmptyDigest();
    error OpeningsWrongSignature(uint256 studyId, uint32 round, uint32 hospitalId);
    error OpeningsWrongLength(uint256 length, uint256 limit);
    error OpeningsNotYet(uint256 studyId, uint32 round, uint64 start);
    error OpeningsAlreadyRecorded(uint256 studyId, uint32 round);

    event SharePosted(
        uint256 indexed studyId,
        uint32 indexed round,
        uint32 indexed hospitalId,
        bytes32 digest,
        uint64 size,
        bytes signature
    );
    /// @dev Scalars of 32 bytes, little-endian.
    event PadSharePosted(uint256 indexed studyId, uint32 indexed round, uint32 indexed hospitalId, bytes share);
    event PadShareFilePosted(
        uint256 indexed studyId, uint32 indexed round, uint32 indexed hospitalId, bytes32 digest, uint64 size
    );
    event AbsenceRecorded(uint256 indexed studyId, uint32 indexed round, uint64 absent);

    /// @notice Records a CKKS share; only an operator of the quorum, once, in the round's first window.
    /// @param signature The caller's, of 65 bytes, over `openingShareHash`. Two with different digests are evidence
    /// against its hospital.
    function postShare(uint256 studyId, uint32 round, bytes32 digest, uint64 size, bytes calldata signature)
        external;

    /// @notice Logs a pad share of at most `MAX_INLINE_BYTES`; an operator of the round's participants, once a round:
    /// while the round opens by pads or is suspended, or, once it is finalised, while recovery goes on.
    function postPadShare(uint256 studyId, uint32 round, bytes calldata share) external;

    /// @notice The same for a longer share, by digest and size.
    function postPadShareFile(uint256 studyId, uint32 round, bytes32 digest, uint64 size) external;

    /// @notice Fines the participants that posted no pad share although the pads' window of an unfinalised round is
    /// over; anyone, once a round.
    function recordAbsence(uint256 studyId, uint32 round) external;

    /// @notice Hospitals named for the CKKS opening, in the order of their indices; empty before the set is fixed and
    /// where the round opens by pads at once.
    function quorum(uint256 studyId, uint32 round) external view returns (uint32[] memory hospitalIds);

    /// @notice Bitmaps of indices that posted a CKKS share, and a pad share.
    function sharesPosted(uint256 studyId, uint32 round) external view returns (uint64 ckks, uint64 pads);

    /// @notice Whether pad shares of a finalised round are still accepted.
    function isRecovering(uint256 studyId, uint32 round) external view returns (bool);

    /// @notice What an operator signs with its CKKS share: the EIP-712 hash of
    /// `OpeningShare(uint256 studyId,uint32 round,uint64 includedBitmap,bytes32 digest)` in the domain
    /// ("Consilium", "1", chain, this contract).
    function openingShareHash(uint256 studyId, uint32 round, uint64 includedBitmap, bytes32 digest)
        external
        view
        returns (bytes32);
}
