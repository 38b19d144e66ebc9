// SPDX-License-Identifier: Apache-2.0
// Which datagrams are on their way in fragments, shared by all workers: what the first fragment's header said, so that
// the later ones, which have none, go by the same flow (RFC 4787 REQ-14). Holds no packets and no verdicts: fragments
// that come before their first one wait in their worker's queue, and each asks the flow for itself.
// Bounded in memory, per source, and in time. Fragments leave the hit path before they get here, so a lock may be
// taken.
#pragma once

#include <array>
#include <atomic>
#include <boost/intrusive/list.hpp>
#include <boost/intrusive/unordered_set.hpp>
#include <cstdint>
#include <memory>

#include "dataplane/concurrent/spin_lock.h"
#include "dataplane/contract/drop_reason.h"
#include "dataplane/flow/flow_key.h"
#include "dataplane/flow/key_hash.h"
#include "dataplane/fragment/identification.h"
#include "dataplane/fragment/received_ranges.h"
#include "dataplane/port/zone.h"

namespace heartgate::dataplane {

// What the fragments of one datagram have in common (RFC 791, 3.2; RFC 8200, 4.5), and where they come from: nobody
// spoils another machine's datagrams.
struct alignas(16) DatagramKey {
    std::array<std::uint8_t, 16> source{};
    std::array<std::uint8_t, 16> destination{};
    std::uint32_t identification = 0;
    std::uint8_t protocol = 0;  // IPv6: 0
    std::uint8_t zone = 0;      // Zone::raw()
    std::uint16_t vlan = 0;
    std::uint64_t source_mac = 0;

    friend bool operator==(const DatagramKey&, const DatagramKey&) = default;
};
static_assert(sizeof(DatagramKey) == sizeof(FlowKey6) && std::has_unique_object_representations_v<DatagramKey>);

// Bytes [begin, end) of the datagram's payload.
struct FragmentRange {
    std::uint16_t begin = 0;
    std::uint16_t end = 0;
    bool last = false;
};

// What only the first fragment has.
struct FirstFragment {
    FlowKey6 key6;  // the flow's key, of the datagram's family
    FlowKey4 key4;
    std::uint16_t source_port = 0;       // as in PacketMeta
    std::uint16_t destination_port = 0;  // as in PacketMeta
    std::uint8_t protocol = 0;
    bool has_key = false;  // of a protocol that has ports, or echo
};

class FragmentTracker {
public:
    static constexpr std::uint32_t kDatagrams = 4096;  // per zone they come from
    static constexpr std::uint32_t kMostPerSource = 256;
    static constexpr std::uint32_t kLifetimeMs = 30'000;

    // Throws std::bad_alloc, std::runtime_error (see KeyHash).
    FragmentTracker();

    // Any worker.
    // For a datagram that the appliance itself takes apart.
    [[nodiscard]] std::uint16_t identification() noexcept { return identifications_.next(); }
    struct Begun {
        contract::DropReason reason = contract::DropReason::kNone;
        std::uint16_t identification = 0;  // of the appliance's own, for all fragments of the datagram; network order
    };
    // A first fragment, before its verdict: kNone, or kFragmentOverlap (there was one already). Where there is no room
    // the oldest datagram of its source goes, or the oldest of all. The later fragments wait until publish(), by which
    // time the flow exists, or forget(): it did not pass (an outsider's forged one must not stand in the way of the
    // right one), or waits for a neighbour and will come again.
    [[nodiscard]] Begun begin(const DatagramKey& datagram, const FragmentRange& range, const FirstFragment& first,
                              std::uint32_t now_ms) noexcept;
    void publish(const DatagramKey& datagram) noexcept;
    void forget(const DatagramKey& datagram) noexcept;

