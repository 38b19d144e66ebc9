// SPDX-License-Identifier: Apache-2.0
// What one worker has counted. Writer: the worker alone; readers: anyone, at any time, without a lock.
// In every moment between two loops: rx + from_kernel + generated = tx + punted + sum of drops + held.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "dataplane/contract/drop_reason.h"

namespace heartgate::dataplane {

// A counter with one writer: a plain add, no locked instruction.
class Counter {
public:
    void add(std::uint64_t count) noexcept {
        value_.store(value_.load(std::memory_order_relaxed) + count, std::memory_order_relaxed);
    }
    void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t load() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

struct alignas(64) WorkerCounters {
    Counter rx;                     // packets from ports
    Counter from_kernel;            // packets from the exception path
    Counter generated;              // ICMP errors and TCP resets
    Counter tx;                     // packets that a port has taken
    Counter punted;                 // packets handed to the kernel
    Counter held;                   // waiting for a neighbour now
    Counter loops;                  // turns of the worker's loop
    Counter busy_cycles;            // TSC cycles in loops that moved a packet
    Counter total_cycles;           // TSC cycles since run() began, sleeps included
    Counter redecided;              // hits that were decided anew, since a word, the policy or the MAC had changed
    Counter flows_created;          // by this worker's misses
    std::array<Counter, 6> bursts;  // receptions of 1 packet, 2 to 3, 4 to 7, 8 to 15, 16 to 31, 32
    std::array<Counter, contract::kDropReasons> drops;  // by DropReason

    [[nodiscard]] const Counter& drop(contract::DropReason reason) const noexcept {
        return drops[static_cast<std::size_t>(reason)];
    }
    // `packets`: 1 to 32.
    void count_burst(unsigned packets) noexcept {
        bursts[static_cast<std::size_t>(std::bit_width(packets)) - 1].add(1);
    }
    void count_drop(contract::DropReason reason) noexcept { drops[static_cast<std::size_t>(reason)].add(1); }
    [[nodiscard]] std::uint64_t dropped() const noexcept {
        std::uint64_t sum = 0;
        for (const Counter& counter : drops) sum += counter.load();
        return sum;
    }
};

}  // namespace heartgate::dataplane
