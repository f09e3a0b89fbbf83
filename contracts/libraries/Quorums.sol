// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Bitmaps} from "./Bitmaps.sol";

/// @title Who opens a round's sum, attempt by attempt
/// @notice The order is that of enrolment, rotated left by the round's number, of those who attested. Attempt 0
/// names the first t. Every later attempt drops whoever was named before and posted no share, and rotates the
/// rest left by its own number: a full set of shares that did not open has a liar in it.
library Quorums {
    using Bitmaps for uint64;
    using Bitmaps for uint8;

    /// @notice Quorum of the attempt that follows `posted.length` earlier ones.
    /// @param enrolled Hospitals enrolled, n.
    /// @param attested Bitmap of those who attested.
    /// @param posted For each earlier attempt the bitmap of shares posted in it.
    /// @return named Indices in order; empty where fewer than `threshold` are left.
    /// @return missing Bitmap of those named by an earlier attempt who posted no share in it.
    function derive(uint32 round, uint8 enrolled, uint64 attested, uint8 threshold, uint64[] memory posted)
        internal
        pure
        returns (uint8[] memory named, uint64 missing)
    {
        uint8[] memory order = _order(round, enrolled, attested);
        for (uint256 attempt = 0; attempt < posted.length; ++attempt) {
            (, uint64 bitmap) = _pick(order, missing, attempt, threshold);
            missing |= bitmap & ~posted[attempt];
        }
        (named,) = _pick(order, missing, posted.length, threshold);
    }

    function _order(uint32 round, uint8 enrolled, uint64 attested) private pure returns (uint8[] memory order) {
        order = new uint8[](attested.count());
        uint256 size;
        for (uint256 i = 0; i < enrolled; ++i) {
            uint8 index = uint8((i + round) % enrolled);
            if (attested.has(index)) order[size++] = index;
        }
    }

    function _pick(uint8[] memory order, uint64 dropped, uint256 attempt, uint8 threshold)
        private
        pure
        returns (uint8[] memory named, uint64 bitmap)
    {
        uint8[] memory rest = new uint8[](order.length);
        uint256 size;
        for (uint256 i = 0; i < order.length; ++i) {
            if (!dropped.has(order[i])) rest[size++] = order[i];
        }
        if (size < threshold) return (new uint8[](0), 0);
        named = new uint8[](threshold);
        for (uint256 i = 0; i < threshold; ++i) {
            named[i] = rest[(i + attempt) % size];
            bitmap |= named[i].single();
        }
    }
}
