// SPDX-License-Identifier: Apache-2.0
#include "dataplane/flow/flow_sources.h"

#include <rte_random.h>

#include <algorithm>
#include <bit>
#include <cstring>

#include "dataplane/flow/flow_table.h"

namespace heartgate::dataplane {

using contract::DropReason;

namespace {

constexpr auto kRelaxed = std::memory_order_relaxed;

// What kind of key it is, above the 48 bits of a MAC address and the 32 of an endpoint.
constexpr std::uint64_t kEndpointKey = 1ULL << 60U;
constexpr std::uint64_t kMacKey = 2ULL << 60U;
constexpr std::uint64_t kAddressKey = 4ULL << 60U;

}  // namespace

FlowSources::FlowSources(const FlowQuota& quota, std::uint32_t flows)
    : quota_{quota}, seed_{rte_rand() | 1U}, capacity_{std::min(flows, kMostSources) + 1} {
    const std::uint32_t buckets = std::bit_ceil(std::max(capacity_, 2U));
    shift_ = 64U - static_cast<unsigned>(std::countr_zero(buckets));
    if (!limits()) return;
    buckets_.assign(buckets, kNone);
    sources_ = std::make_unique<Source[]>(capacity_);
    for (std::uint32_t source = capacity_; --source > kShared;) {
        sources_[source].next = free_;
        free_ = source;
    }
    of_record_ = std::make_unique<std::atomic<std::uint32_t>[]>(flows);
    for (std::uint32_t record = 0; record < flows; ++record) of_record_[record].store(kNone, kRelaxed);
}

std::uint64_t FlowSources::key_of(const NewFlow& flow) const noexcept {
    if (!limits() || flow.question.from.is_appliance()) return 0;
    if (flow.decision.source_endpoint != 0) return kEndpointKey | flow.decision.source_endpoint;
    if (flow.question.from.role() == ZoneRole::kAttached) return kMacKey | flow.decision.lan_mac;
    std::uint64_t halves[2];
    std::memcpy(halves, flow.question.source.bytes.data(), sizeof halves);
    // Sources beyond the WAN that fall together share a quota: they cannot choose to, not knowing the seed.
    return kAddressKey | (((halves[0] * seed_) ^ std::rotl(halves[1] * seed_, 23)) >> 8U);
}

DropReason FlowSources::check(std::uint64_t key) const noexcept {
    if (key == 0) return DropReason::kNone;
    const std::uint32_t found = find(key);
    if (found == kNone) return DropReason::kNone;
    const Source& source = sources_[found];
    const bool full = (quota_.flows != 0 && source.flows >= quota_.flows) ||
                      (quota_.unanswered != 0 && source.unanswered.load(kRelaxed) >= quota_.unanswered);
    return full ? DropReason::kSourceQuota : DropReason::kNone;
}

void FlowSources::opened(std::uint32_t record, std::uint64_t key) noexcept {
    if (key == 0) return;
    const std::uint32_t source = find_or_add(key);
    ++sources_[source].flows;
    sources_[source].unanswered.fetch_add(1, kRelaxed);
    of_record_[record].store(source | kUnanswered, std::memory_order_release);
}

void FlowSources::answered(std::uint32_t record) noexcept {
    if (!limits()) return;
    const std::uint32_t before = of_record_[record].fetch_and(~kUnanswered, std::memory_order_acq_rel);
    if ((before & kUnanswered) != 0) sources_[before & ~kUnanswered].unanswered.fetch_sub(1, kRelaxed);
}

void FlowSources::closed(std::uint32_t record) noexcept {
    if (!limits() || of_record_[record].load(std::memory_order_acquire) == kNone) return;
    answered(record);
    const std::uint32_t source = of_record_[record].exchange(kNone, kRelaxed);
    if (--sources_[source].flows == 0 && source != kShared) remove(source);
}

std::uint32_t FlowSources::bucket_of(std::uint64_t key) const noexcept {
    std::uint64_t mixed = (key ^ seed_) * 0x9e3779b97f4a7c15ULL;
    mixed = (mixed ^ (mixed >> 32U)) * seed_;
    return static_cast<std::uint32_t>(mixed >> shift_);
}

std::uint32_t FlowSources::find(std::uint64_t key) const noexcept {
    std::uint32_t source = buckets_[bucket_of(key)];
    while (source != kNone && sources_[source].key != key) source = sources_[source].next;
    return source != kNone || free_ != kNone ? source : kShared;
}

std::uint32_t FlowSources::find_or_add(std::uint64_t key) noexcept {
    const std::uint32_t found = find(key);
    if (found != kNone) return found;
    const std::uint32_t added = free_;
    free_ = sources_[added].next;
    std::uint32_t& head = buckets_[bucket_of(key)];
    sources_[added].key = key;
    sources_[added].next = head;
    head = added;
    return added;
}

void FlowSources::remove(std::uint32_t source) noexcept {
    std::uint32_t* link = &buckets_[bucket_of(sources_[source].key)];
    while (*link != source) link = &sources_[*link].next;
    *link = sources_[source].next;
    sources_[source].next = free_;
    free_ = source;
}

}  // namespace heartgate::dataplane
