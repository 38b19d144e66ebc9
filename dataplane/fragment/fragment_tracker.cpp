// SPDX-License-Identifier: Apache-2.0
// See the header.
#include "dataplane/fragment/fragment_tracker.h"

#include <bit>
#include <mutex>

namespace heartgate::dataplane {

using contract::DropReason;

namespace {

// Signed: another worker's clock may be a little ahead.
bool too_old(std::uint32_t since_ms, std::uint32_t now_ms) noexcept {
    return static_cast<std::int32_t>(now_ms - since_ms) >= static_cast<std::int32_t>(FragmentTracker::kLifetimeMs);
}

}  // namespace

std::size_t FragmentTracker::Hash::operator()(const DatagramKey& datagram) const noexcept {
    return (*hash)(std::bit_cast<FlowKey6>(datagram));
}

FragmentTracker::Table::Table(const KeyHash& hash)
    : index{Index::bucket_traits{buckets.data(), buckets.size()}, Hash{&hash}} {
    for (Entry& entry : entries) free.push_back(entry);
}

FragmentTracker::FragmentTracker() {
    for (auto& table : tables_) table = std::make_unique<Table>(hash_);
}

std::uint16_t FragmentTracker::source_of(const DatagramKey& datagram) const noexcept {
    FlowKey6 source;
    if (Zone::from_raw(datagram.zone).role() != ZoneRole::kAttached) source.source = datagram.source;
    source.vlan = datagram.vlan;
    source.zero = datagram.source_mac;
    return static_cast<std::uint16_t>(hash_(source) % kSources);
}

FragmentTracker::Entry* FragmentTracker::find(Table& table, const DatagramKey& datagram) const noexcept {
    const auto found = table.index.find(datagram, Hash{&hash_}, SameDatagram{});
    return found == table.index.end() ? nullptr : &*found;
}

void FragmentTracker::remove(Table& table, Entry& entry) noexcept {
    table.index.erase(table.index.iterator_to(entry));
    table.by_age.erase(table.by_age.iterator_to(entry));
    OfSource& of_source = table.of_source[entry.source];
    of_source.erase(of_source.iterator_to(entry));
    table.free.push_back(entry);
    size_.fetch_sub(1, std::memory_order_relaxed);
}

FragmentTracker::Begun FragmentTracker::begin(const DatagramKey& datagram, const FragmentRange& range,
                                              const FirstFragment& first, std::uint32_t now_ms) noexcept {
    Table& of = table(datagram);
    const std::uint16_t source = source_of(datagram);
    const std::uint16_t identification = identifications_.next();
    const std::scoped_lock guard{of.lock};
    Entry* known = find(of, datagram);
    if (known != nullptr && !too_old(known->since_ms, now_ms)) {
        known->spoilt = true;
        return {.reason = DropReason::kFragmentOverlap};
    }
    if (known != nullptr) remove(of, *known);
    OfSource& of_source = of.of_source[source];
    if (of_source.size() == kMostPerSource) {
        remove(of, of_source.front());
    } else if (of.free.empty()) {
        remove(of, of.by_age.front());
    }
    Entry& entry = of.free.front();
    of.free.pop_front();
    entry.datagram = datagram;
    entry.first = first;
    entry.ranges = {};
    entry.ranges.add(range.begin, range.end, range.last);
    entry.since_ms = now_ms;
    entry.source = source;
    entry.identification = identification;
    entry.published = false;
    entry.spoilt = false;
    of.index.insert(entry);
    of.by_age.push_back(entry);
    of_source.push_back(entry);
    size_.fetch_add(1, std::memory_order_relaxed);
    return {.identification = identification};
}

void FragmentTracker::publish(const DatagramKey& datagram) noexcept {
    Table& of = table(datagram);
    {
        const std::scoped_lock guard{of.lock};
        Entry* known = find(of, datagram);
        if (known == nullptr) return;  // others have taken its place
        known->published = true;
    }
    epoch_.fetch_add(1, std::memory_order_release);
}

void FragmentTracker::forget(const DatagramKey& datagram) noexcept {
    Table& of = table(datagram);
    const std::scoped_lock guard{of.lock};
    Entry* known = find(of, datagram);
    if (known != nullptr && !known->published) remove(of, *known);
}

FragmentTracker::Found FragmentTracker::find(const DatagramKey& datagram, std::uint32_t now_ms) noexcept {
    Table& of = table(datagram);
    const std::scoped_lock guard{of.lock};
    Entry* known = find(of, datagram);
    if (known == nullptr || !known->published) return {};
    if (too_old(known->since_ms, now_ms)) {
        remove(of, *known);
        return {};
    }
    if (known->spoilt) return {.state = State::kSpoilt, .identification = 0, .first = {}};
    return {.state = State::kKnown, .identification = known->identification, .first = known->first};
}

DropReason FragmentTracker::pass(const DatagramKey& datagram, const FragmentRange& range) noexcept {
    Table& of = table(datagram);
    const std::scoped_lock guard{of.lock};
    Entry* known = find(of, datagram);
    if (known == nullptr || !known->published) return DropReason::kOrphanFragment;
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
    for (auto& of : tables_) {
        if (!of->lock.try_lock()) continue;
        for (unsigned left = most; left > 0 && !of->by_age.empty(); --left) {
            Entry& oldest = of->by_age.front();
            if (!too_old(oldest.since_ms, now_ms)) break;
            remove(*of, oldest);
        }
        of->lock.unlock();
    }
}

}  // namespace heartgate::dataplane
