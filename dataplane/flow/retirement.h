// SPDX-License-Identifier: Apache-2.0
// What was taken out of the flow table and may still be in some worker's hands: key slots and records, in order of
// their QSBR tokens. Of fixed size; used under the flow table's lock.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/flow/flow_record.h"

namespace heartgate::dataplane {

struct Retired {
    std::uint64_t token = 0;           // of Quiescence
    std::uint32_t record = kNoRecord;  // kNoRecord: key slots only
    std::int32_t forward_slot = -1;    // of the key index, -1: none
    std::int32_t reply_slot = -1;
    bool ipv6 = false;
};

class Retirement {
public:
    // While it is full nothing more is taken out. One grace period lasts microseconds, so it bounds no rate that
    // matters.
    static constexpr std::uint32_t kCapacity = 1U << 14;

    Retirement() : ring_(kCapacity) {}

    [[nodiscard]] bool empty() const noexcept { return head_ == tail_; }
    [[nodiscard]] bool full() const noexcept { return tail_ - head_ == kCapacity; }
    [[nodiscard]] std::uint32_t size() const noexcept { return tail_ - head_; }
    [[nodiscard]] const Retired& front() const noexcept { return ring_[head_ % kCapacity]; }
    void push(const Retired& retired) noexcept { ring_[tail_++ % kCapacity] = retired; }
    void pop() noexcept { ++head_; }

private:
    std::vector<Retired> ring_;
    std::uint32_t head_ = 0;
    std::uint32_t tail_ = 0;
};

}  // namespace heartgate::dataplane
