// SPDX-License-Identifier: Apache-2.0
// How many flows each machine holds, and how many of them nobody has answered yet: one machine must not fill the table
// with either. Beside the records, so that a hit touches nothing of it.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/contract/drop_reason.h"

namespace heartgate::dataplane {

struct NewFlow;

// Of one source; 0: no limit.
struct FlowQuota {
    std::uint32_t flows = 0;
    std::uint32_t unanswered = 0;  // TCP: half-open
};

class FlowSources {
public:
    // `flows`: the table's capacity. Throws std::bad_alloc.
    FlowSources(const FlowQuota& quota, std::uint32_t flows);

    // All but answered() under the flow table's lock.
    // The endpoint; without one the MAC address, from the WAN the address. 0: Linux, which is not limited.
    [[nodiscard]] std::uint64_t key_of(const NewFlow& flow) const noexcept;
    [[nodiscard]] contract::DropReason check(std::uint64_t key) const noexcept;
    void opened(std::uint32_t record, std::uint64_t key) noexcept;
    void closed(std::uint32_t record) noexcept;  // no worker sees it any more; nothing if it was not opened

    // Any worker that holds the record. The first answer has come; further calls do nothing.
    void answered(std::uint32_t record) noexcept;

private:
    static constexpr std::uint32_t kMostSources = 1U << 16;  // those beyond share the first entry
    static constexpr std::uint32_t kNone = 0x7fff'ffff;
    static constexpr std::uint32_t kUnanswered = 0x8000'0000;
    static constexpr std::uint32_t kShared = 0;

    struct Source {
        std::uint64_t key = 0;
        std::uint32_t flows = 0;
        std::atomic<std::uint32_t> unanswered{0};
        std::uint32_t next = kNone;  // of the same bucket, or free
    };

    [[nodiscard]] bool limits() const noexcept { return quota_.flows != 0 || quota_.unanswered != 0; }
    [[nodiscard]] std::uint32_t bucket_of(std::uint64_t key) const noexcept;
    [[nodiscard]] std::uint32_t find(std::uint64_t key) const noexcept;
    [[nodiscard]] std::uint32_t find_or_add(std::uint64_t key) noexcept;
    void remove(std::uint32_t source) noexcept;

    FlowQuota quota_;
    std::uint64_t seed_;
    std::uint32_t capacity_;
    unsigned shift_;
    std::vector<std::uint32_t> buckets_;
    std::unique_ptr<Source[]> sources_;
    std::unique_ptr<std::atomic<std::uint32_t>[]> of_record_;  // source, with kUnanswered; kNone
    std::uint32_t free_ = kNone;
};

}  // namespace heartgate::dataplane
