// SPDX-License-Identifier: Apache-2.0
// Many multiples of one point: a table of the digits of every window, then one affine addition per window and
// scalar.
#pragma once
#include "batch_add.hpp"
#include "digits.hpp"
#include "parallel.hpp"

namespace groth16 {

template <class F>
class FixedBase {
  public:
    explicit FixedBase(const Affine<F>& base) : tables_(windows_.count()) {
        std::vector<Affine<F>> firsts;
        Xyzz<F> shifted = Xyzz<F>::of(base);
        for (unsigned w = 0; w < windows_.count(); ++w) {
            firsts.push_back(shifted.to_affine());
            for (unsigned i = 0; i < windows_.width(); ++i) shifted = shifted.twice();
        }
        parallel_for(tables_.size(),
                     [&](std::size_t w) { tables_[w] = multiples(firsts[w], windows_.largest_digit()); });
    }

    // out[i] = scalars[i]·base, written as a zkey file holds points.
    void multiply(const std::vector<Fr>& scalars, u8* out) const {
        parallel_ranges(scalars.size(), [&](std::size_t begin, std::size_t end) {
            for (std::size_t at = begin; at < end; at += BATCH)
                some(scalars, at, std::min(end, at + BATCH), out);
        });
    }
    Affine<F> multiply(const Fr& scalar) const {
        u8 bytes[Affine<F>::BYTES];
        some({scalar}, 0, 1, bytes);
        return Affine<F>::load(bytes);
    }

  private:
    static constexpr std::size_t BATCH = 1024;

    Windows windows_{13};
    std::vector<std::vector<Affine<F>>> tables_;  // tables_[w][d] = d·2^(13w)·base, d from 0

    static std::vector<Affine<F>> multiples(const Affine<F>& first, std::size_t largest) {
        std::vector<Affine<F>> table(largest + 1);
        table[1] = first;
        BatchAdder<F> adder;
        for (std::size_t known = 1; known < largest; known *= 2) {
            for (std::size_t d = 1; d <= known; ++d)
                adder.sums.push_back({&table[known], &table[d], &table[known + d]});
            adder.run();
        }
        return table;
    }
    void some(const std::vector<Fr>& scalars, std::size_t begin, std::size_t end, u8* out) const {
        const std::size_t n = end - begin;
        std::vector<Affine<F>> acc(n), addend(n);
        std::vector<U256> prepared(n);
        std::vector<bool> negative(n);
        for (std::size_t i = 0; i < n; ++i) {
            const SignedScalar s = SignedScalar::of(scalars[begin + i].to_integer());
            prepared[i] = windows_.prepare(s.magnitude);
            negative[i] = s.negative;
        }
        BatchAdder<F> adder;
        for (unsigned w = 0; w < windows_.count(); ++w) {
            for (std::size_t i = 0; i < n; ++i) {
                const std::int32_t d = windows_.digit(prepared[i], w);
                const Affine<F>& p = tables_[w][(std::size_t)std::abs(d)];
                addend[i] = (d < 0) != negative[i] ? -p : p;
                adder.sums.push_back({&acc[i], &addend[i], &acc[i]});
            }
            adder.run();
        }
        for (std::size_t i = 0; i < n; ++i) acc[i].store(out + (begin + i) * Affine<F>::BYTES);
    }
};

}  // namespace groth16