    enum class State : std::uint8_t { kUnknown, kKnown, kSpoilt };
    struct Found {
        State state = State::kUnknown;
        std::uint16_t identification = 0;  // if kKnown, as are the fields below
        FirstFragment first;
    };
    // What is known of a later fragment's datagram.
    [[nodiscard]] Found find(const DatagramKey& datagram, std::uint32_t now_ms) noexcept;
    // A later fragment passes now: kNone, kFragmentOverlap, kFragmentLimit (too many gaps), kOrphanFragment (forgotten
    // since it was found). Forgets complete datagrams.
    [[nodiscard]] contract::DropReason pass(const DatagramKey& datagram, const FragmentRange& range) noexcept;

    // Grows with every publish(): time to look at what waits.
    [[nodiscard]] std::uint32_t epoch() const noexcept { return epoch_.load(std::memory_order_acquire); }

    // One worker in each loop: forgets what is too old, no more than `most` datagrams from inside and from the WAN.
    void expire(std::uint32_t now_ms, unsigned most) noexcept;

    [[nodiscard]] std::uint32_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

private:
    static constexpr std::uint32_t kSources = 4096;  // classes of sources that share a bound

    using Plain = boost::intrusive::link_mode<boost::intrusive::normal_link>;
    using ListHook = boost::intrusive::list_member_hook<Plain>;
    using IndexHook = boost::intrusive::unordered_set_member_hook<Plain>;
    struct Entry {
        DatagramKey datagram;
        FirstFragment first;
        ReceivedRanges ranges;
        std::uint32_t since_ms = 0;
        std::uint16_t source = 0;
        std::uint16_t identification = 0;
        bool published = false;
        bool spoilt = false;
        IndexHook in_index;
        ListHook in_age;  // or in the list of free ones
        ListHook in_source;
    };
    struct Hash {
        const KeyHash* hash;
        std::size_t operator()(const DatagramKey& datagram) const noexcept;
        std::size_t operator()(const Entry& entry) const noexcept { return (*this)(entry.datagram); }
    };
    struct SameDatagram {
        bool operator()(const DatagramKey& a, const Entry& b) const noexcept { return a == b.datagram; }
        bool operator()(const Entry& a, const Entry& b) const noexcept { return a.datagram == b.datagram; }
    };
    // Oldest first.
    using ByAge = boost::intrusive::list<Entry, boost::intrusive::member_hook<Entry, ListHook, &Entry::in_age>>;
    using OfSource = boost::intrusive::list<Entry, boost::intrusive::member_hook<Entry, ListHook, &Entry::in_source>>;
    using Index =
        boost::intrusive::unordered_set<Entry, boost::intrusive::member_hook<Entry, IndexHook, &Entry::in_index>,
                                        boost::intrusive::hash<Hash>, boost::intrusive::equal<SameDatagram>,
                                        boost::intrusive::power_2_buckets<true>>;
    // All of it under `lock`.
    struct Table {
        explicit Table(const KeyHash& hash);

        SpinLock lock;
        std::array<Entry, kDatagrams> entries;
        std::array<Index::bucket_type, kDatagrams> buckets;
        Index index;
        ByAge by_age;
        ByAge free;
        std::array<OfSource, kSources> of_source;
    };

    [[nodiscard]] Table& table(const DatagramKey& datagram) noexcept {
        return *tables_[Zone::from_raw(datagram.zone).is_inside() ? 0 : 1];
    }
    // In an attached zone a machine, whatever addresses it has; elsewhere an address.
    [[nodiscard]] std::uint16_t source_of(const DatagramKey& datagram) const noexcept;
    // Both under the table's lock.
    [[nodiscard]] Entry* find(Table& table, const DatagramKey& datagram) const noexcept;
    void remove(Table& table, Entry& entry) noexcept;

    KeyHash hash_;
    Identifications identifications_{hash_};
    std::array<std::unique_ptr<Table>, 2> tables_;  // inside, WAN
    std::atomic<std::uint32_t> epoch_{0};
    std::atomic<std::uint32_t> size_{0};
};

}  // namespace heartgate::dataplane
