// SPDX-License-Identifier: GPL-3.0-only
// Integer arithmetic on field elements: ranges, floor division, clamping.
//
// Integers are field elements read as signed numbers near zero. No template here lets a value wrap:
// each one bounds its input by the bits it finds for it.
pragma circom 2.2.0;

include "circomlib/circuits/bitify.circom";
include "circomlib/circuits/comparators.circom";

// The least k with 2^k > value.
function bitLength(value) {
    var k = 0;
    while ((1 << k) <= value) {
        k++;
    }
    return k;
}

// Guarantees: 0 <= in < 2^BITS. Assumes nothing; BITS is at most 253.
template InRange(BITS) {
    signal input in;

    component bits = Num2Bits(BITS);
    bits.in <== in;
}

// Guarantees: `bits`, each already 0 or 1, little-endian, are a number of at most MAX.
// Assumes: the caller made the bits boolean.
template BitsAtMost(BITS, MAX) {
    signal input bits[BITS];

    // equal[i]: all bits from i upwards agree with MAX's.
    signal equal[BITS + 1];
    equal[BITS] <== 1;
    for (var i = BITS - 1; i >= 0; i--) {
        if (((MAX >> i) & 1) == 1) {
            equal[i] <== equal[i + 1] * bits[i];
        } else {
            equal[i] <== equal[i + 1];
            // A one where MAX has the first differing zero would make the number larger.
            equal[i + 1] * bits[i] === 0;
        }
    }
}

// Guarantees: flags[k] = 1 for k < count and 0 from there on, and 1 <= count <= SIZE.
// Assumes nothing.
template UnaryFlags(SIZE) {
    signal input count;
    signal output flags[SIZE];

    var sum = 0;
    for (var k = 0; k < SIZE; k++) {
        flags[k] <-- k < count ? 1 : 0;
        flags[k] * (1 - flags[k]) === 0;
        sum += flags[k];
    }
    flags[0] === 1;
    for (var k = 1; k < SIZE; k++) {
        // Never rises again.
        flags[k] * (1 - flags[k - 1]) === 0;
    }
    sum === count;
}

// Guarantees: out = floor(in / 2^SHIFT) and -2^RANGE <= in < 2^RANGE. Assumes nothing.
template FloorShift(RANGE, SHIFT) {
    signal input in;
    signal output out;

    component bits = Num2Bits(RANGE + 1);
    bits.in <== in + (1 << RANGE);
    var high = 0;
    for (var i = SHIFT; i <= RANGE; i++) {
        high += bits.out[i] * (1 << (i - SHIFT));
    }
    // 2^SHIFT divides 2^RANGE, so taking the offset off again is exact.
    out <== high - (1 << (RANGE - SHIFT));
}

// Guarantees: out = 0 for in < 0, MAX for in >= 2^LIMIT, floor(in / 2^SHIFT) between, and
// -2^RANGE <= in < 2^RANGE. Assumes nothing; RANGE > LIMIT >= SHIFT.
template ClampedShift(RANGE, LIMIT, SHIFT, MAX) {
    signal input in;
    signal output out;

    component bits = Num2Bits(RANGE + 1);
    bits.in <== in + (1 << RANGE);
    var low = 0;
    for (var i = SHIFT; i < LIMIT; i++) {
        low += bits.out[i] * (1 << (i - SHIFT));
    }
    var high = 0;
    for (var i = LIMIT; i < RANGE; i++) {
        high += bits.out[i] * (1 << (i - LIMIT));
    }
    // Bit RANGE of the shifted value says in >= 0; then no bit from LIMIT upwards says in < 2^LIMIT.
    component below = IsZero();
    below.in <== high;
    signal limited <== below.out * (low - MAX) + MAX;
    out <== bits.out[RANGE] * limited;
}

// Guarantees: in = quotient * divisor + remainder in the field with 0 <= remainder < divisor, hence
// 0 < divisor < 2^(BITS + 1). Assumes: the caller bounds `in` within 2^RANGE, `divisor` and the
// quotient so tightly that the product cannot reach p; then quotient = floor(in / divisor).
template FloorQuotient(RANGE, BITS) {
    signal input in;
    signal input divisor;
    signal output quotient;

    // The shift keeps the hint's dividend from being negative. A divisor of zero fails below.
    var shifted = in + (1 << RANGE) * divisor;
    quotient <-- divisor == 0 ? 0 : shifted \ divisor - (1 << RANGE);

    signal remainder <== in - quotient * divisor;
    // Both ends of remainder < divisor in BITS bits: with divisor = 0 one of them would be negative.
    component atLeastZero = InRange(BITS);
    component belowDivisor = InRange(BITS);
    atLeastZero.in <== remainder;
    belowDivisor.in <== divisor - 1 - remainder;
}
