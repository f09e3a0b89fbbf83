// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Bitmaps} from "./Bitmaps.sol";

/// @title Who opens a round's sum, attempt by attempt
/// @notice The order is that of enrolment, rotated left by the round's number, of those who attested. Attempt 0
/// names the first t. Every later attempt drops whoever was named before and posted no share, and rotates the
/// rest left by its own number: a full set of shares that did not open has a liar in it.
library Quorums {
    using Bitmaps for uint64;

    /// @notice Quorum of the attempt that follows `posted.length` earlier ones.
    /// @param enrolled Hospitals enrolled, n.
    /// @param attested Bitmap of those who attested.
    /// @param posted For each earlier attempt the bitmap of shares posted in it.
    /// @return named Bitmap; empty where fewer than `threshold` are left.
    /// @return missing Bitmap of those named by an earlier attempt who posted no share in it.
    /// @dev Works on bitmaps rotated such that the order is that of the bits.
    function derive(uint32 round, uint8 enrolled, uint64 attested, uint8 threshold, uint64[] memory posted)
        internal
        pure
        returns (uint64 named, uint64 missing)
    {
        uint8 shift = uint8(round % enrolled);
        uint64 order = _rotate(attested, shift, enrolled);
        for (uint256 attempt = 0; attempt < posted.length; ++attempt) {
            missing |= _pick(order & ~missing, attempt, threshold) & ~_rotate(posted[attempt], shift, enrolled);
        }
        named = _rotate(_pick(order & ~missing, posted.length, threshold), enrolled - shift, enrolled);
        missing = _rotate(missing, enrolled - shift, enrolled);
    }

    /// @notice The indices of an attempt's quorum in their order.
    /// @param rest Those who attested and missed no earlier attempt: at least `threshold`.
    function inOrder(uint32 round, uint8 enrolled, uint64 rest, uint8 threshold, uint256 attempt)
        internal
        pure
        returns (uint8[] memory named)
    {
        uint8[] memory order = new uint8[](rest.count());
        uint256 size;
        for (uint256 i = 0; i < enrolled; ++i) {
            uint8 index = uint8((i + round) % enrolled);
            if (rest.has(index)) order[size++] = index;
        }
        named = new uint8[](threshold);
        for (uint256 i = 0; i < threshold; ++i) named[i] = order[(i + attempt) % size];
    }

    /// @dev Bit (i + shift) mod enrolled becomes bit i.
    function _rotate(uint64 bitmap, uint8 shift, uint8 enrolled) private pure returns (uint64) {
        return ((bitmap >> shift) | (bitmap << (enrolled - shift))) & Bitmaps.firstOf(enrolled);
    }

    /// @dev The first `threshold` bits from the attempt's on, going round.
    function _pick(uint64 rest, uint256 attempt, uint8 threshold) private pure returns (uint64) {
        uint8 size = rest.count();
        if (size < threshold) return 0;
        uint8 skip = uint8(attempt % size);
        uint64 skipped = rest.lowest(skip);
        uint8 after_ = size - skip;
        if (after_ >= threshold) return (rest & ~skipped).lowest(threshold);
        return (rest & ~skipped) | skipped.lowest(threshold - after_);
    }
}
