// SPDX-License-Identifier: Apache-2.0
// Number-theoretic transform over Fr and the move to the odd coset, which together give h's evaluations.
#pragma once
#include "field.hpp"
#include "parallel.hpp"

namespace groth16 {

constexpr unsigned MAX_TWO_POWER = 28;  // 2^28 divides r - 1

// The primitive 2^power-th root of unity of snarkjs: 5^((r - 1) / 2^power).
inline Fr root_of_unity(unsigned power) {
    Fr w = Fr::from(U256{{0x9bd61b6e725b19f0, 0x402d111e41112ed4, 0x00e0a7eb8ef62abc, 0x2a3c09f0a58a7e85}});
    for (unsigned i = MAX_TWO_POWER; i > power; --i) w = w.square();
    return w;
}

// factor^0 … factor^(n-1)
inline std::vector<Fr> powers(const Fr& factor, std::size_t n) {
    std::vector<Fr> out(n);
    parallel_ranges(n, [&](std::size_t begin, std::size_t end) {
        Fr p = factor.pow(U256{{begin, 0, 0, 0}});
        for (std::size_t i = begin; i < end; ++i, p *= factor) out[i] = p;
    });
    return out;
}

class Ntt {
  public:
    explicit Ntt(unsigned power)
        : power_(power),
          n_(std::size_t(1) << power),
          forward_(twiddles(root_of_unity(power))),
          backward_(twiddles(root_of_unity(power).inverse())),
          shift_(powers(root_of_unity(power + 1), n_)) {
        const Fr scale = Fr::of(n_).inverse();
        parallel_ranges(n_, [&](std::size_t begin, std::size_t end) {
            for (std::size_t i = begin; i < end; ++i) shift_[i] *= scale;
        });
    }

    // From the values at w^0, w^1, … to the values at z·w^0, z·w^1, … where z^2 = w.
    // Down with decimation in frequency and up with decimation in time: no bit reversal of the data is
    // needed.
    void to_odd_coset(std::vector<Fr>& values) const {
        const unsigned shared =
            power_ < 10 ? 0 : 5;  // levels done together; below them the blocks are independent
        for (unsigned level = power_; level > power_ - shared; --level)
            parallel_ranges(
                n_ / 2, [&](std::size_t begin, std::size_t end) { down(values.data(), level, begin, end); });
        const unsigned block_power = power_ - shared;
        parallel_for(std::size_t(1) << shared, [&](std::size_t block) {
            Fr* data = values.data() + (block << block_power);
            const std::size_t half = (std::size_t(1) << block_power) / 2;
            for (unsigned level = block_power; level > 0; --level) down(data, level, 0, half);
            const std::size_t start = block << block_power;
            for (std::size_t i = 0; i < std::size_t(1) << block_power; ++i)
                data[i] *= shift_[reverse(start + i)];
            for (unsigned level = 1; level <= block_power; ++level) up(data, level, 0, half);
        });
        for (unsigned level = block_power + 1; level <= power_; ++level)
            parallel_ranges(
                n_ / 2, [&](std::size_t begin, std::size_t end) { up(values.data(), level, begin, end); });
    }

  private:
    unsigned power_;
    std::size_t n_;
    std::vector<Fr> forward_, backward_;  // for blocks of 2h elements: w_2h^0 … w_2h^(h-1) from index h on
    std::vector<Fr> shift_;

    // A table for each level, one after the other: strides of powers of two would fall into few cache sets.
    std::vector<Fr> twiddles(const Fr& root) const {
        const std::vector<Fr> largest = powers(root, n_ / 2);
        std::vector<Fr> table(n_);
        std::copy(largest.begin(), largest.end(), table.begin() + (std::ptrdiff_t)(n_ / 2));
        for (std::size_t i = n_ / 2; i-- > 1;) table[i] = table[2 * i];
        return table;
    }

    std::size_t reverse(std::size_t i) const {
        std::size_t r = 0;
        for (unsigned b = 0; b < power_; ++b, i >>= 1) r = r << 1 | (i & 1);
        return r;
    }
    // Butterflies begin … end-1 of the level whose blocks have 2^level elements.
    void down(Fr* data, unsigned level, std::size_t begin, std::size_t end) const {
        const std::size_t half = (std::size_t(1) << level) / 2;
        for (std::size_t k = begin; k < end; ++k) {
            const std::size_t j = k & (half - 1);
            Fr &a = data[2 * k - j], &b = data[2 * k - j + half];
            const Fr difference = a - b;
            a += b;
            b = difference * backward_[half + j];
        }
    }
    void up(Fr* data, unsigned level, std::size_t begin, std::size_t end) const {
        const std::size_t half = (std::size_t(1) << level) / 2;
        for (std::size_t k = begin; k < end; ++k) {
            const std::size_t j = k & (half - 1);
            Fr &a = data[2 * k - j], &b = data[2 * k - j + half];
            const Fr product = b * forward_[half + j];
            b = a - product;
            a += product;
        }
    }
};

}  // namespace groth16
