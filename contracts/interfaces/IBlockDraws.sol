// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Blocks of rows, of which one is drawn after enrolment
/// @notice For hospitals with more rows than a training circuit takes. A hospital cuts its rows into blocks that the
/// circuit can take and commits to all of them when it enrols. The hash of the chain's next block, which nobody knew
/// then, draws one together with the salts that all hospitals committed to when they enrolled and reveal with their
/// keys: keccak256(abi.encode(block hash, salt mix, studyId, hospitalId)) mod blocks. Whoever builds that block does
/// not know the salts, and they were fixed before it. The hospital opens the block that was drawn, and from then on its
/// enrolment has that block's data root and rows.
/// @dev The commitment is the root of a binary tree: a leaf is keccak256(abi.encode(dataRoot, rows)), an inner node
/// keccak256(left ‖ right), the depth is the least that has room for all blocks, and leaves beyond them are 0. The
/// position is bound: whether a sibling goes left or right follows from the bits of the index that was drawn.
/// OpenZeppelin's MerkleProof sorts every pair; with it any block of the tree could be shown for the one drawn.
interface IBlockDraws {
    /// @param blocksRoot Root of the tree over all blocks.
    /// @param blocks How many there are; 0 for a hospital that enrolled with one data root.
    /// @param drawAt Number of the chain's block whose hash draws.
    /// @param blockHash That block's hash, once it is on record: what hashes the chain still knows does not matter
    /// then.
    /// @param index Block that was drawn; 0 until `used`.
    /// @param redrawn The first draw was lost: the present one is the last.
    /// @param used The block was opened.
    struct Draw {
        bytes32 blocksRoot;
        bytes32 blockHash;
        uint32 blocks;
        uint64 drawAt;
        uint32 index;
        bool redrawn;
        bool used;
    }

    error BlockDrawsNothingSampled(uint256 studyId);
    error BlockDrawsBlocksOutOfRange(uint32 blocks, uint32 limit);
    error BlockDrawsNoBlocks(uint256 studyId, uint32 hospitalId);
    error BlockDrawsNotDrawn(uint256 studyId, uint32 hospitalId, uint64 drawAt);
    error BlockDrawsLost(uint256 studyId, uint32 hospitalId, uint64 drawAt);
    error BlockDrawsNotLost(uint256 studyId, uint32 hospitalId, uint64 drawAt);
    error BlockDrawsSaltsSecret(uint256 studyId);
    error BlockDrawsSaltsKnown(uint256 studyId);
    error BlockDrawsAlreadyKept(uint256 studyId, uint32 hospitalId, bytes32 blockHash);
    error BlockDrawsAlreadyRedrawn(uint256 studyId, uint32 hospitalId);
    error BlockDrawsBarred(uint256 studyId, uint32 hospitalId);
    error BlockDrawsAlreadyUsed(uint256 studyId, uint32 hospitalId, uint32 index);
    error BlockDrawsWrongDepth(uint256 length, uint256 depth);
    error BlockDrawsWrongBlock(uint256 studyId, uint32 hospitalId, uint32 index);

    event BlocksCommitted(
        uint256 indexed studyId, uint32 indexed hospitalId, bytes32 blocksRoot, uint32 blocks, uint64 drawAt
    );
    event DrawKept(uint256 indexed studyId, uint32 indexed hospitalId, bytes32 blockHash);
    event BlockRedrawn(uint256 indexed studyId, uint32 indexed hospitalId, uint64 drawAt);
    event BlockUsed(
        uint256 indexed studyId, uint32 indexed hospitalId, uint32 index, uint256 dataRoot, uint32 rows
    );

    /// @notice Enrols the caller's hospital as `IStudyRegistry.enrol` does, with blocks of which one is drawn. Not in a
    /// study whose circuit takes a single row.
    /// @param blocks 2 to 65,536.
    function enrolBlocks(
        uint256 studyId,
        bytes32 blocksRoot,
        uint32 blocks,
        bytes32 payoutCommitment,
        bytes32 saltCommitment
    ) external;

    /// @notice Opens the block that was drawn; the hospital's operator, once, when the study's first Key step is over.
    /// @param path Siblings from the leaf to the root.
    function useBlock(uint256 studyId, uint256 dataRoot, uint32 rows, bytes32[] calldata path) external;

    /// @notice Puts on record the hash that draws, while the chain knows it; anyone. Nothing changes it then.
    function keepDraw(uint256 studyId, uint32 hospitalId) external;

    /// @notice Has the next block of the chain draw anew, where the hash got out of reach (256 blocks) and nobody had
    /// kept it; the hospital's operator, once, until a hospital reveals its salt: from then on a further draw could be
    /// a choice.
    function redraw(uint256 studyId) external;

    /// @notice Which block was drawn; reverts until hash and salts are known, and where the hash is out of reach and
    /// nobody kept it.
    function drawnBlock(uint256 studyId, uint32 hospitalId) external view returns (uint32 index);

    /// @notice What a hospital committed to, and its draw; zeros for one that enrolled with one data root, or not.
    function blocksOf(uint256 studyId, uint32 hospitalId) external view returns (Draw memory);
}
