// SPDX-License-Identifier: GPL-3.0-only
// Pedersen commitments to long vectors: many values to a scalar, one pass of doublings for all scalars together.
pragma circom 2.2.0;

include "pedersen.circom";

// The width of a sum of up to 64 values: what contracts allow (StudyRegistry).
function sumBits(VALUE_BITS) {
    return VALUE_BITS + 6;
}

// How many values of PITCH bits are packed into one scalar: it stays below 2^250, hence below the group's order.
function valuesPerScalar(PITCH) {
    return 250 \ PITCH;
}

// Guarantees: 0 <= digits_j < 2^VALUE_BITS, 0 <= blinding < l, and (x, y) is the commitment
//   sum_k (sum_i value_{k * n + i} * 2^(PITCH * i)) * G_k + blinding * H
// to value_j = digits_j - 2^(VALUE_BITS - 1), n values to a scalar; it is a point of the prime subgroup.
// Values of up to PITCH bits are bound by it: so sums of 2^(PITCH - VALUE_BITS) commitments can be opened.
// Assumes: that nobody knows a relation between the points of generators.circom (made from hashes of their
// labels; `scripts/generate.py --check` makes them again).
//
// From the highest two bits of the scalars down to the lowest, the running sum is doubled twice and takes, for
// each scalar with a digit there, the table entry W + digit * G (W the window point), all in Montgomery form.
// Its addition fails where the running sum equals plus or minus the entry, its doubling at points of even order.
// The running sum always holds the start point, with a power of two as factor, and table entries never do: an
// exception would be a relation between hashed points. Start point, window points and the digits' offsets are
// taken off at the end as one constant.
template PackedCommitment(COUNT, VALUE_BITS, PITCH) {
    signal input digits[COUNT];
    signal input blinding;
    signal output x;
    signal output y;

    var BLINDING_BITS = 251;
    var STEPS = (BLINDING_BITS + 1) \ 2;
    var PER_SCALAR = valuesPerScalar(PITCH);
    var SCALARS = (COUNT + PER_SCALAR - 1) \ PER_SCALAR;
    var ADDITIONS = COUNT * (VALUE_BITS \ 2) + STEPS;
    assert(VALUE_BITS % 2 == 0 && PITCH % 2 == 0 && VALUE_BITS <= PITCH);
    assert(SCALARS <= generatorCount());

    component valueBits[COUNT];
    for (var j = 0; j < COUNT; j++) {
        valueBits[j] = Num2Bits(VALUE_BITS);
        valueBits[j].in <== digits[j];
    }
    component blindingBits = Num2Bits(BLINDING_BITS);
    blindingBits.in <== blinding;
    component blindingRange = BitsAtMost(BLINDING_BITS, subgroupOrder() - 1);
    blindingRange.bits <== blindingBits.out;

    // Tables: the scalars' generators, and last that of the blinding value.
    var generators[generatorCount()][2] = valueGenerators();
    var entry[SCALARS + 1][4][2];
    for (var k = 0; k <= SCALARS; k++) {
        var base[2] = montgomeryOf(blindingGenerator());
        if (k < SCALARS) {
            base = montgomeryOf(generators[k]);
        }
        entry[k][0] = montgomeryOf(windowPoint());
        for (var d = 1; d < 4; d++) {
            entry[k][d] = montgomeryAdd(entry[k][d - 1], base);
        }
    }

    component doubled[STEPS - 1][2];
    signal both[ADDITIONS];
    component sum[ADDITIONS];
    var n = 0;
    // What the loop adds where each value is zero, that is where the top bit of its digit alone is set.
    var offset[2] = startPoint();
    for (var step = STEPS - 1; step >= 0; step--) {
        if (step < STEPS - 1) {
            for (var i = 0; i < 2; i++) {
                doubled[step][i] = MontgomeryDouble();
                offset = edwardsAdd(offset, offset);
            }
            doubled[step][0].in <== sum[n - 1].out;
            doubled[step][1].in <== doubled[step][0].out;
        }
        var place = (2 * step) \ PITCH;
        var bit = (2 * step) % PITCH;
        var isNew = 1;
        for (var k = 0; k <= SCALARS; k++) {
            var j = k * PER_SCALAR + place;
            if (k == SCALARS || (place < PER_SCALAR && j < COUNT && bit < VALUE_BITS)) {
                var low = 0;
                var high = 0;
                if (k < SCALARS) {
                    low = valueBits[j].out[bit];
                    high = valueBits[j].out[bit + 1];
                    if (bit == VALUE_BITS - 2) {
                        offset = edwardsAdd(offset, edwardsAdd(generators[k], generators[k]));
                    }
                } else {
                    low = blindingBits.out[2 * step];
                    if (2 * step + 1 < BLINDING_BITS) {
                        high = blindingBits.out[2 * step + 1];
                    }
                }
                offset = edwardsAdd(offset, windowPoint());
                both[n] <== low * high;
                sum[n] = MontgomeryAdd();
                if (n == 0) {
                    sum[n].in1 <== montgomeryOf(startPoint());
                } else if (isNew == 1) {
                    sum[n].in1 <== doubled[step][1].out;
                } else {
                    sum[n].in1 <== sum[n - 1].out;
                }
                for (var i = 0; i < 2; i++) {
                    // A function of two bits is linear in them and their product.
                    sum[n].in2[i] <== entry[k][0][i] + low * (entry[k][1][i] - entry[k][0][i])
                        + high * (entry[k][2][i] - entry[k][0][i])
                        + both[n] * (entry[k][3][i] - entry[k][2][i] - entry[k][1][i] + entry[k][0][i]);
                }
                isNew = 0;
                n++;
            }
        }
    }
    assert(n == ADDITIONS);

    component edwards = Montgomery2Edwards();
    edwards.in <== sum[ADDITIONS - 1].out;
    component difference = BabyAdd();
    difference.x1 <== edwards.out[0];
    difference.y1 <== edwards.out[1];
    difference.x2 <== -offset[0];
    difference.y2 <== offset[1];
    x <== difference.xout;
    y <== difference.yout;
}
