// SPDX-License-Identifier: Apache-2.0
// Batches of applied messages that wait until every worker has acted on them, oldest first. Of fixed size; used by the
// health consumer alone.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace heartgate::dataplane {

struct AppliedBatch {
    // Enough for the messages of one poll; more latencies than that are not measured.
    static constexpr std::size_t kMostReceived = 64;

    std::uint64_t token = 0;     // of Quiescence
    std::uint64_t sequence = 0;  // last message of the health ring; 0: none
    std::array<std::uint64_t, kMostReceived> received_ns{};
    std::uint32_t received = 0;

    void clear() noexcept {
        sequence = 0;
        received = 0;
    }
    void add_received(std::uint64_t ns) noexcept {
        if (ns != 0 && received < kMostReceived) received_ns[received++] = ns;
    }
};

class AppliedQueue {
public:
    [[nodiscard]] bool empty() const noexcept { return head_ == tail_; }
    [[nodiscard]] const AppliedBatch& front() const noexcept { return batches_[head_ % kCapacity]; }
    void pop() noexcept { ++head_; }
    void clear() noexcept { head_ = tail_; }

    // When full, `batch` joins the newest one: its token is later, so it covers both.
    void push(const AppliedBatch& batch) noexcept {
        if (tail_ - head_ < kCapacity) {
            batches_[tail_++ % kCapacity] = batch;
            return;
        }
        AppliedBatch& newest = batches_[(tail_ - 1) % kCapacity];
        newest.token = batch.token;
        if (batch.sequence != 0) newest.sequence = batch.sequence;
        for (std::uint32_t i = 0; i < batch.received; ++i) newest.add_received(batch.received_ns[i]);
    }

private:
    static constexpr std::uint32_t kCapacity = 64;

    std::array<AppliedBatch, kCapacity> batches_{};
    std::uint32_t head_ = 0;
    std::uint32_t tail_ = 0;
};

}  // namespace heartgate::dataplane
