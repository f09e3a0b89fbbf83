// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

/// @title Sets of enrolment indices (0 to 63), one bit each
library Bitmaps {
    /// @notice The set of one index.
    function single(uint8 index) internal pure returns (uint64) {
        return uint64(1) << index;
    }

    /// @notice Indices 0 to size − 1; size at most 64.
    function firstOf(uint8 size) internal pure returns (uint64) {
        return uint64((uint256(1) << size) - 1);
    }

    /// @notice Whether the index is in the set.
    function has(uint64 bitmap, uint256 index) internal pure returns (bool) {
        return (bitmap >> index) & 1 == 1;
    }

    /// @notice Size of the set.
    function count(uint64 bitmap) internal pure returns (uint8 size) {
        // Each step clears the lowest bit that is set.
        for (; bitmap != 0; ++size) bitmap &= bitmap - 1;
    }
}
