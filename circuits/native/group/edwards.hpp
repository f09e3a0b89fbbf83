// SPDX-License-Identifier: Apache-2.0
// Baby Jubjub in circomlib's twisted Edwards form, a·x² + y² = 1 + d·x²·y², in projective coordinates.
// a is a square and d is not, so the formulas hold for every pair of points of the curve.
#pragma once
#include <array>
#include <vector>

#include "../field.hpp"

namespace group {

using groth16::Fr;
using groth16::U256;
using groth16::u32;
using groth16::u64;

// In Montgomery form, by the compiler: nothing may multiply before the processor has been looked at.
constexpr Fr constant(u32 value) {
    groth16::limbs::Four total{};
    for (int i = 31; i >= 0; --i) {
        total = groth16::limbs::double_mod(total, Fr::MOD);
        for (u64 k = 0, carry = 0; k < 4 && value >> i & 1; ++k)
            total[k] = groth16::limbs::add_carry(total[k], Fr::R[k], carry);
        // Below twice the modulus, which has room in 256 bits.
        u64 borrow = 0;
        groth16::limbs::Four reduced{};
        for (int k = 0; k < 4; ++k) reduced[k] = groth16::limbs::sub_borrow(total[k], Fr::MOD[k], borrow);
        if (!borrow) total = reduced;
    }
    return Fr{{total[0], total[1], total[2], total[3]}};
}

inline constexpr Fr A = constant(168700), D = constant(168696);
// Order of the prime subgroup, 251 bits.
inline constexpr U256 ORDER{{0x677297dc392126f1, 0xab3eedb83920ee0a, 0x370a08b6d0302b0b, 0x060c89ce5c263405}};

struct Point {
    Fr x = Fr::zero(), y = Fr::one(), z = Fr::one();  // the identity

    bool is_identity() const { return x.is_zero() && y == z; }

    // "add-2008-bbjlp" of the Explicit-Formulas Database
    Point operator+(const Point& o) const {
        const Fr a = z * o.z, b = a.square(), c = x * o.x, d = y * o.y, e = D * c * d;
        const Fr f = b - e, g = b + e;
        return {a * f * ((x + y) * (o.x + o.y) - c - d), a * g * (d - A * c), f * g};
    }
    // "dbl-2008-bbjlp"
    Point twice() const {
        const Fr b = (x + y).square(), c = x.square(), d = y.square(), e = A * c;
        const Fr f = e + d, j = f - z.square().twice();
        return {(b - c - d) * j, f * (e - d), f * j};
    }
    Point times(const U256& scalar) const {
        Point result;
        for (int i = (int)scalar.bit_length() - 1; i >= 0; --i) {
            result = result.twice();
            if (scalar.bit(i)) result = result + *this;
        }
        return result;
    }
    bool in_subgroup() const { return times(ORDER).is_identity(); }
};

inline bool on_curve(const Fr& x, const Fr& y) {
    const Fr x2 = x.square(), y2 = y.square();
    return A * x2 + y2 == Fr::one() + D * x2 * y2;
}

// Points with their multiples up to 15, so that many rows of scalars take windows of four bits from them.
class Table {
  public:
    void add(const Point& point) {
        std::array<Point, 16> multiples;
        for (int i = 1; i < 16; ++i) multiples[i] = multiples[i - 1] + point;
        multiples_.push_back(multiples);
    }
    std::size_t size() const { return multiples_.size(); }

    // Σ scalar·point (Straus): one pass of doublings for all points.
    Point combine(const std::vector<U256>& scalars) const {
        Point total;
        for (int window = 63; window >= 0; --window) {
            for (int i = 0; i < 4; ++i) total = total.twice();
            for (std::size_t k = 0; k < size(); ++k) {
                const unsigned digit = scalars[k].l[window / 16] >> (4 * (window % 16)) & 15;
                if (digit) total = total + multiples_[k][digit];
            }
        }
        return total;
    }

  private:
    std::vector<std::array<Point, 16>> multiples_;
};

// One of the two square roots (Tonelli-Shanks); false where there is none.
inline bool square_root(const Fr& value, Fr& root) {
    constexpr int TWO_ADICITY = 28;
    constexpr u64 NON_RESIDUE = 5;
    U256 odd = Fr::modulus();  // (p - 1) / 2^28, whose own half is (odd - 1) / 2
    const auto shift = [&odd](int bits) {
        for (int i = 0; i < 4; ++i) odd.l[i] = odd.l[i] >> bits | (i < 3 ? odd.l[i + 1] << (64 - bits) : 0);
    };
    shift(TWO_ADICITY);
    Fr generator = Fr::of(NON_RESIDUE).pow(odd);
    shift(1);
    const Fr half = value.pow(odd);
    root = half * value;
    Fr rest = root * half;
    int order = TWO_ADICITY;
    if (value.is_zero()) return true;
    while (rest != Fr::one()) {
        int exponent = 0;
        for (Fr power = rest; power != Fr::one(); power = power.square())
            if (++exponent == order) return false;
        for (int i = 0; i < order - exponent - 1; ++i) generator = generator.square();
        root *= generator;
        generator = generator.square();
        rest *= generator;
        order = exponent;
    }
    return true;
}

}  // namespace group
