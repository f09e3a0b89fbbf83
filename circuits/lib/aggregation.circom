// SPDX-License-Identifier: GPL-3.0-only
// The aggregation statement: the opened sum is the committed one, and moves the model to its new root.
pragma circom 2.2.0;

include "arithmetic.circom";
include "hashing.circom";
include "pedersen.circom";

// Public, in this order: context, sumCx, sumCy, sumRows, rootBefore, rootAfter.
//
// Guarantees, for some private model, sum and blinding sum:
//   1. the weights are in [-2^23, 2^23) and hash to rootBefore;
//   2. each sum_j is in [-2^(VALUE_BITS+5), 2^(VALUE_BITS+5)), room for 64 updates of VALUE_BITS bits;
//   3. (sumCx, sumCy) = sum_j sum_j * G_j + blinding * H with 0 <= blinding < l;
//   4. rootAfter is the root of clamp(weight_j + floor(sum_j / sumRows), -2^23, 2^23 - 1), with
//      0 < sumRows < 2^22.
// Assumes: nothing of the prover. The verifier's contract takes every signal but rootAfter from its own
// state, and checks that rootAfter is below the field order. At most 64 hospitals (StudyRegistry).
template Aggregation(COORDINATES, VALUE_BITS) {
    signal input context;
    signal input sumCx;
    signal input sumCy;
    signal input sumRows;
    signal input rootBefore;
    signal input rootAfter;

    signal input weights[COORDINATES];
    signal input sums[COORDINATES];
    signal input blinding;

    var SUM_BITS = VALUE_BITS + 6;
    var ROW_BITS = 22;

    // A public signal that no constraint holds could be exchanged in a finished proof.
    signal contextSquared <== context * context;
    component rowRange = InRange(ROW_BITS);
    rowRange.in <== sumRows;

    component weightRange[COORDINATES];
    component quotient[COORDINATES];
    component saturated[COORDINATES];
    component before = WeightsRoot(COORDINATES);
    component after = WeightsRoot(COORDINATES);
    component commitment = PedersenCommitment(COORDINATES, SUM_BITS);
    for (var j = 0; j < COORDINATES; j++) {
        weightRange[j] = InRange(24);
        weightRange[j].in <== weights[j] + (1 << 23);
        before.digits[j] <== weights[j] + (1 << 23);

        // The commitment bounds each digit, hence each sum, to SUM_BITS bits.
        commitment.digits[j] <== sums[j] + (1 << (SUM_BITS - 1));
        quotient[j] = FloorQuotient(SUM_BITS, ROW_BITS);
        quotient[j].in <== sums[j];
        quotient[j].divisor <== sumRows;

        // Bounds the quotient to SUM_BITS + 2 bits too: times sumRows it stays far below p.
        saturated[j] = ClampedShift(SUM_BITS, 24, 0, (1 << 24) - 1);
        saturated[j].in <== weights[j] + (1 << 23) + quotient[j].quotient;
        after.digits[j] <== saturated[j].out;
    }
    before.root === rootBefore;
    after.root === rootAfter;

    commitment.blinding <== blinding;
    commitment.x === sumCx;
    commitment.y === sumCy;
}
