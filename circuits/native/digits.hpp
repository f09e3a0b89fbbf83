// SPDX-License-Identifier: Apache-2.0
// Scalars cut into signed windows, for Pippenger's buckets and for fixed-base tables.
#pragma once
#include "field.hpp"

namespace groth16 {

// A scalar as sign and magnitude below 2^253, so that small negative values stay as cheap as small ones.
struct SignedScalar {
    U256 magnitude;
    bool negative = false;

    static SignedScalar of(const U256& v) {
        const U256 r = Fr::modulus();
        U256 opposite;
        u64 borrow = 0;
        for (int i = 0; i < 4; ++i) opposite.l[i] = limbs::sub_borrow(r.l[i], v.l[i], borrow);
        return opposite < v ? SignedScalar{opposite, true} : SignedScalar{v, false};
    }
};

// Windows of `width` bits with digits in [-2^(width-1), 2^(width-1)]. Adding half a window everywhere below
// the top one up front makes every digit readable by itself, without a carry from the windows below.
class Windows {
  public:
    explicit Windows(unsigned width) : width_(width), count_(253 / width + 1) {
        for (unsigned w = 0; w + 1 < count_; ++w) {
            const unsigned bit = w * width_ + width_ - 1;
            offset_.l[bit / 64] |= u64(1) << (bit % 64);
        }
    }
    unsigned width() const { return width_; }
    unsigned count() const { return count_; }
    std::size_t largest_digit() const { return std::size_t(1) << (width_ - 1); }

    U256 prepare(const U256& magnitude) const {
        U256 out;
        u64 carry = 0;
        for (int i = 0; i < 4; ++i) out.l[i] = limbs::add_carry(magnitude.l[i], offset_.l[i], carry);
        return out;
    }
    // `prepared` comes from prepare().
    std::int32_t digit(const U256& prepared, unsigned window) const {
        const unsigned bit = window * width_, limb = bit / 64, shift = bit % 64;
        u64 v = prepared.l[limb] >> shift;
        if (shift + width_ > 64 && limb < 3) v |= prepared.l[limb + 1] << (64 - shift);
        v &= (u64(1) << width_) - 1;
        return (std::int32_t)v - (window + 1 < count_ ? (std::int32_t)largest_digit() : 0);
    }

  private:
    unsigned width_, count_;
    U256 offset_;
};

}  // namespace groth16
