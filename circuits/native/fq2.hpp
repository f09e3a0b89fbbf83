// SPDX-License-Identifier: Apache-2.0
// Fq2 = Fq[u]/(u^2 + 1), the field of G2's coordinates.
#pragma once
#include "field.hpp"

namespace groth16 {

struct Fq2 {
    Fq a, b;  // a + b·u

    static Fq2 zero() { return {}; }
    static Fq2 one() { return {Fq::one(), Fq::zero()}; }
    static Fq2 load(const u8* bytes) { return {Fq::load(bytes), Fq::load(bytes + 32)}; }
    void store(u8* bytes) const {
        a.store(bytes);
        b.store(bytes + 32);
    }

    bool is_zero() const { return a.is_zero() && b.is_zero(); }
    bool is_canonical() const { return a.is_canonical() && b.is_canonical(); }
    bool operator==(const Fq2& o) const { return a == o.a && b == o.b; }
    bool operator!=(const Fq2& o) const { return !(*this == o); }

    Fq2 operator+(const Fq2& o) const { return {a + o.a, b + o.b}; }
    Fq2 operator-(const Fq2& o) const { return {a - o.a, b - o.b}; }
    Fq2 operator-() const { return {-a, -b}; }
    Fq2 operator*(const Fq2& o) const {
        const Fq low = a * o.a, high = b * o.b;
        return {low - high, (a + b) * (o.a + o.b) - low - high};
    }
    Fq2 operator*(const Fq& s) const { return {a * s, b * s}; }
    Fq2& operator+=(const Fq2& o) { return *this = *this + o; }
    Fq2& operator-=(const Fq2& o) { return *this = *this - o; }
    Fq2& operator*=(const Fq2& o) { return *this = *this * o; }
    Fq2 square() const { return {(a + b) * (a - b), (a * b).twice()}; }
    Fq2 twice() const { return {a.twice(), b.twice()}; }
    Fq2 conjugate() const { return {a, -b}; }
    Fq2 inverse() const {
        const Fq norm_inverse = (a.square() + b.square()).inverse();
        return {a * norm_inverse, -(b * norm_inverse)};
    }
    Fq2 pow(const U256& e) const {
        Fq2 acc = one();
        for (int i = (int)e.bit_length() - 1; i >= 0; --i) {
            acc = acc.square();
            if (e.bit(i)) acc *= *this;
        }
        return acc;
    }
    // Times 9 + u, the non-residue of the tower above and of the twist.
    Fq2 times_xi() const {
        const Fq a8 = a.twice().twice().twice(), b8 = b.twice().twice().twice();
        return {a8 + a - b, b8 + b + a};
    }
};

}  // namespace groth16
