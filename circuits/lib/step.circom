// SPDX-License-Identifier: GPL-3.0-only
// One step of mini-batch gradient descent on the hard-sigmoid logistic loss, every floor as specified.
pragma circom 2.2.0;

include "arithmetic.circom";

// No step moves a weight by more than this many units in 2^-16: |rate * gradient| < BATCH * 2^29, then
// the floor division by BATCH * 2^9.
function stepBound() {
    return 1 << 20;
}

// Bits of |z + 2^22| for weights that start in 24 bits and made STEPS steps, features in 8 bits.
function activationRange(FEATURES, STEPS) {
    var weight = (1 << 23) + STEPS * stepBound();
    return bitLength((128 * FEATURES + 32) * weight + (1 << 22));
}

// Guarantees, for FEATURES weights and a bias whose feature is 32, scale 2^16 for weights, 2^5 for
// features:  z = sum_j weights_j * x_j;  p = clamp(z + 2^22, 0, 2^23) >> 11;
//   e = active * (p - label * 2^12);  g_j = sum_k e_k * x_kj;
//   next_j = weights_j + floor(-rate * g_j / (BATCH * 2^9)).
// Assumes: features in 8 bits, label and active boolean (rows.circom), 0 <= rate < 2^10 (training
// .circom), weights within activationRange (by induction over at most STEPS steps).
template GradientStep(FEATURES, BATCH, STEPS) {
    signal input weights[FEATURES + 1];
    signal input features[BATCH][FEATURES];
    signal input labels[BATCH];
    signal input active[BATCH];
    signal input rate;
    signal output next[FEATURES + 1];

    var BIAS_FEATURE = 32;
    signal products[BATCH][FEATURES];
    signal errors[BATCH];
    component probability[BATCH];
    for (var k = 0; k < BATCH; k++) {
        var z = weights[FEATURES] * BIAS_FEATURE;
        for (var j = 0; j < FEATURES; j++) {
            products[k][j] <== weights[j] * features[k][j];
            z += products[k][j];
        }
        probability[k] = ClampedShift(activationRange(FEATURES, STEPS), 23, 11, 1 << 12);
        probability[k].in <== z + (1 << 22);
        // A masked row has a bias feature of zero: its error, whatever z is, must not count.
        errors[k] <== active[k] * (probability[k].out - labels[k] * (1 << 12));
    }

    signal terms[BATCH][FEATURES];
    signal scaled[FEATURES + 1];
    component quotient[FEATURES + 1];
    var BATCH_BITS = bitLength(BATCH) - 1;
    for (var j = 0; j <= FEATURES; j++) {
        var gradient = 0;
        for (var k = 0; k < BATCH; k++) {
            if (j < FEATURES) {
                terms[k][j] <== errors[k] * features[k][j];
                gradient += terms[k][j];
            } else {
                gradient += errors[k] * BIAS_FEATURE;
            }
        }
        scaled[j] <== rate * gradient;
        quotient[j] = FloorShift(BATCH_BITS + 29, BATCH_BITS + 9);
        quotient[j].in <== -scaled[j];
        next[j] <== weights[j] + quotient[j].out;
    }
}
