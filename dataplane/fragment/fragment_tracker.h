// SPDX-License-Identifier: Apache-2.0
// Which datagrams are on their way in fragments, shared by all workers: what the first fragment's header said, so that
// the later ones, which have none, go by the same flow (RFC 4787 REQ-14). Holds no packets and no verdicts: fragments
// that come before their first one wait in their worker's queue, and each asks the flow for itself.
// Bounded in memory, per source, and in time. Fragments leave the hit path before they get here, so a lock may be
// taken.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>

#include "dataplane/concurrent/spin_lock.h"
#include "dataplane/contract/drop_reason.h"
#include "dataplane/flow/flow_key.h"
#include "dataplane/flow/key_hash.h"
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
    std::uint8_t zone = 0;
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
    // A first fragment: kNone, kFragmentOverlap (there was one already), kFragmentLimit (of its source).
    [[nodiscard]] contract::DropReason begin(const DatagramKey& datagram, const FragmentRange& range,
                                             const FirstFragment& first, std::uint32_t now_ms) noexcept;
    // begin() is undone: the first fragment waits for a neighbour and will come again.
    void forget(const DatagramKey& datagram) noexcept;

    enum class State : std::uint8_t { kUnknown, kKnown, kSpoilt };
    // What is known of a later fragment's datagram; fills `first` if kKnown.
    [[nodiscard]] State find(const DatagramKey& datagram, std::uint32_t now_ms, FirstFragment& first) noexcept;
    // A later fragment passes now: kNone, kFragmentOverlap, kFragmentLimit (too many gaps). Forgets complete datagrams.
    [[nodiscard]] contract::DropReason pass(const DatagramKey& datagram, const FragmentRange& range) noexcept;

    // Grows with every first fragment: time to look at what waits.
    [[nodiscard]] std::uint32_t epoch() const noexcept { return epoch_.load(std::memory_order_acquire); }

    // One worker in each loop: forgets what is too old, looking at no more than `most` places of each zone.
    void expire(std::uint32_t now_ms, unsigned most) noexcept;

    [[nodiscard]] std::uint32_t size() const noexcept { return size_.load(std::memory_order_relaxed); }

private:
    static constexpr unsigned kWays = 4;
    static constexpr std::uint32_t kBuckets = kDatagrams / kWays;
    static constexpr std::uint32_t kSources = 4096;  // classes of sources that share a bound

    struct Entry {
        DatagramKey datagram;
        FirstFragment first;
        ReceivedRanges ranges;
        std::uint32_t since_ms = 0;
        std::uint16_t source = 0;
        bool used = false;
        bool spoilt = false;
    };
    struct Bucket {
        SpinLock lock;
        std::array<Entry, kWays> entries;  // under lock
    };
    struct Table {
        std::array<Bucket, kBuckets> buckets;
        std::array<std::atomic<std::uint16_t>, kSources> per_source{};
    };

    [[nodiscard]] Table& table(const DatagramKey& datagram) noexcept { return *tables_[datagram.zone % kPorts]; }
    [[nodiscard]] Bucket& bucket(Table& table, const DatagramKey& datagram) const noexcept;
    // On the LAN a machine, whatever addresses it has; on the WAN an address.
    [[nodiscard]] std::uint16_t source_of(const DatagramKey& datagram) const noexcept;
    // All of these under the bucket's lock.
    [[nodiscard]] static Entry* find(Bucket& bucket, const DatagramKey& datagram) noexcept;
    void remove(Table& table, Entry& entry) noexcept;
    [[nodiscard]] Entry& make_room(Table& table, Bucket& bucket, std::uint32_t now_ms) noexcept;

    KeyHash hash_;
    std::array<std::unique_ptr<Table>, kPorts> tables_;
    std::atomic<std::uint32_t> epoch_{0};
    std::atomic<std::uint32_t> size_{0};
    std::uint32_t expire_at_ = 0;  // bucket; of the worker that expires
};

}  // namespace heartgate::dataplane
