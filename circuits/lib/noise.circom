// SPDX-License-Identifier: GPL-3.0-only
// Private noise within a public bound.
pragma circom 2.2.0;

include "arithmetic.circom";

// Guarantees: -bound <= noise_j <= bound for every j, and 0 <= bound < 2^BITS. Assumes nothing; BITS is
// at most 64. Every such bound has a witness.
//
// noise_j + bound is a sum of places in use, each a power of two below 2^BITS, and of a rest, at most once each;
// places in use and rest together are 2 * bound. So no sum is negative or above 2 * bound; and where the places
// are 1, 2, ... up to the largest sum that stays within 2 * bound, the sums are all the numbers up to it.
template BoundedNoise(COUNT, BITS) {
    signal input noise[COUNT];
    signal input bound;

    component boundRange = InRange(BITS);
    boundRange.in <== bound;

    signal used[BITS];
    var places = 0;
    for (var i = 0; i < BITS; i++) {
        used[i] <-- (1 << (i + 1)) - 1 <= 2 * bound ? 1 : 0;
        used[i] * (used[i] - 1) === 0;
        places += used[i] * (1 << i);
    }
    signal rest <== 2 * bound - places;
    component restRange = InRange(BITS);
    restRange.in <== rest;

    signal bits[COUNT][BITS];
    signal withRest[COUNT];
    signal ofRest[COUNT];
    for (var j = 0; j < COUNT; j++) {
        withRest[j] <-- noise[j] + bound > places ? 1 : 0;
        withRest[j] * (withRest[j] - 1) === 0;
        ofRest[j] <== withRest[j] * rest;
        var sum = ofRest[j];
        for (var i = 0; i < BITS; i++) {
            bits[j][i] <-- ((noise[j] + bound - ofRest[j]) >> i) & 1;
            bits[j][i] * (bits[j][i] - 1) === 0;
            sum += bits[j][i] * (1 << i);
        }
        sum === noise[j] + bound;
    }

    // In blocks: the compiler copies a sum whenever a term is added.
    var BLOCK = 64;
    for (var i = 0; i < BITS; i++) {
        for (var start = 0; start < COUNT; start += BLOCK) {
            var uses = 0;
            for (var j = start; j < COUNT && j < start + BLOCK; j++) {
                uses += bits[j][i];
            }
            // A sum of few bits is zero only where all are.
            (1 - used[i]) * uses === 0;
        }
    }
}
