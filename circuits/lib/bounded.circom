// SPDX-License-Identifier: GPL-3.0-only
// The bounded statement: C commits to an update of bounded length, plus noise that is bounded too.
pragma circom 2.2.0;

include "arithmetic.circom";
include "noise.circom";
include "packed.circom";

// Public, in this order: context, rootBefore, dataRoot, rows, planRoot, cx, cy.
//
// Guarantees, for some private update, noise, bounds and blinding value:
//   1. rows = 1: every hospital has the same weight;
//   2. planRoot packs COORDINATES - 1, VALUE_BITS, loss 2 and both bounds, updateBound < 2^64; batch size,
//      epochs and learning rate are zero, since nothing of the training is proved;
//   3. sum_j update_j^2 <= updateBound;
//   4. |noise_j| <= noiseBound < 2^VALUE_BITS;
//   5. committed_j = update_j + noise_j is in [-2^(VALUE_BITS - 1), 2^(VALUE_BITS - 1));
//   6. (cx, cy) is the commitment to them with 0 <= blinding < l (packed.circom).
// Assumes: nothing of the prover. The verifier's contract takes context, rootBefore, dataRoot, rows and planRoot
// from its own state, and checks that cx, cy are below the field order.
//
// The starting weights do not enter. Any update within the bound satisfies the statement whatever model it came
// from, so to hash them (4 constraints per coordinate, and 24 to bound them) would show that the prover has read
// the model and no more. rootBefore stands in a constraint: a proof is about one starting model.
template Bounded(COORDINATES, VALUE_BITS) {
    signal input context;
    signal input rootBefore;
    signal input dataRoot;
    signal input rows;
    signal input planRoot;
    signal input cx;
    signal input cy;

    signal input update[COORDINATES];
    signal input noise[COORDINATES];
    signal input updateBound;
    signal input noiseBound;
    signal input blinding;

    var BOUND_BITS = 64;
    // |update_j| < 2^(VALUE_BITS + 1) by 4. and 5., so neither side of 3. comes near p.
    assert(2 * (VALUE_BITS + 1) + bitLength(COORDINATES) < 250);
    assert(VALUE_BITS <= 32);

    // A public signal that no constraint holds could be exchanged in a finished proof.
    signal contextSquared <== context * context;
    signal rootBeforeSquared <== rootBefore * rootBefore;
    signal dataRootSquared <== dataRoot * dataRoot;

    rows === 1;
    planRoot === COORDINATES - 1 + VALUE_BITS * (1 << 80) + 2 * (1 << 88) + updateBound * (1 << 96)
        + noiseBound * (1 << 160);

    signal squares[COORDINATES];
    var norm = 0;
    for (var j = 0; j < COORDINATES; j++) {
        squares[j] <== update[j] * update[j];
        norm += squares[j];
    }
    component boundRange = InRange(BOUND_BITS);
    boundRange.in <== updateBound;
    component normRange = InRange(BOUND_BITS);
    normRange.in <== updateBound - norm;

    component noiseRange = BoundedNoise(COORDINATES, VALUE_BITS);
    noiseRange.noise <== noise;
    noiseRange.bound <== noiseBound;

    component commitment = PackedCommitment(COORDINATES, VALUE_BITS, sumBits(VALUE_BITS));
    for (var j = 0; j < COORDINATES; j++) {
        commitment.digits[j] <== update[j] + noise[j] + (1 << (VALUE_BITS - 1));
    }
    commitment.blinding <== blinding;
    commitment.x === cx;
    commitment.y === cy;
}
