// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {IBlockDraws} from "../../contracts/interfaces/IBlockDraws.sol";
import {IStudyRegistry} from "../../contracts/interfaces/IStudyRegistry.sol";
import {Bonds} from "./Bonds.sol";
import {VM} from "./Vm.sol";

/// @title Blocks of rows, their draw and their use, beside what the rules say of each
abstract contract Blocks is Bonds {
    /// @dev Of two blocks and of three, which leaves one place of the tree empty.
    uint32 private constant _FEWEST = 2;
    uint256 private constant _REACH = 256;

    /// @dev What every proof of a hospital uses, by index; zeros until its block is used.
    mapping(uint256 studyId => uint256[]) internal _rows;
    mapping(uint256 studyId => uint256[]) internal _roots;
    mapping(uint256 studyId => mapping(uint32 hospitalId => IBlockDraws.Draw)) private _draws;
    /// @dev What hospitals committed to when they enrolled, and what those that posted keys first make together.
    mapping(uint256 studyId => mapping(uint256 index => bytes32)) internal _saltOf;
    mapping(uint256 studyId => bytes32) internal _mix;
    /// @dev The mix is fixed; a salt was shown.
    mapping(uint256 studyId => bool) internal _mixed;
    mapping(uint256 studyId => bool) internal _saltsShow;

    /// @dev A hospital enrols with blocks; false where a study that runs has no place.
    function _enrolBlocks(uint256 studyId, uint32 id, uint256 seed, bytes32 payout, bytes32 salted, bool running)
        internal
        returns (bool)
    {
        uint32 count = _FEWEST + uint32(_draw(seed, "blocks") % 2);
        bytes32 root = _rootOf(id, count);
        VM.prank(REGISTRY.hospital(id).operator);
        try BLOCKS.enrolBlocks(studyId, root, count, payout, salted) {
            _did("enrolBlocks");
        } catch {
            require(running, "an admitted hospital with a bond could not enrol with blocks");
            return false;
        }
        _draws[studyId][id] = IBlockDraws.Draw(root, 0, count, uint64(block.number) + 1, 0, false, false);
        return true;
    }

    /// @dev The next thing that can be done about a hospital's blocks: wait, keep, draw anew, use.
    function _sample(uint256 studyId, uint256 index, uint256 seed) internal {
        uint32 id = _ids[studyId][index];
        IBlockDraws.Draw storage draw = _draws[studyId][id];
        if (draw.blocks == 0) return;
        uint256 what = _draw(seed, "sample") % 12;
        if (what < 2) return VM.roll(block.number + _REACH + 2);
        if (what == 2) return VM.roll(block.number + 1);
        if (draw.used) return _refuseUse(studyId, index, draw.index);
        bool kept = draw.blockHash != 0;
        if (!kept && block.number <= draw.drawAt) {
            _refuseUse(studyId, index, 0);
            return VM.roll(draw.drawAt + 1);
        }
        if (!kept && block.number > draw.drawAt + _REACH) return _redraw(studyId, index);
        // Most nodes put the hash on record at once; it draws nothing before the salts are known.
        if (!_mixed[studyId]) _refuseUse(studyId, index, 0);
        if (what < 5 || !_mixed[studyId]) return _keep(studyId, id);
        uint32 drawn = _drawnOf(studyId, id);
        _refuseUse(studyId, index, (drawn + 1) % draw.blocks);
        if (!STUDIES.enrolment(studyId, id).barred) _use(studyId, index, drawn);
        else _refuseUse(studyId, index, drawn);
    }

    /// @dev Draws and enrolments are as they were made; what was used stays.
    function _checkBlocks(uint256 studyId) internal view {
        for (uint256 i = 0; i < _ids[studyId].length; ++i) {
            uint32 id = _ids[studyId][i];
            bytes32 found = keccak256(abi.encode(BLOCKS.blocksOf(studyId, id)));
            require(found == keccak256(abi.encode(_draws[studyId][id])), "a draw changed");
            IStudyRegistry.Enrolment memory place = STUDIES.enrolment(studyId, id);
            bool same = place.rows == _rows[studyId][i] && place.dataRoot == _roots[studyId][i];
            require(same, "a hospital's data changed, or came from nowhere");
            require((place.rows == 0) == (_draws[studyId][id].blocks != 0 && !_draws[studyId][id].used), "rows");
        }
    }

    function _keep(uint256 studyId, uint32 id) private {
        IBlockDraws.Draw storage draw = _draws[studyId][id];
        bytes memory call = abi.encodeCall(BLOCKS.keepDraw, (studyId, id));
        if (draw.blockHash != 0) return _refused(STRANGER, address(BLOCKS), call);
        VM.prank(STRANGER);
        BLOCKS.keepDraw(studyId, id);
        draw.blockHash = blockhash(draw.drawAt);
        _did("keepDraw");
    }

    function _redraw(uint256 studyId, uint256 index) private {
        uint32 id = _ids[studyId][index];
        IBlockDraws.Draw storage draw = _draws[studyId][id];
        address operator = _operator(studyId, id);
        _refuseUse(studyId, index, 0);
        bytes memory call = abi.encodeCall(BLOCKS.redraw, (studyId));
        _refused(STRANGER, address(BLOCKS), call);
        if (draw.redrawn || _saltsShow[studyId]) return _refused(operator, address(BLOCKS), call);
        VM.prank(operator);
        BLOCKS.redraw(studyId);
        (draw.drawAt, draw.redrawn) = (uint64(block.number) + 1, true);
        _did("redraw");
    }

    function _use(uint256 studyId, uint256 index, uint32 drawn) private {
        uint32 id = _ids[studyId][index];
        IBlockDraws.Draw storage draw = _draws[studyId][id];
        address operator = _operator(studyId, id);
        (uint256 dataRoot, uint32 rows) = _blockOf(id, drawn);
        VM.prank(operator);
        BLOCKS.useBlock(studyId, dataRoot, rows, _pathOf(id, draw.blocks, drawn));
        if (draw.blockHash == 0) draw.blockHash = blockhash(draw.drawAt);
        (draw.index, draw.used) = (drawn, true);
        (_roots[studyId][index], _rows[studyId][index]) = (dataRoot, rows);
        _did("useBlock");
    }

    function _refuseUse(uint256 studyId, uint256 index, uint32 shown) private {
        uint32 id = _ids[studyId][index];
        (uint256 dataRoot, uint32 rows) = _blockOf(id, shown);
        bytes32[] memory path = _pathOf(id, _draws[studyId][id].blocks, shown);
        bytes memory call = abi.encodeCall(BLOCKS.useBlock, (studyId, dataRoot, rows, path));
        _refused(_operator(studyId, id), address(BLOCKS), call);
    }

    function _drawnOf(uint256 studyId, uint32 id) private view returns (uint32) {
        IBlockDraws.Draw storage draw = _draws[studyId][id];
        bytes32 hash = draw.blockHash != 0 ? draw.blockHash : blockhash(draw.drawAt);
        return uint32(uint256(keccak256(abi.encode(hash, _mix[studyId], studyId, id))) % draw.blocks);
    }

    function _blockOf(uint32 id, uint32 index) private pure returns (uint256 dataRoot, uint32 rows) {
        return (8_000 + 10 * id + index, 1 + 100 * id + index);
    }

    function _leafOf(uint32 id, uint32 count, uint32 index) private pure returns (bytes32) {
        if (index >= count) return 0;
        (uint256 dataRoot, uint32 rows) = _blockOf(id, index);
        return keccak256(abi.encode(dataRoot, rows));
    }

    function _pairOf(uint32 id, uint32 count, uint32 pair) private pure returns (bytes32) {
        return keccak256(abi.encode(_leafOf(id, count, 2 * pair), _leafOf(id, count, 2 * pair + 1)));
    }

    function _rootOf(uint32 id, uint32 count) private pure returns (bytes32) {
        if (count == _FEWEST) return _pairOf(id, count, 0);
        return keccak256(abi.encode(_pairOf(id, count, 0), _pairOf(id, count, 1)));
    }

    function _pathOf(uint32 id, uint32 count, uint32 index) private pure returns (bytes32[] memory path) {
        path = new bytes32[](count == _FEWEST ? 1 : 2);
        path[0] = _leafOf(id, count, index ^ 1);
        if (count != _FEWEST) path[1] = _pairOf(id, count, (index >> 1) ^ 1);
    }
}
