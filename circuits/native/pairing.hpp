// SPDX-License-Identifier: Apache-2.0
// The optimal ate pairing of BN254, as a product of pairings compared with one. Simple rather than fast:
// about 10 ms. Vercauteren, "Optimal Pairings"; tower Fq2[v]/(v^3 - xi), [w]/(w^2 - v), xi = 9 + u, on a
// twist of type D.
#pragma once
#include <utility>
#include <vector>

#include "curve.hpp"

namespace groth16 {

struct Fq6 {
    Fq2 a, b, c;  // a + b·v + c·v^2

    bool operator==(const Fq6& o) const { return a == o.a && b == o.b && c == o.c; }
    Fq6 operator+(const Fq6& o) const { return {a + o.a, b + o.b, c + o.c}; }
    Fq6 operator-(const Fq6& o) const { return {a - o.a, b - o.b, c - o.c}; }
    Fq6 operator-() const { return {-a, -b, -c}; }
    Fq6 operator*(const Fq6& o) const {
        return {a * o.a + (b * o.c + c * o.b).times_xi(), a * o.b + b * o.a + (c * o.c).times_xi(),
                a * o.c + b * o.b + c * o.a};
    }
    Fq6 times_v() const { return {c.times_xi(), a, b}; }
    Fq6 inverse() const {
        const Fq2 x = a.square() - (b * c).times_xi(), y = c.square().times_xi() - a * b,
                  z = b.square() - a * c;
        const Fq2 inv = (a * x + (c * y + b * z).times_xi()).inverse();
        return {x * inv, y * inv, z * inv};
    }
};

struct Fq12 {
    Fq6 a, b;  // a + b·w

    static Fq12 one() { return {{Fq2::one(), {}, {}}, {}}; }
    bool operator==(const Fq12& o) const { return a == o.a && b == o.b; }
    Fq12 operator*(const Fq12& o) const {
        const Fq6 low = a * o.a, high = b * o.b;
        return {low + high.times_v(), (a + b) * (o.a + o.b) - low - high};
    }
    Fq12 inverse() const {
        const Fq6 inv = (a * a - (b * b).times_v()).inverse();
        return {a * inv, -(b * inv)};
    }
    Fq12 pow(const u64* exponent, int limbs) const {
        Fq12 acc = one();
        for (int i = 64 * limbs - 1; i >= 0; --i) {
            acc = acc * acc;
            if (exponent[i / 64] >> (i % 64) & 1) acc = acc * *this;
        }
        return acc;
    }
};

namespace pairing {

// (modulus - 1) / divisor, for the Frobenius map on the twist.
inline U256 modulus_part(u64 divisor) {
    U256 v = Fq::modulus();
    v.l[0] -= 1;
    u64 rest = 0;
    for (int i = 3; i >= 0; --i) {
        const u128 current = (u128)rest << 64 | v.l[i];
        v.l[i] = (u64)(current / divisor);
        rest = (u64)(current % divisor);
    }
    return v;
}

inline G2 frobenius(const G2& p) {
    static const Fq2 xi{Fq::of(9), Fq::of(1)};
    static const Fq2 x_factor = xi.pow(modulus_part(3)), y_factor = xi.pow(modulus_part(2));
    return {p.x.conjugate() * x_factor, p.y.conjugate() * y_factor};
}

// Adds q to t (or doubles t where they are equal) and multiplies f by the line through them at p.
// With T = (x·w^2, y·w^3) untwisted and slope s on the twist: l(P) = yP - s·xP·w + (s·xT - yT)·w^3.
inline void step(Fq12& f, G2& t, const G2& q, const G1& p) {
    const bool same = t == q;
    const Fq2 xx = t.x.square();
    const Fq2 slope = same ? (xx.twice() + xx) * t.y.twice().inverse() : (q.y - t.y) * (q.x - t.x).inverse();
    const Fq2 constant = {p.y, Fq::zero()};
    f = f * Fq12{{constant, {}, {}}, {-(slope * p.x), slope * t.x - t.y, {}}};
    const Fq2 x3 = slope.square() - t.x - q.x;
    t = {x3, slope * (t.x - x3) - t.y};
}

using Pair = std::pair<G1, G2>;

inline Fq12 miller_loop(const std::vector<Pair>& pairs) {
    constexpr u64 LOOP = 0x9d797039be763ba8;  // 6u + 2 = 2^64 + LOOP, u = 4965661367192848881
    Fq12 f = Fq12::one();
    std::vector<G2> t;
    for (const Pair& pair : pairs) t.push_back(pair.second);
    for (int bit = 63; bit >= 0; --bit) {
        f = f * f;
        for (std::size_t i = 0; i < pairs.size(); ++i) {
            step(f, t[i], t[i], pairs[i].first);
            if (LOOP >> bit & 1) step(f, t[i], pairs[i].second, pairs[i].first);
        }
    }
    for (std::size_t i = 0; i < pairs.size(); ++i) {
        const G2 q1 = frobenius(pairs[i].second), q2 = -frobenius(q1);
        step(f, t[i], q1, pairs[i].first);
        step(f, t[i], q2, pairs[i].first);
    }
    return f;
}

// f^((q^12 - 1)/r) = ((f^(q^6 - 1))^(q^2 + 1))^((q^4 - q^2 + 1)/r)
inline Fq12 final_exponentiation(const Fq12& f) {
    static const u64 HARD[12] = {0xe81bb482ccdf42b1, 0x5abf5cc4f49c36d4, 0xf1154e7e1da014fd,
                                 0xdcc7b44c87cdbacf, 0xaaa441e3954bcf8a, 0x6b887d56d5095f23,
                                 0x79581e16f3fd90c6, 0x3b1b1355d189227d, 0x4e529a5861876f6b,
                                 0x6c0eb522d5b12278, 0x331ec15183177faf, 0x01baaa710b0759ad};
    const U256 q = Fq::modulus();
    const Fq12 easy = Fq12{f.a, -f.b} * f.inverse();
    return (easy.pow(q.l, 4).pow(q.l, 4) * easy).pow(HARD, 12);
}

// Whether the pairings of all pairs multiply to one. Points must be in their groups.
inline bool product_is_one(const std::vector<Pair>& pairs) {
    std::vector<Pair> finite;
    for (const Pair& pair : pairs)
        if (!pair.first.is_infinity() && !pair.second.is_infinity()) finite.push_back(pair);
    return final_exponentiation(miller_loop(finite)) == Fq12::one();
}

}  // namespace pairing
}  // namespace groth16
