// SPDX-License-Identifier: Apache-2.0
// The flow table, shared by all workers: lock-free bulk lookups on the hit path, inserts and removals by workers under
// one lock. It owns records, NAT mappings and their ageing. Verdicts are the gate's, packets the worker stages'.
#pragma once

#include <rte_prefetch.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/concurrent/quiescence.h"
#include "dataplane/concurrent/spin_lock.h"
#include "dataplane/flow/dpdk_memory.h"
#include "dataplane/flow/flow_key.h"
#include "dataplane/flow/flow_record.h"
#include "dataplane/flow/flow_state.h"
#include "dataplane/flow/flow_timer.h"
#include "dataplane/flow/flow_view.h"
#include "dataplane/flow/key_hash.h"
#include "dataplane/flow/key_index.h"
#include "dataplane/flow/retirement.h"
#include "dataplane/nat/nat_pool.h"

namespace heartgate::dataplane {

struct FlowTableOptions {
    const char* name = "flows";           // unique in the process, at most 20 characters
    std::uint32_t ipv4_flows = 1U << 18;  // the most at a time
    std::uint32_t ipv6_flows = 1U << 16;
    unsigned workers = 1;  // numbers 0 to workers - 1, the same as in Quiescence
    FlowTimeouts timeouts;
    NatPortRange nat_ports;
    int socket = SOCKET_ID_ANY;
};

// What a miss hands in after the gate has let the packet pass.
struct NewFlow {
    Question question;  // from == kLocal: sent by Linux, never translated; to == kLocal: answers come from Linux
    Decision decision;
    std::uint16_t vlan = 0;                          // on which the initiator's packets arrive
    std::uint16_t reply_vlan = 0;                    // on which the answers arrive
    std::uint16_t next_hop = kUnknownNextHop;        // towards the responder
    std::uint16_t reply_next_hop = kUnknownNextHop;  // towards the initiator
    std::uint32_t route_epoch = 0;
    bool translate = false;  // source NAT (IPv4 TCP, UDP and ICMP echo)
    std::uint8_t tcp_flags = 0;
};

// record == nullptr: miss. Valid until the worker's next quiescent point: do not keep it with a held packet.
struct FlowRef {
    FlowRecord* record = nullptr;
    Direction direction = Direction::kForward;
};

struct InsertResult {
    FlowRef flow;  // of the packet that missed; also set if another worker was faster
    contract::DropReason reason = contract::DropReason::kNone;  // kFlowTableFull, kNoNatPort
    bool inserted = false;
};

class FlowTable {
public:
    static constexpr unsigned kMostKeys = 32;  // of one lookup

    // Reserves everything. Throws std::runtime_error with what to change, std::bad_alloc.
    FlowTable(const FlowTableOptions& options, Quiescence& quiescence);
    ~FlowTable();
    FlowTable(const FlowTable&) = delete;
    FlowTable& operator=(const FlowTable&) = delete;

    // Any thread.
    [[nodiscard]] std::uint32_t hash(const FlowKey4& key) const noexcept { return hash_(key); }
    [[nodiscard]] std::uint32_t hash(const FlowKey6& key) const noexcept { return hash_(key); }
    template <class Key>
    void hash(const Key* const keys[], std::uint32_t hashes[], unsigned count) const noexcept {
        hash_.burst(keys, hashes, count);
    }

    // Any worker between two quiescent points; lock-free. `count` <= kMostKeys. Prefetches the records that it finds.
    void lookup(const FlowKey4* const keys[], const std::uint32_t hashes[], unsigned count,
                FlowRef found[]) const noexcept {
        lookup_in(ipv4_.index, keys, hashes, count, found);
    }
    void lookup(const FlowKey6* const keys[], const std::uint32_t hashes[], unsigned count,
                FlowRef found[]) const noexcept {
        lookup_in(ipv6_.index, keys, hashes, count, found);
    }

    // A worker's miss path; takes the lock. Looks up again, so that of two workers with the same tuple the second gets
    // the first one's record. Nothing stays behind when it fails.
    [[nodiscard]] InsertResult insert(const NewFlow& flow, unsigned worker, std::uint32_t now_ms) noexcept;

    // Each worker in each loop, after its quiescent point: ends its silent flows and takes back what no worker can
    // see any more. Looks at no more than `most` flows. `now_ms` wraps and must not go back.
    void expire(unsigned worker, std::uint32_t now_ms, unsigned most) noexcept;

