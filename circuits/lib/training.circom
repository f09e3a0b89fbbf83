// SPDX-License-Identifier: GPL-3.0-only
// The training statement: these committed rows, trained by this plan from this model, give C.
pragma circom 2.2.0;

include "arithmetic.circom";
include "hashing.circom";
include "noise.circom";
include "pedersen.circom";
include "rows.circom";
include "shortening.circom";
include "step.circom";

// Public, in this order: context, rootBefore, dataRoot, rows, planRoot, cx, cy.
//
// Guarantees, for some private model, rows, labels, salt, epochs, learning rate, bounds, noise and blinding value:
//   1. the starting weights are in [-2^23, 2^23) and hash to rootBefore;
//   2. the rows hash to dataRoot with the row count `rows`, 1 <= rows <= CAPACITY; labels are 0 or 1;
//   3. planRoot packs FEATURES, BATCH, the epochs run (1 to EPOCHS), the learning rate (1 to 1023, in
//      1/256), VALUE_BITS, loss 1, updateBound < 2^64 and noiseBound < 2^VALUE_BITS; the local model is what
//      exactly that plan makes of the rows;
//   4. v_j = clip(rows * (local_j - global_j), -2^(VALUE_BITS-1), 2^(VALUE_BITS-1) - 1);
//   5. q = v where updateBound = 0; otherwise q_j = floor(v_j * s / 2^16) for the largest s <= 2^16 with which
//      sum_j q_j^2 <= updateBound (shortening.circom);
//   6. update_j = q_j + noise_j with |noise_j| <= noiseBound, in the range of 4.; noiseBound = 0 leaves q;
//   7. (cx, cy) = sum_j update_j * G_j + blinding * H with 0 <= blinding < l.
// With both bounds 0 this says that the committed update is v. That noise was drawn at random is not proved.
// Assumes: nothing of the prover. The verifier's contract takes context, rootBefore, dataRoot, rows
// and planRoot from its own state, and checks that cx, cy are below the field order.
template Training(CAPACITY, FEATURES, BATCH, EPOCHS, VALUE_BITS) {
    signal input context;
    signal input rootBefore;
    signal input dataRoot;
    signal input rows;
    signal input planRoot;
    signal input cx;
    signal input cy;

    signal input weights[FEATURES + 1];
    signal input features[CAPACITY][FEATURES];
    signal input labels[CAPACITY];
    signal input salt;
    signal input epochs;
    signal input learningRate;
    signal input updateBound;
    signal input noiseBound;
    signal input shortening;
    signal input noise[FEATURES + 1];
    signal input blinding;

    var COORDINATES = FEATURES + 1;
    var BATCHES = CAPACITY \ BATCH;
    var STEPS = BATCHES * EPOCHS;
    assert(BATCH == 1 << (bitLength(BATCH) - 1));
    assert(CAPACITY == BATCH * BATCHES);

    // A public signal that no constraint holds could be exchanged in a finished proof.
    signal contextSquared <== context * context;

    // 1. The model at the start.
    component weightRange[COORDINATES];
    component weightsRoot = WeightsRoot(COORDINATES);
    for (var j = 0; j < COORDINATES; j++) {
        weightRange[j] = InRange(24);
        weightRange[j].in <== weights[j] + (1 << 23);
        weightsRoot.digits[j] <== weights[j] + (1 << 23);
    }
    weightsRoot.root === rootBefore;

    // 2. The rows.
    component rowsInUse = UnaryFlags(CAPACITY);
    rowsInUse.count <== rows;
    component data = DataRoot(CAPACITY, FEATURES, BATCH);
    data.features <== features;
    data.labels <== labels;
    data.active <== rowsInUse.flags;
    data.rows <== rows;
    data.salt <== salt;
    data.root === dataRoot;

    // 3. The plan's numbers, and its steps. An epoch past the plan's has a rate of zero.
    component epochsInUse = UnaryFlags(EPOCHS);
    epochsInUse.count <== epochs;
    component rateRange = InRange(10);
    rateRange.in <== learningRate;
    signal rateInverse <-- learningRate == 0 ? 0 : 1 / learningRate;
    learningRate * rateInverse === 1;
    planRoot === FEATURES + BATCH * (1 << 16) + epochs * (1 << 32) + learningRate * (1 << 48)
        + VALUE_BITS * (1 << 80) + (1 << 88) + updateBound * (1 << 96) + noiseBound * (1 << 160);

    signal rates[EPOCHS];
    signal trained[STEPS + 1][COORDINATES];
    component step[STEPS];
    trained[0] <== weights;
    for (var e = 0; e < EPOCHS; e++) {
        rates[e] <== epochsInUse.flags[e] * learningRate;
        for (var b = 0; b < BATCHES; b++) {
            var s = BATCHES * e + b;
            step[s] = GradientStep(FEATURES, BATCH, STEPS);
            step[s].weights <== trained[s];
            step[s].rate <== rates[e];
            for (var i = 0; i < BATCH; i++) {
                step[s].features[i] <== features[BATCH * b + i];
                step[s].labels[i] <== labels[BATCH * b + i];
                step[s].active[i] <== rowsInUse.flags[BATCH * b + i];
            }
            trained[s + 1] <== step[s].next;
        }
    }

    // 4. The update, as unsigned digits of VALUE_BITS bits.
    var LIMIT = 1 << (VALUE_BITS - 1);
    var CLIP_RANGE = bitLength(CAPACITY * STEPS * stepBound() + LIMIT);
    signal weighted[COORDINATES];
    component clip[COORDINATES];
    for (var j = 0; j < COORDINATES; j++) {
        weighted[j] <== rows * (trained[STEPS][j] - weights[j]);
        clip[j] = ClampedShift(CLIP_RANGE, VALUE_BITS, 0, 2 * LIMIT - 1);
        clip[j].in <== weighted[j] + LIMIT;
    }

    // 5. No longer than the plan allows.
    component shortened = Shortened(COORDINATES, VALUE_BITS);
    for (var j = 0; j < COORDINATES; j++) {
        shortened.values[j] <== clip[j].out - LIMIT;
    }
    shortened.factor <== shortening;
    shortened.bound <== updateBound;

    // 6. and 7. The noise, and the commitment to both, which holds their sum in range.
    component noiseRange = BoundedNoise(COORDINATES, VALUE_BITS);
    noiseRange.noise <== noise;
    noiseRange.bound <== noiseBound;
    component commitment = PedersenCommitment(COORDINATES, VALUE_BITS);
    for (var j = 0; j < COORDINATES; j++) {
        commitment.digits[j] <== shortened.out[j] + noise[j] + LIMIT;
    }
    commitment.blinding <== blinding;
    commitment.x === cx;
    commitment.y === cy;
}
