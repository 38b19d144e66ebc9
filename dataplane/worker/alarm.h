// SPDX-License-Identifier: Apache-2.0
// Somebody lies about who he is: from a worker to the control thread, which tells people. Lossy and limited in rate:
// the drop counters count all, security never depends on an alarm.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "dataplane/contract/drop_reason.h"
#include "dataplane/packet/address.h"
#include "dataplane/port/zone.h"
#include "dataplane/worker/counters.h"
#include "dataplane/worker/token_bucket.h"

namespace heartgate::dataplane {

struct Alarm {
    contract::DropReason reason = contract::DropReason::kNone;
    Zone zone;
    PackedMac mac = 0;    // source of the frame
    IpAddress address{};  // that it says to have; all zero: not known
};

// Producer: the worker. Consumer: the control thread.
class AlarmQueue {
public:
    static constexpr std::uint32_t kMost = 64;
    static constexpr std::uint32_t kPerSecond = 20;

    void put(const Alarm& alarm, std::uint32_t now_ms) noexcept {
        raised_.add(1);
        const std::uint32_t tail = tail_.load(std::memory_order_relaxed);
        if (!limit_.take(kPerSecond, now_ms) || tail - head_.load(std::memory_order_acquire) == kMost) {
            lost_.add(1);
            return;
        }
        alarms_[tail % kMost] = alarm;
        tail_.store(tail + 1, std::memory_order_release);
    }
    [[nodiscard]] bool take(Alarm& alarm) noexcept {
        const std::uint32_t head = head_.load(std::memory_order_relaxed);
        if (head == tail_.load(std::memory_order_acquire)) return false;
        alarm = alarms_[head % kMost];
        head_.store(head + 1, std::memory_order_release);
        return true;
    }
    // Any thread.
    [[nodiscard]] std::uint64_t raised() const noexcept { return raised_.load(); }
    [[nodiscard]] std::uint64_t lost() const noexcept { return lost_.load(); }

private:
    std::array<Alarm, kMost> alarms_{};
    TokenBucket limit_;
    Counter raised_;
    Counter lost_;
    std::atomic<std::uint32_t> tail_{0};
    alignas(64) std::atomic<std::uint32_t> head_{0};
};

}  // namespace heartgate::dataplane
