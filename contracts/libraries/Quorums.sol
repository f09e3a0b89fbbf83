// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {Bitmaps} from "./Bitmaps.sol";

/// @title Who opens a round's sum by CKKS
library Quorums {
    using Bitmaps for uint64;

    /// @notice A pseudo-random subset of those who attested: all subsets are equally likely (up to 2^-195).
    /// @param attested Bitmap of at least `threshold` indices.
    /// @param threshold t: size of the subset.
    /// @param included The set that is opened.
    /// @param root Of the weights that its round started from.
    /// @dev The hash, modulo the number of subsets, is the place of the subset in their lexicographic order by
    /// indices. The number of those with an index is `subsets` times needed over left, without a remainder.
    function draw(uint64 attested, uint8 threshold, uint64 included, uint256 root)
        internal
        pure
        returns (uint64 named)
    {
        unchecked {
            uint256 left = attested.count();
            uint256 needed = threshold;
            uint256 subsets = 1;
            // C(left, i + 1) = C(left, i) · (left − i) / (i + 1); C(64, 32) is below 2^61.
            for (uint256 i = 0; i < needed; ++i) subsets = subsets * (left - i) / (i + 1);
            uint256 place = uint256(keccak256(abi.encode(included, root))) % subsets;
            for (uint64 rest = attested; needed != 0; rest &= rest - 1) {
                uint256 withIt = subsets * needed / left--;
                if (place < withIt) {
                    named |= rest & (~rest + 1);
                    subsets = withIt;
                    --needed;
                } else {
                    place -= withIt;
                    subsets -= withIt;
                }
            }
        }
    }
}
