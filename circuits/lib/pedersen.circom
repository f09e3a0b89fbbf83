// SPDX-License-Identifier: GPL-3.0-only
// Pedersen commitments to integer vectors on Baby Jubjub, by 2-bit windows over fixed tables.
pragma circom 2.2.0;

include "circomlib/circuits/babyjub.circom";
include "circomlib/circuits/bitify.circom";
include "circomlib/circuits/montgomery.circom";
include "arithmetic.circom";
include "generators.circom";

// Order of the prime subgroup.
function subgroupOrder() {
    return 2736030358979909402780800718157159386076813972158567259200215660948447373041;
}

// Compile-time arithmetic of constants. Edwards addition is complete; the Montgomery formulas are
// not, but would only fail (division by zero) on a relation between hashed generators.
function edwardsAdd(p, q) {
    var cross = 168696 * p[0] * q[0] * p[1] * q[1];
    return [(p[0] * q[1] + p[1] * q[0]) / (1 + cross), (p[1] * q[1] - 168700 * p[0] * q[0]) / (1 - cross)];
}

function edwardsMultiply(scalar, p) {
    var sum[2] = [0, 1];
    var power[2] = p;
    for (var rest = scalar; rest > 0; rest = rest >> 1) {
        if ((rest & 1) == 1) {
            sum = edwardsAdd(sum, power);
        }
        power = edwardsAdd(power, power);
    }
    return sum;
}

function montgomeryOf(p) {
    var u = (1 + p[1]) / (1 - p[1]);
    return [u, u / p[0]];
}

function montgomeryAdd(p, q) {
    var slope = (q[1] - p[1]) / (q[0] - p[0]);
    var u = slope * slope - 168698 - p[0] - q[0];
    return [u, slope * (p[0] - u) - p[1]];
}

function montgomeryDouble(p) {
    var slope = (3 * p[0] * p[0] + 2 * 168698 * p[0] + 1) / (2 * p[1]);
    var u = slope * slope - 168698 - 2 * p[0];
    return [u, slope * (p[0] - u) - p[1]];
}

// Guarantees: out = in + sum over windows w of (W + digit_w * 4^w * BASE) in Montgomery form, where W is
// the window point and digit_w = bits[2w] + 2 * bits[2w + 1] (a missing last bit is 0).
// Assumes: bits boolean (PedersenCommitment); and that no partial sum equals plus or minus the table entry
// added next, nor is the point (0, 0). Partial sums hold the start point exactly once and table entries
// never do, so an exception would be a relation between hashed points, which nobody knows.
template WindowedTerm(BASE, BITS) {
    signal input in[2];
    signal input bits[BITS];
    signal output out[2];

    var WINDOWS = (BITS + 1) \ 2;
    var window[2] = montgomeryOf(windowPoint());
    var base[2] = montgomeryOf(BASE);
    var entry[4][2];

    signal both[WINDOWS];
    component sum[WINDOWS];
    for (var w = 0; w < WINDOWS; w++) {
        entry[0] = window;
        for (var d = 1; d < 4; d++) {
            entry[d] = montgomeryAdd(entry[d - 1], base);
        }
        base = montgomeryDouble(montgomeryDouble(base));

        var low = bits[2 * w];
        var high = 0;
        if (2 * w + 1 < BITS) {
            high = bits[2 * w + 1];
            both[w] <== bits[2 * w] * bits[2 * w + 1];
        } else {
            both[w] <== 0;
        }
        sum[w] = MontgomeryAdd();
        for (var i = 0; i < 2; i++) {
            if (w == 0) {
                sum[w].in1[i] <== in[i];
            } else {
                sum[w].in1[i] <== sum[w - 1].out[i];
            }
            // A function of two bits is linear in them and their product.
            sum[w].in2[i] <== entry[0][i] + low * (entry[1][i] - entry[0][i])
                + high * (entry[2][i] - entry[0][i])
                + both[w] * (entry[3][i] - entry[2][i] - entry[1][i] + entry[0][i]);
        }
    }
    out <== sum[WINDOWS - 1].out;
}

// Guarantees: 0 <= digits_j < 2^VALUE_BITS, 0 <= blinding < l, and (x, y) is the commitment
//   sum_j (digits_j - 2^(VALUE_BITS - 1)) * G_j + blinding * H,
// a point of the prime subgroup. Assumes: that nobody knows a relation between the points of
// generators.circom (made from hashes of their labels; `scripts/generate.py --check` makes them again).
template PedersenCommitment(COUNT, VALUE_BITS) {
    signal input digits[COUNT];
    signal input blinding;
    signal output x;
    signal output y;

    var BLINDING_BITS = 251;
    var generators[generatorCount()][2] = valueGenerators();
    var start[2] = montgomeryOf(startPoint());

    // What the windows add beyond the commitment: start point, window points, and the digits' offsets.
    var windows = COUNT * ((VALUE_BITS + 1) \ 2) + (BLINDING_BITS + 1) \ 2;
    var offset[2] = [0, 1];
    for (var j = 0; j < COUNT; j++) {
        offset = edwardsAdd(offset, generators[j]);
    }
    offset = edwardsMultiply(1 << (VALUE_BITS - 1), offset);
    offset = edwardsAdd(offset, edwardsMultiply(windows, windowPoint()));
    offset = edwardsAdd(offset, startPoint());

    component valueBits[COUNT];
    component term[COUNT + 1];
    for (var j = 0; j < COUNT; j++) {
        valueBits[j] = Num2Bits(VALUE_BITS);
        valueBits[j].in <== digits[j];
        term[j] = WindowedTerm(generators[j], VALUE_BITS);
        term[j].bits <== valueBits[j].out;
    }
    component blindingBits = Num2Bits(BLINDING_BITS);
    blindingBits.in <== blinding;
    component blindingRange = BitsAtMost(BLINDING_BITS, subgroupOrder() - 1);
    blindingRange.bits <== blindingBits.out;
    term[COUNT] = WindowedTerm(blindingGenerator(), BLINDING_BITS);
    term[COUNT].bits <== blindingBits.out;

    term[0].in <== start;
    for (var j = 0; j < COUNT; j++) {
        term[j + 1].in <== term[j].out;
    }

    component edwards = Montgomery2Edwards();
    edwards.in <== term[COUNT].out;
    component difference = BabyAdd();
    difference.x1 <== edwards.out[0];
    difference.y1 <== edwards.out[1];
    difference.x2 <== -offset[0];
    difference.y2 <== offset[1];
    x <== difference.xout;
    y <== difference.yout;
}
