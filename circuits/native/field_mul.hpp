// SPDX-License-Identifier: Apache-2.0
// Addition, subtraction and Montgomery multiplication: portable C++, and x86-64 assembly where the compiler
// may use it. Both fields have a top limb below 2^62, so the rows of the multiplication never carry out of
// four limbs.
#pragma once
#include "field.hpp"

namespace groth16 {

#if defined(__x86_64__)

template <class P>
inline Field<P> Field<P>::reduce_once(const u64 (&t)[4]) {
    u64 a = t[0], b = t[1], c = t[2], d = t[3];
    __asm__(
        "subq %[m0], %[a]\n\tsbbq %[m1], %[b]\n\tsbbq %[m2], %[c]\n\tsbbq %[m3], %[d]\n\t"
        "cmovcq %[t0], %[a]\n\tcmovcq %[t1], %[b]\n\tcmovcq %[t2], %[c]\n\tcmovcq %[t3], %[d]"
        : [a] "+&r"(a), [b] "+&r"(b), [c] "+&r"(c), [d] "+&r"(d)
        : [t0] "rm"(t[0]), [t1] "rm"(t[1]), [t2] "rm"(t[2]), [t3] "rm"(t[3]), [m0] "m"(MOD[0]),
          [m1] "m"(MOD[1]), [m2] "m"(MOD[2]), [m3] "m"(MOD[3])
        : "cc");
    return Field{{a, b, c, d}};
}

template <class P>
inline Field<P> Field<P>::operator+(const Field& o) const {
    u64 t[4] = {l[0], l[1], l[2], l[3]};
    __asm__("addq %[o0], %[t0]\n\tadcq %[o1], %[t1]\n\tadcq %[o2], %[t2]\n\tadcq %[o3], %[t3]"
            : [t0] "+&r"(t[0]), [t1] "+&r"(t[1]), [t2] "+&r"(t[2]), [t3] "+&r"(t[3])
            : [o0] "rm"(o.l[0]), [o1] "rm"(o.l[1]), [o2] "rm"(o.l[2]), [o3] "rm"(o.l[3])
            : "cc");
    return reduce_once(t);
}

template <class P>
inline Field<P> Field<P>::operator-(const Field& o) const {
    u64 a = l[0], b = l[1], c = l[2], d = l[3], mask;
    __asm__(
        "subq %[o0], %[a]\n\tsbbq %[o1], %[b]\n\tsbbq %[o2], %[c]\n\tsbbq %[o3], %[d]\n\tsbbq %[mask], "
        "%[mask]"
        : [a] "+&r"(a), [b] "+&r"(b), [c] "+&r"(c), [d] "+&r"(d), [mask] "=&r"(mask)
        : [o0] "rm"(o.l[0]), [o1] "rm"(o.l[1]), [o2] "rm"(o.l[2]), [o3] "rm"(o.l[3])
        : "cc");
    const u64 m0 = MOD[0] & mask, m1 = MOD[1] & mask, m2 = MOD[2] & mask, m3 = MOD[3] & mask;
    __asm__("addq %[m0], %[a]\n\tadcq %[m1], %[b]\n\tadcq %[m2], %[c]\n\tadcq %[m3], %[d]"
            : [a] "+&r"(a), [b] "+&r"(b), [c] "+&r"(c), [d] "+&r"(d)
            : [m0] "r"(m0), [m1] "r"(m1), [m2] "r"(m2), [m3] "r"(m3)
            : "cc");
    return Field{{a, b, c, d}};
}

#else

template <class P>
inline Field<P> Field<P>::reduce_once(const u64 (&t)[4]) {
    Field s;
    u64 borrow = 0;
    for (int i = 0; i < 4; ++i) s.l[i] = limbs::sub_borrow(t[i], MOD[i], borrow);
    return borrow ? Field{{t[0], t[1], t[2], t[3]}} : s;
}

template <class P>
inline Field<P> Field<P>::operator+(const Field& o) const {
    u64 t[4], carry = 0;
    for (int i = 0; i < 4; ++i) t[i] = limbs::add_carry(l[i], o.l[i], carry);
    return reduce_once(t);
}

template <class P>
inline Field<P> Field<P>::operator-(const Field& o) const {
    Field d;
    u64 borrow = 0, carry = 0;
    for (int i = 0; i < 4; ++i) d.l[i] = limbs::sub_borrow(l[i], o.l[i], borrow);
    const u64 mask = 0 - borrow;
    for (int i = 0; i < 4; ++i) d.l[i] = limbs::add_carry(d.l[i], MOD[i] & mask, carry);
    return d;
}

#endif

#if defined(__x86_64__) && defined(__ADX__) && defined(__BMI2__)

// One reduction step: t += m·MOD with m chosen so that the low limb vanishes, then t shifts down one limb.
#define GROTH16_REDUCE_ROW                                                      \
    "movq %[t0], %%rdx\n\timulq %[ninv], %%rdx\n\txorl %k[lo], %k[lo]\n\t"      \
    "mulxq %[m0], %[lo], %[hi]\n\tadcxq %[t0], %[lo]\n\tmovq %[hi], %[t0]\n\t"  \
    "adcxq %[t1], %[t0]\n\tmulxq %[m1], %[lo], %[t1]\n\tadoxq %[lo], %[t0]\n\t" \
    "adcxq %[t2], %[t1]\n\tmulxq %[m2], %[lo], %[t2]\n\tadoxq %[lo], %[t1]\n\t" \
    "adcxq %[t3], %[t2]\n\tmulxq %[m3], %[lo], %[t3]\n\tadoxq %[lo], %[t2]\n\t" \
    "movl $0, %k[lo]\n\tadcxq %[lo], %[t3]\n\tadoxq %[top], %[t3]\n\t"

// t += a·(one limb of b), the carry into `top`.
#define GROTH16_PRODUCT_ROW(limb)                                                 \
    "xorl %k[lo], %k[lo]\n\tmovq %[" limb                                         \
    "], %%rdx\n\t"                                                                \
    "mulxq %[a0], %[lo], %[top]\n\tadoxq %[lo], %[t0]\n\t"                        \
    "adcxq %[top], %[t1]\n\tmulxq %[a1], %[lo], %[top]\n\tadoxq %[lo], %[t1]\n\t" \
    "adcxq %[top], %[t2]\n\tmulxq %[a2], %[lo], %[top]\n\tadoxq %[lo], %[t2]\n\t" \
    "adcxq %[top], %[t3]\n\tmulxq %[a3], %[lo], %[top]\n\tadoxq %[lo], %[t3]\n\t" \
    "movl $0, %k[lo]\n\tadcxq %[lo], %[top]\n\tadoxq %[lo], %[top]\n\t"

template <class P>
[[gnu::always_inline]] inline Field<P> Field<P>::operator*(const Field& o) const {
    static constexpr u64 ninv = NEG_INV;
    u64 t[4], top, lo, hi;
    __asm__(
        "movq %[b0], %%rdx\n\txorl %k[lo], %k[lo]\n\t"
        "mulxq %[a0], %[t0], %[t1]\n\t"
        "mulxq %[a1], %[lo], %[t2]\n\tadoxq %[lo], %[t1]\n\t"
        "mulxq %[a2], %[lo], %[t3]\n\tadoxq %[lo], %[t2]\n\t"
        "mulxq %[a3], %[lo], %[top]\n\tadoxq %[lo], %[t3]\n\t"
        "movl $0, %k[lo]\n\tadoxq %[lo], %[top]\n\t" GROTH16_REDUCE_ROW GROTH16_PRODUCT_ROW("b1")
            GROTH16_REDUCE_ROW GROTH16_PRODUCT_ROW("b2") GROTH16_REDUCE_ROW GROTH16_PRODUCT_ROW("b3")
                GROTH16_REDUCE_ROW
        : [t0] "=&r"(t[0]), [t1] "=&r"(t[1]), [t2] "=&r"(t[2]), [t3] "=&r"(t[3]), [top] "=&r"(top),
          [lo] "=&r"(lo), [hi] "=&r"(hi)
        : [a0] "r"(l[0]), [a1] "r"(l[1]), [a2] "r"(l[2]), [a3] "r"(l[3]), [b0] "m"(o.l[0]), [b1] "m"(o.l[1]),
          [b2] "m"(o.l[2]), [b3] "m"(o.l[3]), [m0] "m"(MOD[0]), [m1] "m"(MOD[1]), [m2] "m"(MOD[2]),
          [m3] "m"(MOD[3]), [ninv] "m"(ninv)
        : "rdx", "cc");
    return reduce_once(t);
}

#undef GROTH16_REDUCE_ROW
#undef GROTH16_PRODUCT_ROW

#else

template <class P>
inline Field<P> Field<P>::operator*(const Field& o) const {
    u64 t[4] = {0, 0, 0, 0};
    for (int i = 0; i < 4; ++i) {
        u128 product = (u128)l[0] * o.l[i] + t[0];
        const u64 m = (u64)product * NEG_INV;
        u128 reduced = (u128)m * MOD[0] + (u64)product;
        for (int j = 1; j < 4; ++j) {
            product = (u128)l[j] * o.l[i] + t[j] + (u64)(product >> 64);
            reduced = (u128)m * MOD[j] + (u64)product + (u64)(reduced >> 64);
            t[j - 1] = (u64)reduced;
        }
        t[3] = (u64)(product >> 64) + (u64)(reduced >> 64);
    }
    return reduce_once(t);
}

#endif

}  // namespace groth16
