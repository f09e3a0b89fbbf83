// SPDX-License-Identifier: GPL-3.0-only
// A vector shortened to a public bound of its length, by the one factor that the bound allows.
pragma circom 2.2.0;

include "arithmetic.circom";

// Guarantees: 0 <= bound < 2^64, 0 <= factor <= 2^16 and out_j = floor(values_j * factor / 2^16); with bound = 0,
// which sets none, factor = 2^16, so that out = values; otherwise sum_j out_j^2 <= bound, and factor is the largest
// of these with which it holds. So `out` follows from values and bound: nobody can shorten by more than is needed.
// Every bound has a witness for all values.
// Assumes: -2^(VALUE_BITS - 1) <= values_j < 2^(VALUE_BITS - 1).
//
// |floor(v * f / 2^16)| does not fall as f grows, for negative v either, so the largest factor is 2^16 or the only
// one of which the successor gives too long a vector. Nothing wraps: |values_j * factor| <= 2^(VALUE_BITS + 15),
// and with factor + 1 <= 2^16 + 1 no coordinate leaves (-2^VALUE_BITS, 2^VALUE_BITS), which bounds both norms.
template Shortened(COUNT, VALUE_BITS) {
    signal input values[COUNT];
    signal input factor;
    signal input bound;
    signal output out[COUNT];

    var BITS = 16;
    var BOUND_BITS = 64;
    // Norms fit the range in which they are compared, so no honest prover is refused.
    assert(VALUE_BITS > BITS && 2 * VALUE_BITS + bitLength(COUNT) <= BOUND_BITS);

    component factorBits = Num2Bits(BITS + 1);
    factorBits.in <== factor;
    signal whole <== factorBits.out[BITS];
    // 2^16 is the largest: its bit is set, or others are.
    whole * (factor - whole * (1 << BITS)) === 0;

    component boundRange = InRange(BOUND_BITS);
    boundRange.in <== bound;
    component unbounded = IsZero();
    unbounded.in <== bound;
    unbounded.out * (1 - whole) === 0;

    signal scaled[COUNT];
    component quotient[COUNT];
    component carry[COUNT];
    signal next[COUNT];
    signal squares[COUNT];
    signal nextSquares[COUNT];
    var norm = 0;
    var nextNorm = 0;
    for (var j = 0; j < COUNT; j++) {
        scaled[j] <== values[j] * factor;
        quotient[j] = FloorShift(VALUE_BITS + BITS - 1, BITS);
        quotient[j].in <== scaled[j];
        out[j] <== quotient[j].out;

        // floor(values_j * (factor + 1) / 2^16), from the remainder that the first division left.
        carry[j] = FloorShift(VALUE_BITS, BITS);
        carry[j].in <== scaled[j] - out[j] * (1 << BITS) + values[j];
        next[j] <== out[j] + carry[j].out;

        squares[j] <== out[j] * out[j];
        nextSquares[j] <== next[j] * next[j];
        norm += squares[j];
        nextNorm += nextSquares[j];
    }

    // Without a bound both are zero.
    signal spare <== (1 - unbounded.out) * (bound - norm);
    component within = InRange(BOUND_BITS);
    within.in <== spare;
    signal excess <== (1 - whole) * (nextNorm - bound - 1);
    component beyond = InRange(BOUND_BITS);
    beyond.in <== excess;
}
