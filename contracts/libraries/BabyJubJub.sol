// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {FIELD_ORDER as P} from "./FieldOrder.sol";

/// @title Sums of points of Baby Jubjub, a·x² + y² = 1 + d·x²·y² over BN254's scalar field
/// @notice Adds points on the curve; whoever takes points from outside asks first.
library BabyJubJub {
    uint256 private constant A = 168700;
    uint256 private constant D = 168696;

    error BabyJubJubNotInvertible(uint256 value);

    /// @notice Adds up points given by their coordinates; the empty sum is the identity (0, 1).
    /// @dev Projective additions (add-2008-bbjlp with Z2 = 1), one inversion in the end. The formulas hold for
    /// all pairs of points, doublings and the identity too, since A is a square and D is none.
    function sum(uint256[] memory xs, uint256[] memory ys) internal view returns (uint256 x, uint256 y) {
        uint256 z = 1;
        y = 1;
        for (uint256 i = 0; i < xs.length; ++i) (x, y, z) = _add(x, y, z, xs[i], ys[i]);
        uint256 inverse = _inverse(z);
        x = mulmod(x, inverse, P);
        y = mulmod(y, inverse, P);
    }

    /// @notice Whether the coordinates are below the field order and fulfil the curve's equation.
    function isOnCurve(uint256 x, uint256 y) internal pure returns (bool) {
        if (x >= P || y >= P) return false;
        uint256 xx = mulmod(x, x, P);
        uint256 yy = mulmod(y, y, P);
        return addmod(mulmod(A, xx, P), yy, P) == addmod(1, mulmod(D, mulmod(xx, yy, P), P), P);
    }

    /// @notice Whether 8·(x, y) is the identity, for a point on the curve: a key of such a point would hide nothing.
    /// @dev Eight is the cofactor, so 8·P is in the subgroup of prime order, where only the identity has x = 0. Doubles
    /// three times (dbl-2008-bbjlp); the formulas hold for all points of the curve.
    function isOfSmallOrder(uint256 x, uint256 y) internal pure returns (bool) {
        uint256 z = 1;
        for (uint256 i = 0; i < 3; ++i) {
            uint256 xx = mulmod(A, mulmod(x, x, P), P);
            uint256 yy = mulmod(y, y, P);
            uint256 f = addmod(xx, yy, P);
            uint256 j = addmod(f, 2 * (P - mulmod(z, z, P)), P);
            x = mulmod(mulmod(2 * x, y, P), j, P);
            y = mulmod(f, addmod(xx, P - yy, P), P);
            z = mulmod(f, j, P);
        }
        return x == 0;
    }

    /// @dev (x1 : y1 : z1) + (x2, y2). With s = x1·x2, t = y1·y2, e = D·s·t, f = z1² − e, g = z1² + e:
    /// x3 = z1·f·((x1 + y1)·(x2 + y2) − s − t), y3 = z1·g·(t − A·s), z3 = f·g.
    function _add(uint256 x1, uint256 y1, uint256 z1, uint256 x2, uint256 y2)
        private
        pure
        returns (uint256 x3, uint256 y3, uint256 z3)
    {
        uint256 s = mulmod(x1, x2, P);
        uint256 t = mulmod(y1, y2, P);
        x3 = addmod(mulmod(addmod(x1, y1, P), addmod(x2, y2, P), P), 2 * P - s - t, P);
        y3 = addmod(t, P - mulmod(A, s, P), P);
        uint256 e = mulmod(D, mulmod(s, t, P), P);
        uint256 zz = mulmod(z1, z1, P);
        z3 = addmod(zz, P - e, P); // f
        x3 = mulmod(mulmod(z1, z3, P), x3, P);
        zz = addmod(zz, e, P); // g
        y3 = mulmod(mulmod(z1, zz, P), y3, P);
        z3 = mulmod(z3, zz, P);
    }

    /// @dev value^(p − 2) by the modexp precompile (0x05).
    function _inverse(uint256 value) private view returns (uint256 inverse) {
        (bool done, bytes memory answer) =
            address(5).staticcall(abi.encode(uint256(32), uint256(32), uint256(32), value, P - 2, P));
        if (done && answer.length == 32) inverse = abi.decode(answer, (uint256));
        if (inverse == 0) revert BabyJubJubNotInvertible(value);
    }
}