    // Control thread. The addresses source NAT may use, network order. Flows of a lost address end: their mappings are
    // invalid from now on, and the workers take their keys out within a few loops. False: too many (at most
    // NatPool::kMostAddresses, less those that flows still refer to); nothing changed.
    bool set_wan_addresses(const std::vector<std::uint32_t>& addresses);

    // Control thread. `reader`: a number of Quiescence that no worker has; it is online while this runs.
    [[nodiscard]] std::vector<FlowView> snapshot(const FlowFilter& filter, std::size_t limit, unsigned reader,
                                                 std::uint32_t now_ms) const;

    // Any thread.
    [[nodiscard]] std::uint32_t flows() const noexcept { return flows_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint32_t nat_mappings() const noexcept { return mappings_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }

private:
    struct Free {
        void operator()(FlowRecord* records) const noexcept;
    };
    // One per address family. Counters under the lock.
    template <class Key>
    struct Family {
        KeyIndex<Key> index;
        std::uint32_t most;
        std::uint32_t live = 0;
    };

    template <class Key>
    void lookup_in(const KeyIndex<Key>& index, const Key* const keys[], const std::uint32_t hashes[], unsigned count,
                   FlowRef found[]) const noexcept;
    template <class Key>
    InsertResult insert_into(Family<Key>& family, const NewFlow& flow, unsigned worker, std::uint32_t now_ms) noexcept;
    static void fill(FlowRecord& record, const NewFlow& flow, unsigned worker, std::uint32_t now_ms) noexcept;
    // All of these under the lock.
    template <class Key>
    contract::DropReason link(Family<Key>& family, std::uint32_t index, const NewFlow& flow, const Key& forward,
                              std::uint32_t forward_hash) noexcept;
    contract::DropReason translate(FlowRecord& record) noexcept;
    template <class Key>
    contract::DropReason make_room(Family<Key>& family, const FlowRecord& record) noexcept;
    template <class Key>
    [[nodiscard]] Retired take_out(Family<Key>& family, FlowRecord& record) noexcept;
    void unlink(std::uint32_t index, bool retire_record) noexcept;
    void retire(Retired retired) noexcept;
    void reclaim(unsigned most) noexcept;
    void sweep(unsigned most) noexcept;  // takes the lock
    [[nodiscard]] std::uint32_t take_record() noexcept;
    void give_record(std::uint32_t index) noexcept;
    void drop_record(std::uint32_t index) noexcept;

    // Milliseconds until the flow ends if it stays silent; 0: now.
    [[nodiscard]] std::uint32_t left_ms(const FlowRecord& record, std::uint32_t now_ms) const noexcept;

    Quiescence& quiescence_;
    FlowTimeouts timeouts_;
    KeyHash hash_;
    DpdkMemory memory_;
    std::uint32_t capacity_;
    std::unique_ptr<FlowRecord[], Free> records_;
    std::vector<FlowTimer> timers_;  // one per worker, touched by it alone

    SpinLock lock_;
    // Under lock_, but for lookups in the two indices.
    Family<FlowKey4> ipv4_;
    Family<FlowKey6> ipv6_;
    NatPool nat_;
    Retirement retired_;
    std::uint32_t free_ = kNoRecord;

    // Writers: under lock_. Readers: any.
    alignas(64) std::atomic<std::uint32_t> flows_{0};
    std::atomic<std::uint32_t> mappings_{0};
    std::atomic<std::uint32_t> retiring_{0};    // entries of retired_
    std::atomic<std::uint32_t> sweep_left_{0};  // records that worker 0 still checks for a lost WAN address
};

template <class Key>
void FlowTable::lookup_in(const KeyIndex<Key>& index, const Key* const keys[], const std::uint32_t hashes[],
                          unsigned count, FlowRef found[]) const noexcept {
    void* values[kMostKeys];
    const std::uint64_t hits = index.lookup(keys, hashes, count, values);
    for (unsigned i = 0; i < count; ++i) {
        if (((hits >> i) & 1U) == 0) {
            found[i] = FlowRef{};
            continue;
        }
        // The value: index of the record, direction in the lowest bit.
        const auto value = reinterpret_cast<std::uintptr_t>(values[i]);
        found[i] = FlowRef{.record = &records_[value >> 1U], .direction = static_cast<Direction>(value & 1U)};
        rte_prefetch0(found[i].record);
    }
}

}  // namespace heartgate::dataplane
