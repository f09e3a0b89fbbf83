// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Bitmaps} from "./Bitmaps.sol";

/// @title How many of at most 64 hospitals named each index
/// @notice Two words of storage, whatever the number of hospitals: naming costs the same for the last as for the first.
library Tallies {
    using Bitmaps for uint8;

    /// @dev Parts of 64 bits. `low`: bits 0, 1 and 2 of the counts of all indices, then who named; `high`: bits 3 to 6.
    struct Tally {
        uint256 low;
        uint256 high;
    }

    uint256 private constant NAMED_AT = 192;

    /// @notice Counts what the hospital at an index names; once for each.
    /// @dev Adds one to all counts at once: what is carried over bit k goes on to bit k + 1.
    function add(Tally storage tally, uint8 index, uint64 named) internal {
        uint256 low = tally.low;
        uint64 carry = named;
        for (uint256 at = 0; at < NAMED_AT && carry != 0; at += 64) {
            uint64 plane = uint64(low >> at);
            low ^= uint256(carry) << at;
            carry &= plane;
        }
        tally.low = low | uint256(index.single()) << NAMED_AT;
        if (carry == 0) return;
        uint256 high = tally.high;
        for (uint256 at = 0; carry != 0; at += 64) {
            uint64 plane = uint64(high >> at);
            high ^= uint256(carry) << at;
            carry &= plane;
        }
        tally.high = high;
    }

    /// @notice Forgets all.
    function clear(Tally storage tally) internal {
        (tally.low, tally.high) = (0, 0);
    }

    /// @notice Who named anything, or nothing.
    function voters(Tally storage tally) internal view returns (uint64) {
        return uint64(tally.low >> NAMED_AT);
    }

    /// @notice Indices that at least `least` (1 to 64) named.
    function atLeast(Tally storage tally, uint8 least) internal view returns (uint64) {
        uint64[7] memory planes;
        (uint256 low, uint256 high) = (tally.low, tally.high);
        for (uint256 k = 0; k < 3; ++k) planes[k] = uint64(low >> (64 * k));
        for (uint256 k = 0; k < 4; ++k) planes[3 + k] = uint64(high >> (64 * k));
        return Bitmaps.countedAtLeast(planes, least);
    }
}
