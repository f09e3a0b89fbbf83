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
    /// @dev Adds up bits in pairs, fours and eights, then all eights by one multiplication.
    function count(uint64 bitmap) internal pure returns (uint8 size) {
        unchecked {
            uint256 x = bitmap;
            x -= (x >> 1) & 0x5555555555555555;
            x = (x & 0x3333333333333333) + ((x >> 2) & 0x3333333333333333);
            x = (x + (x >> 4)) & 0x0f0f0f0f0f0f0f0f;
            size = uint8((x * 0x0101010101010101) >> 56);
        }
    }

    /// @notice Indices that are in at least `least` (1 to 64) of at most 64 sets.
    /// @dev Counts all indices at once: bit i of `planes[k]` is bit k of the count of index i.
    function inAtLeast(uint64[] memory sets, uint8 least) internal pure returns (uint64) {
        uint64[7] memory planes;
        for (uint256 i = 0; i < sets.length; ++i) {
            uint64 carry = sets[i];
            for (uint256 k = 0; carry != 0; ++k) (planes[k], carry) = (planes[k] ^ carry, planes[k] & carry);
        }
        return countedAtLeast(planes, least);
    }

    /// @notice Indices whose count is at least `least` (1 to 64); bit i of `planes[k]` is bit k of the count of index
    /// i.
    function countedAtLeast(uint64[7] memory planes, uint8 least) internal pure returns (uint64 more) {
        uint64 equal = type(uint64).max;
        for (uint256 k = 7; k != 0; --k) {
            uint64 plane = planes[k - 1];
            if (has(least, k - 1)) {
                equal &= plane;
            } else {
                more |= equal & plane;
                equal &= ~plane;
            }
        }
        more |= equal;
    }
}
