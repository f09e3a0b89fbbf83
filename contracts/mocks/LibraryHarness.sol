// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {BabyJubJub} from "../libraries/BabyJubJub.sol";
import {Bitmaps} from "../libraries/Bitmaps.sol";
import {Quorums} from "../libraries/Quorums.sol";
import {Tallies} from "../libraries/Tallies.sol";

/// @title Makes the libraries callable by tests
contract LibraryHarness {
    using Tallies for Tallies.Tally;

    Tallies.Tally private _tally;

    /// @notice As `Tallies.clear`, then `Tallies.add` for every set, of the hospital at that index.
    function tally(uint64[] calldata sets) external {
        _tally.clear();
        for (uint8 index = 0; index < sets.length; ++index) _tally.add(index, sets[index]);
    }

    /// @notice As `Tallies.atLeast` and `Tallies.voters`.
    function tallied(uint8 least) external view returns (uint64 named, uint64 voters) {
        return (_tally.atLeast(least), _tally.voters());
    }

    /// @notice As `BabyJubJub.sum`.
    function sum(uint256[] calldata xs, uint256[] calldata ys) external view returns (uint256 x, uint256 y) {
        return BabyJubJub.sum(xs, ys);
    }

    /// @notice As `BabyJubJub.isOnCurve`.
    function isOnCurve(uint256 x, uint256 y) external pure returns (bool) {
        return BabyJubJub.isOnCurve(x, y);
    }

    /// @notice As `Bitmaps.inAtLeast`.
    function inAtLeast(uint64[] calldata sets, uint8 least) external pure returns (uint64) {
        return Bitmaps.inAtLeast(sets, least);
    }

    /// @notice As `Bitmaps.count`.
    function count(uint64 bitmap) external pure returns (uint8) {
        return Bitmaps.count(bitmap);
    }

    /// @notice As `Quorums.draw`.
    function draw(uint64 attested, uint8 threshold, uint64 included, uint256 root) external pure returns (uint64) {
        return Quorums.draw(attested, threshold, included, root);
    }
}
