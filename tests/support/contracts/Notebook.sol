// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title A notebook anyone may write in
/// @dev For tests of sending and scanning alone: it refuses, panics and counts on demand.
contract Notebook {
    error NotebookRefused(uint256 number, address caller);

    event Written(address indexed writer, uint256 indexed number, uint256 count);

    uint256 public count;
    uint256 public limit = type(uint256).max;

    /// @notice Writes a number down; 13 is refused, and so is anything past the limit.
    function write(uint256 number) external {
        if (number == 13 || number > limit) revert NotebookRefused(number, msg.sender);
        count += 1;
        emit Written(msg.sender, number, count);
    }

    /// @notice Refuses larger numbers from now on.
    function setLimit(uint256 limit_) external {
        limit = limit_;
    }

    /// @notice Divides, and panics when it cannot.
    function divide(uint256 a, uint256 b) external pure returns (uint256) {
        return a / b;
    }

    /// @notice Refuses in words.
    function complain() external pure {
        require(false, "not today");
    }
}
