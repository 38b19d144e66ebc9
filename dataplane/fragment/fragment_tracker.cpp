// SPDX-License-Identifier: Apache-2.0
// See the header.
#include "dataplane/fragment/fragment_tracker.h"

#include <bit>

namespace heartgate::dataplane {

using contract::DropReason;

namespace {

bool too_old(std::uint32_t since_ms, std::uint32_t now_ms) noexcept {
    return static_cast<std::int32_t>(now_ms - since_ms) >= static_cast<std::int32_t>(FragmentTracker::kLifetimeMs);
}

}  // namespace

FragmentTracker::FragmentTracker() {
    for (auto& table : tables_) table = std::make_unique<Table>();
}

FragmentTracker::Bucket& FragmentTracker::bucket(Table& table, const DatagramKey& datagram) const noexcept {
    return table.buckets[hash_(std::bit_cast<FlowKey6>(datagram)) % kBuckets];
}

std::uint16_t FragmentTracker::source_of(const DatagramKey& datagram) const noexcept {
    FlowKey6 source;
    if (datagram.zone != static_cast<std::uint8_t>(Zone::kLan)) source.source = datagram.source;
    source.vlan = datagram.vlan;
    source.zero = datagram.source_mac;
    return static_cast<std::uint16_t>(hash_(source) % kSources);
}

FragmentTracker::Entry* FragmentTracker::find(Bucket& bucket, const DatagramKey& datagram) noexcept {
    for (Entry& entry : bucket.entries) {
        if (entry.used && entry.datagram == datagram) return &entry;
    }
    return nullptr;
}

void FragmentTracker::remove(Table& table, Entry& entry) noexcept {
    table.per_source[entry.source].fetch_sub(1, std::memory_order_relaxed);
    size_.fetch_sub(1, std::memory_order_relaxed);
    entry.used = false;
}

// Free, or the oldest: datagrams that arrive at all arrive within milliseconds.
FragmentTracker::Entry& FragmentTracker::make_room(Table& table, Bucket& bucket, std::uint32_t now_ms) noexcept {
    Entry* oldest = &bucket.entries[0];
    // Signed: another worker's clock may be a little ahead.
    const auto age = [now_ms](const Entry& entry) { return static_cast<std::int32_t>(now_ms - entry.since_ms); };
    for (Entry& entry : bucket.entries) {
        if (!entry.used) return entry;
        if (age(entry) > age(*oldest)) oldest = &entry;
    }
    remove(table, *oldest);
    return *oldest;
}

DropReason FragmentTracker::begin(const DatagramKey& datagram, const FragmentRange& range, const FirstFragment& first,
                                  std::uint32_t now_ms) noexcept {
    Table& of = table(datagram);
    Bucket& in = bucket(of, datagram);
    {
        const std::scoped_lock guard{in.lock};
        Entry* known = find(in, datagram);
        if (known != nullptr && !too_old(known->since_ms, now_ms)) {
            known->spoilt = true;
            return DropReason::kFragmentOverlap;
        }
        if (known != nullptr) remove(of, *known);
        const std::uint16_t source = source_of(datagram);
        if (of.per_source[source].load(std::memory_order_relaxed) >= kMostPerSource) return DropReason::kFragmentLimit;
        Entry& entry = make_room(of, in, now_ms);
        entry = Entry{.datagram = datagram, .first = first, .ranges = {}, .since_ms = now_ms, .source = source};
        entry.ranges.add(range.begin, range.end, range.last);
        entry.used = true;
        of.per_source[source].fetch_add(1, std::memory_order_relaxed);
        size_.fetch_add(1, std::memory_order_relaxed);
    }
    epoch_.fetch_add(1, std::memory_order_release);
    return DropReason::kNone;
}

void FragmentTracker::forget(const DatagramKey& datagram) noexcept {
    Table& of = table(datagram);
    Bucket& in = bucket(of, datagram);
    const std::scoped_lock guard{in.lock};
    Entry* known = find(in, datagram);
    if (known != nullptr) remove(of, *known);
}

FragmentTracker::State FragmentTracker::find(const DatagramKey& datagram, std::uint32_t now_ms,
                                             FirstFragment& first) noexcept {
    Table& of = table(datagram);
    Bucket& in = bucket(of, datagram);
    const std::scoped_lock guard{in.lock};
    Entry* known = find(in, datagram);
    if (known == nullptr) return State::kUnknown;
    if (too_old(known->since_ms, now_ms)) {
        remove(of, *known);
        return State::kUnknown;
    }
    if (known->spoilt) return State::kSpoilt;
    first = known->first;
    return State::kKnown;
}

DropReason FragmentTracker::pass(const DatagramKey& datagram, const FragmentRange& range) noexcept {
    Table& of = table(datagram);
    Bucket& in = bucket(of, datagram);
    const std::scoped_lock guard{in.lock};
    Entry* known = find(in, datagram);
    if (known == nullptr) return DropReason::kOrphanFragment;  // another one has taken its place meanwhile
    if (known->spoilt) return DropReason::kFragmentOverlap;
    switch (known->ranges.add(range.begin, range.end, range.last)) {
        case ReceivedRanges::Added::kNew:
            if (known->ranges.complete()) remove(of, *known);
            return DropReason::kNone;
        case ReceivedRanges::Added::kOverlap:
            known->spoilt = true;
            return DropReason::kFragmentOverlap;
        case ReceivedRanges::Added::kTooManyGaps:
            break;
    }
    known->spoilt = true;
    return DropReason::kFragmentLimit;
}

void FragmentTracker::expire(std::uint32_t now_ms, unsigned most) noexcept {
    if (size() == 0) return;
    for (; most > 0; --most) {
        expire_at_ = (expire_at_ + 1) % kBuckets;
        for (auto& of : tables_) {
            Bucket& in = of->buckets[expire_at_];
            if (!in.lock.try_lock()) continue;
            for (Entry& entry : in.entries) {
                if (entry.used && too_old(entry.since_ms, now_ms)) remove(*of, entry);
            }
            in.lock.unlock();
        }
    }
}

}  // namespace heartgate::dataplane
