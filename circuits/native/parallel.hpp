// SPDX-License-Identifier: Apache-2.0
// A loop over independent tasks on every core that this process may use.
#pragma once
#include <sched.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace groth16 {

inline unsigned usable_cores() {
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) return (unsigned)CPU_COUNT(&set);
    return 1;
}

// Calls task(0) … task(count - 1), each once, in no particular order; the first exception is thrown on.
template <class Task>
void parallel_for(std::size_t count, const Task& task) {
    std::atomic<std::size_t> next{0};
    std::exception_ptr failure;
    std::mutex failure_lock;
    const auto work = [&] {
        try {
            for (std::size_t i; (i = next++) < count;) task(i);
        } catch (...) {
            const std::lock_guard<std::mutex> guard(failure_lock);
            if (!failure) failure = std::current_exception();
            next = count;
        }
    };
    static const unsigned cores = usable_cores();
    std::vector<std::thread> helpers;
    for (unsigned i = 1; i < cores && i < count; ++i) helpers.emplace_back(work);
    work();
    for (std::thread& helper : helpers) helper.join();
    if (failure) std::rethrow_exception(failure);
}

// Splits [0, size) into pieces, a few per core so that slow ones even out, and calls piece(begin, end).
template <class Piece>
void parallel_ranges(std::size_t size, const Piece& piece, std::size_t smallest = 1024) {
    static const unsigned cores = usable_cores();
    const std::size_t pieces = std::max<std::size_t>(1, std::min<std::size_t>(size / smallest, 4 * cores));
    parallel_for(pieces, [&](std::size_t i) { piece(size * i / pieces, size * (i + 1) / pieces); });
}

}  // namespace groth16
