// SPDX-License-Identifier: Apache-2.0
// When to look at a flow again: one wheel per worker, with the flows that this worker inserted, touched by it alone.
// Hits do not move a flow; when its turn comes, its real end is worked out from when it was last seen, and it is put
// back if it still lives. A turn comes at least every kMostAheadMs, so that a time-out that got shorter counts soon.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/flow/flow_record.h"

namespace heartgate::dataplane {

class alignas(64) FlowTimer {
public:
    static constexpr std::uint32_t kSlotMs = 1000;
    static constexpr std::uint32_t kSlots = 64;
    static constexpr std::uint32_t kMostAheadMs = 30'000;

    FlowTimer() { heads_.fill(kNoRecord); }

    // `index` is on no timer. Its turn comes no earlier than `delay_ms` (or kMostAheadMs) from now.
    void add(FlowRecord* records, std::uint32_t index, std::uint32_t delay_ms, std::uint32_t now_ms) noexcept {
        start(now_ms);
        const std::uint32_t wait = now_ms - slot_ms_ + (delay_ms < kMostAheadMs ? delay_ms : kMostAheadMs);
        std::uint32_t ahead = wait / kSlotMs + 1;
        if (ahead >= kSlots) ahead = kSlots - 1;  // this worker is far behind
        std::uint32_t& head = heads_[(slot_ + ahead) % kSlots];
        records[index].next_ = head;
        head = index;
    }

    // A flow whose turn has come, taken off the timer, or kNoRecord.
    [[nodiscard]] std::uint32_t pop(FlowRecord* records, std::uint32_t now_ms) noexcept {
        start(now_ms);
        while (heads_[slot_] == kNoRecord) {
            if (now_ms - slot_ms_ < kSlotMs) return kNoRecord;
            slot_ = (slot_ + 1) % kSlots;
            slot_ms_ += kSlotMs;
        }
        const std::uint32_t index = heads_[slot_];
        heads_[slot_] = records[index].next_;
        if (heads_[slot_] != kNoRecord) __builtin_prefetch(&records[heads_[slot_]]);
        return index;
    }

private:
    void start(std::uint32_t now_ms) noexcept {
        if (started_) return;
        started_ = true;
        slot_ms_ = now_ms;
    }

    std::array<std::uint32_t, kSlots> heads_;
    std::uint32_t slot_ = 0;     // whose turn it is
    std::uint32_t slot_ms_ = 0;  // when its turn began
    bool started_ = false;
};

}  // namespace heartgate::dataplane
