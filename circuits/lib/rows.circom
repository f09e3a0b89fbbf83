// SPDX-License-Identifier: GPL-3.0-only
// A hospital's rows: ranges, masking, and the commitment of enrolment.
pragma circom 2.2.0;

include "circomlib/circuits/bitify.circom";
include "circomlib/circuits/poseidon.circom";
include "arithmetic.circom";
include "hashing.circom";

function rowElements(FEATURES) {
    return (FEATURES + 29) \ 30;
}

// Guarantees: each feature is in [-128, 127], the label is 0 or 1, and both are zero where active is
// 0; elements = active * (bytes feature + 128 little-endian, 30 in an element, then the label).
// Assumes: active is 0 or 1 (UnaryFlags).
template RowElements(FEATURES) {
    signal input features[FEATURES];
    signal input label;
    signal input active;
    signal output elements[rowElements(FEATURES)];

    component bytes[FEATURES];
    for (var j = 0; j < FEATURES; j++) {
        bytes[j] = InRange(8);
        bytes[j].in <== features[j] + 128;
    }
    label * (label - 1) === 0;

    for (var e = 0; e < rowElements(FEATURES); e++) {
        var packed = 0;
        var zero = 0;
        var place = 0;
        for (var j = 30 * e; j < FEATURES && j < 30 * (e + 1); j++) {
            packed += (features[j] + 128) * (1 << (8 * place));
            zero += 128 * (1 << (8 * place));
            place++;
        }
        if (e == rowElements(FEATURES) - 1) {
            packed += label * (1 << (8 * place));
        }
        // At most 241 bits: packed = zero only where every feature and the label are 0.
        (1 - active) * (packed - zero) === 0;
        elements[e] <== packed - (1 - active) * zero;
    }
}

// Guarantees: root = Poseidon(salt, rows, tree) where the tree's leaves are blocks of BATCH rows and
// the rows k >= rows are all-zero elements; features, labels as RowElements.
// Assumes: active = UnaryFlags of rows; CAPACITY is a multiple of BATCH.
template DataRoot(CAPACITY, FEATURES, BATCH) {
    signal input features[CAPACITY][FEATURES];
    signal input labels[CAPACITY];
    signal input active[CAPACITY];
    signal input rows;
    signal input salt;
    signal output root;

    var PER_ROW = rowElements(FEATURES);
    var BLOCKS = CAPACITY \ BATCH;
    component row[CAPACITY];
    component block[BLOCKS];
    component tree = Tree16(BLOCKS);
    for (var b = 0; b < BLOCKS; b++) {
        block[b] = Tree16(BATCH * PER_ROW);
        for (var i = 0; i < BATCH; i++) {
            var k = BATCH * b + i;
            row[k] = RowElements(FEATURES);
            row[k].features <== features[k];
            row[k].label <== labels[k];
            row[k].active <== active[k];
            for (var e = 0; e < PER_ROW; e++) {
                block[b].elements[PER_ROW * i + e] <== row[k].elements[e];
            }
        }
        tree.elements[b] <== block[b].root;
    }
    root <== Poseidon(3)([salt, rows, tree.root]);
}
