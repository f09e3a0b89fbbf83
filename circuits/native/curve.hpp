// SPDX-License-Identifier: Apache-2.0
// Points of y^2 = x^3 + b: affine as files hold them, extended Jacobian (XYZZ) for sums.
// Formulas: Explicit-Formulas Database, "short Weierstrass, XYZZ" (madd-2008-s, add-2008-s, dbl-2008-s-1).
#pragma once
#include "fq2.hpp"

namespace groth16 {

// (0, 0) stands for the point at infinity, as in zkey files; it is on neither curve.
template <class F>
struct Affine {
    F x, y;

    static constexpr std::size_t BYTES = 2 * sizeof(F);
    static Affine load(const u8* bytes) { return {F::load(bytes), F::load(bytes + sizeof(F))}; }
    void store(u8* bytes) const {
        x.store(bytes);
        y.store(bytes + sizeof(F));
    }
    bool is_infinity() const { return x.is_zero() && y.is_zero(); }
    bool operator==(const Affine& o) const { return x == o.x && y == o.y; }
    Affine operator-() const { return {x, -y}; }
};

template <class F>
struct Xyzz {
    F x, y, zz, zzz;  // affine (x/zz, y/zzz); infinity where zz = 0

    static Xyzz infinity() { return {}; }
    static Xyzz of(const Affine<F>& p) {
        return p.is_infinity() ? infinity() : Xyzz{p.x, p.y, F::one(), F::one()};
    }
    bool is_infinity() const { return zz.is_zero(); }

    Xyzz twice() const {
        if (is_infinity()) return *this;
        const F u = y.twice(), v = u.square(), w = u * v, s = x * v, xx = x.square(), m = xx.twice() + xx;
        const F x3 = m.square() - s.twice();
        return {x3, m * (s - x3) - w * y, v * zz, w * zzz};
    }
    Xyzz operator+(const Affine<F>& o) const {
        if (o.is_infinity()) return *this;
        if (is_infinity()) return of(o);
        const F p = o.x * zz - x, r = o.y * zzz - y;
        if (p.is_zero()) return r.is_zero() ? of(o).twice() : infinity();
        const F pp = p.square(), ppp = p * pp, q = x * pp;
        const F x3 = r.square() - ppp - q.twice();
        return {x3, r * (q - x3) - y * ppp, zz * pp, zzz * ppp};
    }
    Xyzz operator+(const Xyzz& o) const {
        if (o.is_infinity()) return *this;
        if (is_infinity()) return o;
        const F u1 = x * o.zz, s1 = y * o.zzz, p = o.x * zz - u1, r = o.y * zzz - s1;
        if (p.is_zero()) return r.is_zero() ? twice() : infinity();
        const F pp = p.square(), ppp = p * pp, q = u1 * pp;
        const F x3 = r.square() - ppp - q.twice();
        return {x3, r * (q - x3) - s1 * ppp, zz * o.zz * pp, zzz * o.zzz * ppp};
    }
    Xyzz times(const U256& k) const {
        Xyzz acc = infinity();
        for (int i = (int)k.bit_length() - 1; i >= 0; --i) {
            acc = acc.twice();
            if (k.bit(i)) acc = acc + *this;
        }
        return acc;
    }
    Affine<F> to_affine() const {
        if (is_infinity()) return {};
        const F inv = (zz * zzz).inverse();
        return {x * inv * zzz, y * inv * zz};
    }
};

using G1 = Affine<Fq>;
using G2 = Affine<Fq2>;
using G1Sum = Xyzz<Fq>;
using G2Sum = Xyzz<Fq2>;

inline G1 g1_generator() { return {Fq::of(1), Fq::of(2)}; }

inline G2 g2_generator() {
    const auto fq = [](u64 a, u64 b, u64 c, u64 d) { return Fq::from(U256{{d, c, b, a}}); };
    return {{fq(0x1800deef121f1e76, 0x426a00665e5c4479, 0x674322d4f75edadd, 0x46debd5cd992f6ed),
             fq(0x198e9393920d483a, 0x7260bfb731fb5d25, 0xf1aa493335a9e712, 0x97e485b7aef312c2)},
            {fq(0x12c85ea5db8c6deb, 0x4aab71808dcb408f, 0xe3d1e7690c43d37b, 0x4ce6cc0166fa7daa),
             fq(0x090689d0585ff075, 0xec9e99ad690c3395, 0xbc4b313370b38ef3, 0x55acdadcd122975b)}};
}

// Coordinates at or above the modulus are refused too: files come with them, arithmetic here never does.
inline bool on_curve(const G1& p) {
    return p.x.is_canonical() && p.y.is_canonical() && p.y.square() == p.x.square() * p.x + Fq::of(3);
}

// The twist: y^2 = x^3 + 3/(9 + u).
inline bool on_curve(const G2& p) {
    static const Fq2 b = Fq2{Fq::of(9), Fq::of(1)}.inverse() * Fq::of(3);
    return p.x.is_canonical() && p.y.is_canonical() && p.y.square() == p.x.square() * p.x + b;
}

// G1 has prime order; on the twist the order has other factors, so a point must be tried.
inline bool in_group(const G1& p) { return p.is_infinity() || on_curve(p); }
inline bool in_group(const G2& p) {
    return p.is_infinity() || (on_curve(p) && G2Sum::of(p).times(Fr::modulus()).is_infinity());
}

}  // namespace groth16
