// SPDX-License-Identifier: Apache-2.0
// The two prime fields of BN254 in Montgomery form, four 64-bit limbs, values always below the modulus.
#pragma once
#include <array>
#include <cstdint>
#include <cstring>
#include <vector>

namespace groth16 {

using u8 = std::uint8_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;
using u128 = unsigned __int128;

// A plain 256-bit integer, little-endian limbs.
struct U256 {
    u64 l[4] = {0, 0, 0, 0};

    bool operator==(const U256& o) const {
        return l[0] == o.l[0] && l[1] == o.l[1] && l[2] == o.l[2] && l[3] == o.l[3];
    }
    bool operator<(const U256& o) const {
        for (int i = 3; i >= 0; --i)
            if (l[i] != o.l[i]) return l[i] < o.l[i];
        return false;
    }
    bool bit(unsigned i) const { return (l[i / 64] >> (i % 64)) & 1; }
    bool is_zero() const { return (l[0] | l[1] | l[2] | l[3]) == 0; }
    unsigned bit_length() const {
        for (int i = 3; i >= 0; --i)
            if (l[i]) return 64 * i + 64 - __builtin_clzll(l[i]);
        return 0;
    }
    static U256 load(const u8* bytes) {
        U256 r;
        std::memcpy(r.l, bytes, 32);
        return r;
    }
    void store(u8* bytes) const { std::memcpy(bytes, l, 32); }
};

namespace limbs {

constexpr u64 add_carry(u64 a, u64 b, u64& carry) {
    const u128 s = (u128)a + b + carry;
    carry = (u64)(s >> 64);
    return (u64)s;
}
constexpr u64 sub_borrow(u64 a, u64 b, u64& borrow) {
    const u128 d = (u128)a - b - borrow;
    borrow = (u64)(d >> 64) & 1;
    return (u64)d;
}

using Four = std::array<u64, 4>;

constexpr Four double_mod(const Four& a, const Four& mod) {
    Four t{}, s{};
    u64 carry = 0, borrow = 0;
    for (int i = 0; i < 4; ++i) t[i] = add_carry(a[i], a[i], carry);
    for (int i = 0; i < 4; ++i) s[i] = sub_borrow(t[i], mod[i], borrow);
    return borrow ? t : s;
}
// 2^exponent mod `mod`
constexpr Four power_of_two(int exponent, const Four& mod) {
    Four t{1, 0, 0, 0};
    for (int i = 0; i < exponent; ++i) t = double_mod(t, mod);
    return t;
}
// -mod^-1 mod 2^64, by Newton's iteration
constexpr u64 negative_inverse(u64 mod) {
    u64 x = 1;
    for (int i = 0; i < 6; ++i) x *= 2 - mod * x;
    return 0 - x;
}

}  // namespace limbs

struct FqParams {
    static constexpr limbs::Four MOD{0x3c208c16d87cfd47, 0x97816a916871ca8d, 0xb85045b68181585d,
                                     0x30644e72e131a029};
};
struct FrParams {
    static constexpr limbs::Four MOD{0x43e1f593f0000001, 0x2833e84879b97091, 0xb85045b68181585d,
                                     0x30644e72e131a029};
};

template <class P>
struct Field {
    u64 l[4] = {0, 0, 0, 0};

    static constexpr limbs::Four MOD = P::MOD;
    static constexpr limbs::Four R = limbs::power_of_two(256, P::MOD);
    static constexpr limbs::Four R2 = limbs::power_of_two(512, P::MOD);
    static constexpr u64 NEG_INV = limbs::negative_inverse(P::MOD[0]);

    static Field zero() { return Field{}; }
    static Field one() { return raw(R); }
    static Field raw(const limbs::Four& v) { return Field{{v[0], v[1], v[2], v[3]}}; }
    static Field of(u64 v) { return from(U256{{v, 0, 0, 0}}); }
    static U256 modulus() { return U256{{MOD[0], MOD[1], MOD[2], MOD[3]}}; }

    // The bytes as they stand, no conversion: a file that holds Montgomery form, or a factor that cancels it.
    static Field load(const u8* bytes) {
        Field r;
        std::memcpy(r.l, bytes, 32);
        return r;
    }
    void store(u8* bytes) const { std::memcpy(bytes, l, 32); }

    // `v` must be below the modulus.
    static Field from(const U256& v) { return Field{{v.l[0], v.l[1], v.l[2], v.l[3]}} * raw(R2); }
    U256 to_integer() const {
        const Field t = *this * Field{{1, 0, 0, 0}};
        return U256{{t.l[0], t.l[1], t.l[2], t.l[3]}};
    }
    // 512 bits, big-endian, reduced: the distance from uniform is below 2^-256.
    static Field from_wide(const u8 (&bytes)[64]) {
        Field acc;
        const Field byte_base = of(256);
        for (u8 b : bytes) acc = acc * byte_base + of(b);
        return acc;
    }

    bool is_zero() const { return (l[0] | l[1] | l[2] | l[3]) == 0; }
    bool is_canonical() const { return U256{{l[0], l[1], l[2], l[3]}} < modulus(); }
    bool operator==(const Field& o) const {
        return ((l[0] ^ o.l[0]) | (l[1] ^ o.l[1]) | (l[2] ^ o.l[2]) | (l[3] ^ o.l[3])) == 0;
    }
    bool operator!=(const Field& o) const { return !(*this == o); }

    Field operator+(const Field& o) const;
    Field operator-(const Field& o) const;
    Field operator*(const Field& o) const;
    Field operator-() const { return is_zero() ? *this : zero() - *this; }
    Field& operator+=(const Field& o) { return *this = *this + o; }
    Field& operator-=(const Field& o) { return *this = *this - o; }
    Field& operator*=(const Field& o) { return *this = *this * o; }
    Field square() const { return *this * *this; }
    Field twice() const { return *this + *this; }

    Field pow(const U256& e) const {
        Field acc = one();
        for (int i = (int)e.bit_length() - 1; i >= 0; --i) {
            acc = acc.square();
            if (e.bit(i)) acc *= *this;
        }
        return acc;
    }
    // By Fermat; zero gives zero.
    Field inverse() const {
        U256 e = modulus();
        e.l[0] -= 2;
        return pow(e);
    }

  private:
    static Field reduce_once(const u64 (&t)[4]);
};

}  // namespace groth16

#include "field_mul.hpp"

namespace groth16 {

using Fq = Field<FqParams>;
using Fr = Field<FrParams>;

// Inverts every element with one inversion (Montgomery's trick); none may be zero.
template <class F>
void batch_inverse(std::vector<F>& values) {
    std::vector<F> prefix(values.size());
    F acc = F::one();
    for (std::size_t i = 0; i < values.size(); ++i) {
        prefix[i] = acc;
        acc *= values[i];
    }
    acc = acc.inverse();
    for (std::size_t i = values.size(); i-- > 0;) {
        const F inv = acc * prefix[i];
        acc *= values[i];
        values[i] = inv;
    }
}

}  // namespace groth16
