// SPDX-License-Identifier: Apache-2.0
pragma solidity ^0.8.30;

import {FIELD_ORDER as P} from "../../contracts/libraries/FieldOrder.sol";

/// @title Multiples of Baby Jubjub's base point, by the affine formulas of EIP-2494
/// @notice Independent of the suite's projective ones: a sum of multiples is the multiple of the sum.
abstract contract Points {
    struct Point {
        uint256 x;
        uint256 y;
    }

    uint256 private constant _A = 168700;
    uint256 private constant _D = 168696;
    /// @dev A hospital's commitment is up to this multiple; so many hospitals' sum is in the table.
    uint256 internal constant LARGEST_FACTOR = 24;

    /// @dev By factor; the first is the identity.
    Point[] internal _multiples;

    constructor(uint256 hospitals) {
        Point memory base = Point(
            5299619240641551281634865583518297030282874472190772894086521144482721001553,
            16950150798460657717958625567821834550301663161624707787222815936182638968203
        );
        _multiples.push(Point(0, 1));
        for (uint256 i = 0; i < hospitals * LARGEST_FACTOR; ++i) _multiples.push(_add(_multiples[i], base));
    }

    function _add(Point memory p, Point memory q) private view returns (Point memory) {
        uint256 product = mulmod(_D, mulmod(mulmod(p.x, q.x, P), mulmod(p.y, q.y, P), P), P);
        uint256 x = addmod(mulmod(p.x, q.y, P), mulmod(p.y, q.x, P), P);
        uint256 y = addmod(mulmod(p.y, q.y, P), P - mulmod(_A, mulmod(p.x, q.x, P), P), P);
        return Point(
            mulmod(x, _inverse(addmod(1, product, P)), P), mulmod(y, _inverse(addmod(1, P - product, P)), P)
        );
    }

    function _inverse(uint256 value) private view returns (uint256) {
        (, bytes memory answer) =
            address(5).staticcall(abi.encode(uint256(32), uint256(32), uint256(32), value, P - 2, P));
        return abi.decode(answer, (uint256));
    }
}
