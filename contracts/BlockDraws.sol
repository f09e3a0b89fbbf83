// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IBlockDraws} from "./interfaces/IBlockDraws.sol";
import {IKeyCeremony} from "./interfaces/IKeyCeremony.sol";
import {IStudyRegistry} from "./interfaces/IStudyRegistry.sol";

/// @title Blocks of rows, of which one is drawn after enrolment
contract BlockDraws is IBlockDraws {
    /// @dev A tree of depth 16.
    uint32 private constant MOST_BLOCKS = 65_536;
    /// @dev Hashes of so many blocks can be asked for.
    uint256 private constant REACH = 256;
    /// @notice Knows who acts for which hospital, and what a circuit takes.
    IStudyRegistry public immutable STUDIES;
    /// @notice Knows the hospitals' salts.
    IKeyCeremony public immutable CEREMONY;

    mapping(uint256 studyId => mapping(uint32 hospitalId => Draw)) private _draws;

    /// @param studies May be an address that is deployed later, as `ceremony`.
    constructor(IStudyRegistry studies, IKeyCeremony ceremony) {
        STUDIES = studies;
        CEREMONY = ceremony;
    }

    /// @inheritdoc IBlockDraws
    function enrolBlocks(
        uint256 studyId,
        bytes32 blocksRoot,
        uint32 blocks,
        bytes32 payoutCommitment,
        bytes32 saltCommitment
    ) external {
        if (blocks < 2 || blocks > MOST_BLOCKS) revert BlockDrawsBlocksOutOfRange(blocks, MOST_BLOCKS);
        // A bounded circuit has no batches: it takes no rows, and proves nothing about them.
        if (uint16(STUDIES.planRoot(studyId) >> 16) == 0) revert BlockDrawsNothingSampled(studyId);
        uint32 hospitalId = STUDIES.enrolFor(studyId, msg.sender, payoutCommitment, saltCommitment);
        uint64 drawAt = _next();
        _draws[studyId][hospitalId] = Draw(blocksRoot, bytes32(0), blocks, drawAt, 0, false, false);
        emit BlocksCommitted(studyId, hospitalId, blocksRoot, blocks, drawAt);
    }

    /// @inheritdoc IBlockDraws
    function useBlock(uint256 studyId, uint256 dataRoot, uint32 rows, bytes32[] calldata path) external {
        IStudyRegistry.Enrolment memory place = STUDIES.enrolmentOf(studyId, msg.sender);
        uint32 hospitalId = place.hospitalId;
        if (place.barred) revert BlockDrawsBarred(studyId, hospitalId);
        Draw storage draw = _draws[studyId][hospitalId];
        bytes32 hash = _hashOf(studyId, hospitalId, draw);
        uint32 index = _drawn(studyId, hospitalId, draw.blocks, hash);
        if (draw.used) revert BlockDrawsAlreadyUsed(studyId, hospitalId, index);
        uint256 depth = _depth(draw.blocks);
        if (path.length != depth) revert BlockDrawsWrongDepth(path.length, depth);
        if (_root(keccak256(abi.encode(dataRoot, rows)), index, path) != draw.blocksRoot) {
            revert BlockDrawsWrongBlock(studyId, hospitalId, index);
        }
        (draw.blockHash, draw.index, draw.used) = (hash, index, true);
        emit BlockUsed(studyId, hospitalId, index, dataRoot, rows);
        STUDIES.nameData(studyId, place.index, dataRoot, rows);
    }

    /// @inheritdoc IBlockDraws
    function keepDraw(uint256 studyId, uint32 hospitalId) external {
        Draw storage draw = _draws[studyId][hospitalId];
        if (draw.blockHash != bytes32(0)) revert BlockDrawsAlreadyKept(studyId, hospitalId, draw.blockHash);
        bytes32 hash = _hashOf(studyId, hospitalId, draw);
        draw.blockHash = hash;
        emit DrawKept(studyId, hospitalId, hash);
    }

    /// @inheritdoc IBlockDraws
    function redraw(uint256 studyId) external {
        uint32 hospitalId = STUDIES.enrolmentOf(studyId, msg.sender).hospitalId;
        Draw storage draw = _draws[studyId][hospitalId];
        if (draw.blocks == 0) revert BlockDrawsNoBlocks(studyId, hospitalId);
        if (draw.blockHash != bytes32(0) || block.number <= draw.drawAt + REACH) {
            revert BlockDrawsNotLost(studyId, hospitalId, draw.drawAt);
        }
        // Whoever knows the salts and builds the block would choose.
        if (_saltsShow(studyId)) revert BlockDrawsSaltsKnown(studyId);
        // Each further draw would be a further choice.
        if (draw.redrawn) revert BlockDrawsAlreadyRedrawn(studyId, hospitalId);
        (draw.drawAt, draw.redrawn) = (_next(), true);
        emit BlockRedrawn(studyId, hospitalId, draw.drawAt);
    }

    /// @inheritdoc IBlockDraws
    function drawnBlock(uint256 studyId, uint32 hospitalId) external view returns (uint32) {
        Draw storage draw = _draws[studyId][hospitalId];
        return _drawn(studyId, hospitalId, draw.blocks, _hashOf(studyId, hospitalId, draw));
    }

    /// @inheritdoc IBlockDraws
    function blocksOf(uint256 studyId, uint32 hospitalId) external view returns (Draw memory) {
        return _draws[studyId][hospitalId];
    }

    /// @dev The hash that draws, from the record or from the chain.
    function _hashOf(uint256 studyId, uint32 hospitalId, Draw storage draw) private view returns (bytes32 hash) {
        if (draw.blocks == 0) revert BlockDrawsNoBlocks(studyId, hospitalId);
        if (draw.blockHash != bytes32(0)) return draw.blockHash;
        if (block.number <= draw.drawAt) revert BlockDrawsNotDrawn(studyId, hospitalId, draw.drawAt);
        hash = blockhash(draw.drawAt);
        if (hash == bytes32(0)) revert BlockDrawsLost(studyId, hospitalId, draw.drawAt);
    }

    /// @dev Study and hospital make draws by one hash independent of each other.
    function _drawn(uint256 studyId, uint32 hospitalId, uint32 blocks, bytes32 hash) private view returns (uint32) {
        bytes32 mix = CEREMONY.saltMix(studyId);
        if (mix == bytes32(0)) revert BlockDrawsSaltsSecret(studyId);
        return uint32(uint256(keccak256(abi.encode(hash, mix, studyId, hospitalId))) % blocks);
    }

    /// @dev Whether a hospital has revealed its salt: with its keys for the study's first ceremony.
    function _saltsShow(uint256 studyId) private view returns (bool) {
        IKeyCeremony.CeremonyState memory state = CEREMONY.ceremonyState(studyId);
        return state.number > 1 || state.keyed != 0;
    }

    /// @dev The first block whose hash nobody can know yet: a later one is no harder to choose for whoever builds it.
    function _next() private view returns (uint64) {
        return uint64(block.number) + 1;
    }

    /// @dev The least depth of a tree with room for `blocks` (at least 2) leaves.
    function _depth(uint32 blocks) private pure returns (uint256 depth) {
        while (uint256(1) << depth < blocks) ++depth;
    }

    function _root(bytes32 node, uint256 index, bytes32[] calldata path) private pure returns (bytes32) {
        for (uint256 i = 0; i < path.length; ++i) {
            node = index >> i & 1 == 0
                ? keccak256(abi.encodePacked(node, path[i]))
                : keccak256(abi.encodePacked(path[i], node));
        }
        return node;
    }
}
