// SPDX-License-Identifier: GPL-3.0-only
// The aggregation statement: the opened sum is the committed one, and moves the model to its new root.
pragma circom 2.2.0;

include "arithmetic.circom";
include "hashing.circom";
include "packed.circom";
include "pedersen.circom";

// Public, in this order: context, sumCx, sumCy, sumRows, rootBefore, rootAfter.
//
// Guarantees, for some private model, sum and blinding sum:
//   1. the weights are in [-2^23, 2^23) and hash to rootBefore;
//   2. each sum_j is in [-2^(VALUE_BITS+5), 2^(VALUE_BITS+5)), room for 64 updates of VALUE_BITS bits;
//   3. (sumCx, sumCy) is the commitment to the sums with 0 <= blinding < l: one value to a scalar
//      (pedersen.circom), or with PACKED = 1 as many as there is room for (packed.circom);
//   4. rootAfter is the root of clamp(weight_j + floor(sum_j / sumRows), -2^23, 2^23 - 1), with
//      0 < sumRows < 2^ROW_BITS.
// Assumes: nothing of the prover. The verifier's contract takes every signal but rootAfter from its own
// state, and checks that rootAfter is below the field order. At most 64 hospitals (StudyRegistry).
template Aggregation(COORDINATES, VALUE_BITS, ROW_BITS, PACKED) {
    signal input context;
    signal input sumCx;
    signal input sumCy;
    signal input sumRows;
    signal input rootBefore;
    signal input rootAfter;

    signal input weights[COORDINATES];
    signal input sums[COORDINATES];
    signal input blinding;

    var SUM_BITS = sumBits(VALUE_BITS);
    // Weight and quotient together, and one bit more than a weight has.
    var MOVED_BITS = SUM_BITS > 25 ? SUM_BITS : 25;

    // A public signal that no constraint holds could be exchanged in a finished proof.
    signal contextSquared <== context * context;
    component rowRange = InRange(ROW_BITS);
    rowRange.in <== sumRows;

    component weightRange[COORDINATES];
    component quotient[COORDINATES];
    component saturated[COORDINATES];
    component before = WeightsRoot(COORDINATES);
    component after = WeightsRoot(COORDINATES);
    for (var j = 0; j < COORDINATES; j++) {
        weightRange[j] = InRange(24);
        weightRange[j].in <== weights[j] + (1 << 23);
        before.digits[j] <== weights[j] + (1 << 23);

        quotient[j] = FloorQuotient(SUM_BITS, ROW_BITS);
        quotient[j].in <== sums[j];
        quotient[j].divisor <== sumRows;

        // Bounds the quotient to MOVED_BITS + 2 bits too: times sumRows it stays far below p.
        saturated[j] = ClampedShift(MOVED_BITS, 24, 0, (1 << 24) - 1);
        saturated[j].in <== weights[j] + (1 << 23) + quotient[j].quotient;
        after.digits[j] <== saturated[j].out;
    }
    before.root === rootBefore;
    after.root === rootAfter;

    // The commitment bounds each digit, hence each sum, to SUM_BITS bits.
    component packed;
    component plain;
    if (PACKED == 1) {
        packed = PackedCommitment(COORDINATES, SUM_BITS, SUM_BITS);
        for (var j = 0; j < COORDINATES; j++) {
            packed.digits[j] <== sums[j] + (1 << (SUM_BITS - 1));
        }
        packed.blinding <== blinding;
        packed.x === sumCx;
        packed.y === sumCy;
    } else {
        plain = PedersenCommitment(COORDINATES, SUM_BITS);
        for (var j = 0; j < COORDINATES; j++) {
            plain.digits[j] <== sums[j] + (1 << (SUM_BITS - 1));
        }
        plain.blinding <== blinding;
        plain.x === sumCx;
        plain.y === sumCy;
    }
}
