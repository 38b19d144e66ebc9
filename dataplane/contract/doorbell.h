// SPDX-License-Identifier: Apache-2.0
// Wakes a sleeping worker from another thread or process: a futex in shared memory, 4 us instead of the rest of a
// sleep. Whoever has put something into a ring rings; as long as the worker is awake that is one locked add.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <climits>
#include <cstdint>
#include <ctime>

namespace heartgate::contract {

class alignas(64) Doorbell {
public:
    // After what is to be found has been put where the worker looks. Any thread of any process.
    void ring() noexcept {
        rings_.fetch_add(1, std::memory_order_seq_cst);
        if (waiting_.load(std::memory_order_seq_cst) != 0) {
            syscall(SYS_futex, address(), FUTEX_WAKE, INT_MAX, nullptr, nullptr, 0);
        }
    }

    // The worker, before it looks.
    [[nodiscard]] std::uint32_t heard() const noexcept { return rings_.load(std::memory_order_acquire); }
    // The worker, when it has found nothing: sleeps unless the bell has rung since `heard`, until it rings or the time
    // is over. True if it rang.
    bool wait(std::uint32_t heard, std::uint32_t microseconds) noexcept {
        const timespec length{.tv_sec = microseconds / 1'000'000,
                              .tv_nsec = static_cast<long>(microseconds % 1'000'000) * 1000};
        waiting_.store(1, std::memory_order_seq_cst);
        syscall(SYS_futex, address(), FUTEX_WAIT, heard, &length, nullptr, 0);  // a signal may end it early
        waiting_.store(0, std::memory_order_relaxed);
        return rings_.load(std::memory_order_acquire) != heard;
    }

private:
    std::uint32_t* address() noexcept { return reinterpret_cast<std::uint32_t*>(&rings_); }

    std::atomic<std::uint32_t> rings_{0};
    std::atomic<std::uint32_t> waiting_{0};  // writer: the worker
};
static_assert(sizeof(std::atomic<std::uint32_t>) == sizeof(std::uint32_t));

// At most this many workers, as the configuration allows.
inline constexpr std::uint32_t kDoorbells = 64;

}  // namespace heartgate::contract
