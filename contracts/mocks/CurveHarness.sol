// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {BabyJubJub} from "../libraries/BabyJubJub.sol";

/// @title Makes the library callable by tests
contract CurveHarness {
    /// @notice As `BabyJubJub.sum`.
    function sum(uint256[] calldata xs, uint256[] calldata ys) external view returns (uint256 x, uint256 y) {
        return BabyJubJub.sum(xs, ys);
    }

    /// @notice As `BabyJubJub.isOnCurve`.
    function isOnCurve(uint256 x, uint256 y) external pure returns (bool) {
        return BabyJubJub.isOnCurve(x, y);
    }
}
