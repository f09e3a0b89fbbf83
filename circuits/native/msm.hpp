// SPDX-License-Identifier: Apache-2.0
// Multi-scalar multiplication by Pippenger's buckets. Each window is a task of its own; within it the points
// are sorted by bucket and every bucket is summed as a tree of affine additions that share their inversions.
#pragma once
#include <algorithm>
#include <array>
#include <functional>

#include "batch_add.hpp"
#include "digits.hpp"
#include "parallel.hpp"

namespace groth16 {

struct Task {
    double cost;
    std::function<void()> run;
};

// Largest first, so that the cores finish together.
inline void run_all(std::vector<Task>& tasks) {
    std::stable_sort(tasks.begin(), tasks.end(),
                     [](const Task& a, const Task& b) { return a.cost > b.cost; });
    parallel_for(tasks.size(), [&](std::size_t i) { tasks[i].run(); });
}

// Sum of scalars[i]·P_i, the points as a file holds them. Use: prepare(), the tasks of add_tasks(), result().
template <class F>
class Msm {
  public:
    Msm(const u8* points, const SignedScalar* scalars, std::size_t count)
        : points_(points), scalars_(scalars), count_(count) {}

    void prepare() {
        std::array<std::size_t, 257> lengths{};
        for (std::size_t i = 0; i < count_; ++i) {
            const unsigned length = scalars_[i].magnitude.bit_length();
            if (length == 0 || point(i).is_infinity()) continue;
            active_.push_back((u32)i);
            ++lengths[length];
        }
        for (std::size_t bits = 256; bits-- > 0;)
            lengths[bits] += lengths[bits + 1];  // now: at least that long
        windows_ = Windows(best_width(lengths));
        prepared_.reserve(active_.size());
        for (u32 i : active_) prepared_.push_back(windows_.prepare(scalars_[i].magnitude));
        sums_.assign(windows_.count(), Xyzz<F>::infinity());
        busy_.clear();
        for (unsigned w = 0; w < windows_.count(); ++w)
            busy_.push_back(lengths[lowest_length(windows_.width(), w)]);
    }
    void add_tasks(std::vector<Task>& tasks) {
        const double weight = sizeof(F) == sizeof(Fq) ? 1 : 3;
        for (unsigned w = 0; w < windows_.count(); ++w)
            if (busy_[w])
                tasks.push_back(
                    {weight * window_cost(busy_[w], windows_.width()), [this, w] { run_window(w); }});
    }
    Xyzz<F> result() const {
        Xyzz<F> acc = Xyzz<F>::infinity();
        for (unsigned w = windows_.count(); w-- > 0;) {
            for (unsigned i = 0; i < windows_.width(); ++i) acc = acc.twice();
            acc = acc + sums_[w];
        }
        return acc;
    }

  private:
    static constexpr std::size_t CHUNK =
        4096;  // points summed at a time: their working set stays in the second-level cache
    static constexpr std::size_t AHEAD = 16;  // points to fetch early: they lie all over the file
    static constexpr u32 NEGATIVE = 1u << 31;

    const u8* points_;
    const SignedScalar* scalars_;
    std::size_t count_;
    std::vector<u32> active_;  // indices with a scalar other than 0 and a point other than infinity
    std::vector<U256> prepared_;
    std::vector<std::size_t> busy_;  // per window: about how many digits are not 0
    std::vector<Xyzz<F>> sums_;
    Windows windows_{8};

    Affine<F> point(std::size_t i) const { return Affine<F>::load(points_ + i * Affine<F>::BYTES); }

    // A digit of window w can differ from 0 only for magnitudes of at least this many bits: the windows below
    // hold, from a width of 4 on, any value below 7/15·2^(w·width), and so any of w·width - 2 bits.
    static std::size_t lowest_length(unsigned width, unsigned window) {
        return window == 0 ? 1 : window * width - 1;
    }

    // A point spans one cache line more than its size, for files do not align it.
    static void fetch_early(const u8* p) {
        for (std::size_t offset = 0; offset < Affine<F>::BYTES; offset += 64) __builtin_prefetch(p + offset);
        __builtin_prefetch(p + Affine<F>::BYTES - 1);
    }

