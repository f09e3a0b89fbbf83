// SPDX-License-Identifier: GPL-3.0-only
// Roots: a 16-ary Poseidon tree, and a model packed into it.
pragma circom 2.2.0;

include "circomlib/circuits/poseidon.circom";

// Guarantees: root = tree16(elements): up to 16 elements are hashed together, more are cut into
// chunks of 16 (the last one shorter, not padded) and their hashes treated alike.
// Assumes: COUNT >= 1. The shape is fixed by COUNT, so trees of different shapes never mix.
template Tree16(COUNT) {
    signal input elements[COUNT];
    signal output root;

    if (COUNT <= 16) {
        root <== Poseidon(COUNT)(elements);
    } else {
        var CHUNKS = (COUNT + 15) \ 16;
        signal hashes[CHUNKS];
        for (var c = 0; c < COUNT \ 16; c++) {
            var chunk[16];
            for (var i = 0; i < 16; i++) {
                chunk[i] = elements[16 * c + i];
            }
            hashes[c] <== Poseidon(16)(chunk);
        }
        var REST = COUNT % 16;
        if (REST > 0) {
            var chunk[REST];
            for (var i = 0; i < REST; i++) {
                chunk[i] = elements[COUNT - REST + i];
            }
            hashes[CHUNKS - 1] <== Poseidon(REST)(chunk);
        }
        root <== Tree16(CHUNKS)(hashes);
    }
}

// Guarantees: root = tree16 of the digits (weight + 2^23), ten of 24 bits in each element.
// Assumes: each digit is in [0, 2^24), which the caller checks; without it packing would not bind.
template WeightsRoot(COUNT) {
    signal input digits[COUNT];
    signal output root;

    var PER_ELEMENT = 10;
    var ELEMENTS = (COUNT + PER_ELEMENT - 1) \ PER_ELEMENT;
    component tree = Tree16(ELEMENTS);
    for (var e = 0; e < ELEMENTS; e++) {
        var packed = 0;
        for (var i = PER_ELEMENT * e; i < COUNT && i < PER_ELEMENT * (e + 1); i++) {
            packed += digits[i] * (1 << (24 * (i - PER_ELEMENT * e)));
        }
        tree.elements[e] <== packed;
    }
    root <== tree.root;
}
