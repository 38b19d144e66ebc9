// SPDX-License-Identifier: Apache-2.0
// A spin lock for the few short sections that workers share (std::scoped_lock works with it). rte_spinlock is inline
// assembly on x86, which thread sanitizers cannot see through; this is the same in C++ atomics.
#pragma once

#include <rte_pause.h>

#include <atomic>

namespace heartgate::dataplane {

class alignas(64) SpinLock {
public:
    void lock() noexcept {
        while (locked_.exchange(true, std::memory_order_acquire)) {
            while (locked_.load(std::memory_order_relaxed)) rte_pause();
        }
    }
    bool try_lock() noexcept {
        return !locked_.load(std::memory_order_relaxed) && !locked_.exchange(true, std::memory_order_acquire);
    }
    void unlock() noexcept { locked_.store(false, std::memory_order_release); }

private:
    std::atomic<bool> locked_{false};
};

}  // namespace heartgate::dataplane