    // In multiplications: 6 for an addition with shared inversion, 10 and 14 for the two per bucket.
    static double window_cost(std::size_t points, unsigned width) {
        const double buckets = double(std::size_t(1) << (width - 1));
        return 6.0 * double(points) + 14.0 * buckets + 10.0 * std::min(buckets, double(points));
    }
    static unsigned best_width(const std::array<std::size_t, 257>& at_least) {
        unsigned best = 4;
        double best_cost = 1e300;
        for (unsigned width = 4; width <= 16; ++width) {
            double cost = 0;
            for (unsigned w = 0; w < Windows(width).count(); ++w)
                if (const std::size_t n = at_least[lowest_length(width, w)]) cost += window_cost(n, width);
            if (cost < best_cost) best = width, best_cost = cost;
        }
        return best;
    }

    struct Run {
        std::size_t bucket, length;
    };

    // Shrinks each run of `points` to its sum: `points` then holds one element per run.
    static void sum_runs(std::vector<Affine<F>>& points, std::vector<Run>& runs, BatchAdder<F>& adder) {
        for (bool more = true; more;) {
            more = false;
            std::size_t from = 0, to = 0;
            for (Run& run : runs) {
                const std::size_t pairs = run.length / 2;
                for (std::size_t k = 0; k < pairs; ++k)
                    adder.sums.push_back({&points[from + 2 * k], &points[from + 2 * k + 1], &points[to + k]});
                // A point left over moves by adding infinity, in its turn among the sums.
                if (run.length % 2)
                    adder.sums.push_back({&points[from + 2 * pairs], &nothing(), &points[to + pairs]});
                from += run.length;
                run.length = pairs + run.length % 2;
                to += run.length;
                more |= run.length > 1;
            }
            adder.run();
        }
    }
    static const Affine<F>& nothing() {
        static const Affine<F> infinity{};
        return infinity;
    }

    void run_window(unsigned window) {
        const std::size_t buckets = windows_.largest_digit();
        const auto signed_digit = [&](std::size_t i) {
            const std::int32_t digit = windows_.digit(prepared_[i], window);
            return scalars_[active_[i]].negative ? -digit : digit;
        };
        std::vector<std::size_t> ends(buckets + 2, 0);
        std::vector<std::int32_t> digits(active_.size());
        for (std::size_t i = 0; i < active_.size(); ++i) {
            digits[i] = signed_digit(i);
            ++ends[(std::size_t)std::abs(digits[i]) + 1];
        }
        for (std::size_t b = 1; b < ends.size(); ++b) ends[b] += ends[b - 1];
        std::vector<u32> sorted(active_.size());  // points by bucket, the sign of the digit on top
        for (std::size_t i = 0; i < digits.size(); ++i)
            sorted[ends[(std::size_t)std::abs(digits[i])]++] = active_[i] | (digits[i] < 0 ? NEGATIVE : 0);

        std::vector<Affine<F>> bucket_sums(buckets + 1), chunk;
        std::vector<Run> runs;
        BatchAdder<F> adder;
        // Bucket 0 is left out. A chunk's last run may go on in the next chunk: its sum is carried over as a
        // first point.
        std::size_t bucket = 0;
        for (std::size_t next = ends[0]; next < sorted.size();) {
            for (; next < sorted.size() && chunk.size() < CHUNK; ++next) {
                if (next + AHEAD < sorted.size())
                    fetch_early(points_ + (sorted[next + AHEAD] & ~NEGATIVE) * Affine<F>::BYTES);
                while (next >= ends[bucket]) ++bucket;
                if (runs.empty() || runs.back().bucket != bucket) runs.push_back({bucket, 0});
                ++runs.back().length;
                const Affine<F> p = point(sorted[next] & ~NEGATIVE);
                chunk.push_back(sorted[next] & NEGATIVE ? -p : p);
            }
            sum_runs(chunk, runs, adder);
            for (std::size_t i = 0; i < runs.size(); ++i) bucket_sums[runs[i].bucket] = chunk[i];
            chunk.assign(1, bucket_sums[bucket]);
            runs.assign(1, {bucket, 1});
        }

        Xyzz<F> running = Xyzz<F>::infinity(), total = Xyzz<F>::infinity();
        for (std::size_t b = buckets; b > 0; --b) {
            running = running + bucket_sums[b];
            total = total + running;
        }
        sums_[window] = total;
    }
};

}  // namespace groth16
