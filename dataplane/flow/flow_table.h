// SPDX-License-Identifier: Apache-2.0
// The flow table, shared by all workers: lock-free bulk lookups on the hit path, inserts and removals by workers under
// one lock. It owns records, NAT mappings and their ageing. Verdicts are the gate's, packets the worker stages'.
#pragma once

#include <rte_prefetch.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <type_traits>
#include <vector>

#include "dataplane/concurrent/quiescence.h"
#include "dataplane/concurrent/spin_lock.h"
#include "dataplane/flow/dpdk_memory.h"
#include "dataplane/flow/flow_key.h"
#include "dataplane/flow/flow_record.h"
#include "dataplane/flow/flow_sources.h"
#include "dataplane/flow/flow_state.h"
#include "dataplane/flow/flow_timer.h"
#include "dataplane/flow/flow_view.h"
#include "dataplane/flow/key_hash.h"
#include "dataplane/flow/key_index.h"
#include "dataplane/flow/retirement.h"
#include "dataplane/nat/nat_pool.h"

namespace heartgate::dataplane {

struct FlowTableOptions {
    std::uint32_t ipv4_flows = 1U << 18;  // the most at a time
    std::uint32_t ipv6_flows = 1U << 16;
    unsigned workers = 1;  // numbers 0 to workers - 1, the same as in Quiescence
    FlowTimeouts timeouts;
    FlowQuota quota;  // of each source
    std::uint32_t crowded =
        0;  // seconds that an unanswered flow may be silent in a table three quarters full; 0: as ever
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
    contract::DropReason reason = contract::DropReason::kNone;  // kFlowTableFull, kSourceQuota, kNoNatPort
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
    template <class KeyOf>
    void hash(unsigned count, const KeyOf& key, std::uint32_t hashes[]) const noexcept {
        hash_.burst(count, key, hashes);
    }

    // Any worker between two quiescent points; lock-free. `key(i)` gives a reference to key i of `count`, at most
    // kMostKeys, of one family; `found(i, flow)` takes its flow, in order. Prefetches the records.
    template <class KeyOf, class Found>
    void lookup(unsigned count, const KeyOf& key, const Found& found) const noexcept;
    // One key by itself.
    template <class Key>
    [[nodiscard]] FlowRef find(const Key& wanted) const noexcept {
        FlowRef flow;
        lookup(
            1, [&wanted](unsigned) -> const Key& { return wanted; }, [&flow](unsigned, FlowRef it) { flow = it; });
        return flow;
    }

    // A worker's miss path; takes the lock. Looks up again, so that of two workers with the same tuple the second gets
    // the first one's record. Nothing stays behind when it fails.
    [[nodiscard]] InsertResult insert(const NewFlow& flow, unsigned worker, std::uint32_t now_ms) noexcept;

    // A worker that holds the record: both sides have taken part, so that it no longer counts as unanswered.
    void settled(const FlowRecord& record) noexcept {
        sources_.answered(static_cast<std::uint32_t>(&record - records_.get()));
    }

    // Each worker in each loop, after its quiescent point: ends its silent flows and takes back what no worker can
    // see any more. Looks at no more than `most` flows. `now_ms` wraps and must not go back.
    void expire(unsigned worker, std::uint32_t now_ms, unsigned most) noexcept;

    // Any worker; takes the lock. The flow ends now: its keys are found no more, the record comes back later.
    void end(const FlowRecord& record) noexcept;

    // A worker's miss path; takes the lock. The machine and port behind a WAN address and port.
    [[nodiscard]] std::optional<NatPool::Inside> inside(const NatPool::Outside& outside,
                                                        std::uint8_t protocol) noexcept;

    // Control thread. What source NAT must not use: the ports of published services.
    void reserve_nat_ports(const std::vector<NatPool::Reserved>& ports);
    // Control thread. The addresses source NAT may use, network order. Flows of a lost address end: their mappings are
    // invalid from now on, and the workers take their keys out within a few loops. False: too many (at most
    // NatPool::kMostAddresses, less those that flows still refer to); nothing changed.
    bool set_wan_addresses(const std::vector<std::uint32_t>& addresses);

    // Control thread. `reader`: a number of Quiescence that no worker has; it is online while this runs.
    // Calls back for each live flow that the filter lets through, until that says false. What is called must be short:
    // no record is used again meanwhile.
    void visit(const FlowFilter& filter, unsigned reader, std::uint32_t now_ms,
               const std::function<bool(const FlowView&)>& visitor) const;
    [[nodiscard]] std::vector<FlowView> snapshot(const FlowFilter& filter, std::size_t limit, unsigned reader,
                                                 std::uint32_t now_ms) const;
    // Nothing: it has ended.
    [[nodiscard]] std::optional<FlowView> find(FlowId id, unsigned reader, std::uint32_t now_ms) const;

    // Any thread.
    [[nodiscard]] std::uint32_t flows() const noexcept { return flows_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint32_t nat_mappings() const noexcept { return mappings_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }

private:
    struct Free {
        void operator()(void* memory) const noexcept;
    };
    // One per address family, with records of its own. Under the lock, but for lookups in the index.
    template <class Key>
    struct alignas(64) Family {
        KeyIndex<Key> index;  // to twice the record's number in the family, plus the direction
        std::uint32_t first;  // of its records
        std::uint32_t most;
        alignas(64) std::uint32_t live = 0;  // not where lookups read
        std::uint32_t free = kNoRecord;      // list of records
        std::atomic<bool> crowded{false};    // more than three quarters full; readers: any

        [[nodiscard]] std::uint32_t value(std::uint32_t record, Direction direction) const noexcept {
            return (record - first) << 1U | static_cast<std::uint32_t>(direction);
        }
        [[nodiscard]] std::uint32_t record(std::uint32_t value) const noexcept { return first + (value >> 1U); }
        void count() noexcept { crowded.store(live > most - most / 4, std::memory_order_relaxed); }
    };

    [[nodiscard]] const Family<FlowKey4>& family_of(const FlowKey4&) const noexcept { return ipv4_; }
    [[nodiscard]] const Family<FlowKey6>& family_of(const FlowKey6&) const noexcept { return ipv6_; }
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
    template <class Key>
    [[nodiscard]] std::uint32_t take_record(Family<Key>& family) noexcept;
    void give_record(std::uint32_t index) noexcept;
    void drop_record(std::uint32_t index) noexcept;

    // Milliseconds until the flow ends if it stays silent; 0: now. In a crowded table flows that are not settled go
    // first.
    [[nodiscard]] std::uint32_t left_ms(const FlowRecord& record, std::uint32_t now_ms) const noexcept;
    // Until it is to be looked at again, no later than that.
    [[nodiscard]] std::uint32_t turn_ms(const FlowRecord& record, std::uint32_t left_ms) const noexcept;
    // Of a live record, while the reader is online.
    [[nodiscard]] FlowView view(std::uint32_t index, std::uint32_t now_ms) const noexcept;

    Quiescence& quiescence_;
    FlowTimeouts timeouts_;
    std::uint32_t crowded_ms_;  // above every time-out: no matter
    KeyHash hash_;
    DpdkMemory memory_;
    std::uint32_t capacity_;
    std::unique_ptr<FlowRecord[], Free> records_;
    std::unique_ptr<FlowKey6[], Free> keys6_;  // two for each IPv6 record; those of IPv4 are in the records
    std::vector<FlowTimer> timers_;            // one per worker, touched by it alone

    Family<FlowKey4> ipv4_;
    Family<FlowKey6> ipv6_;
    alignas(64) SpinLock lock_;
    // Under lock_.
    NatPool nat_;
    FlowSources sources_;
    Retirement retired_;

    // Writers: under lock_. Readers: any.
    alignas(64) std::atomic<std::uint32_t> flows_{0};
    std::atomic<std::uint32_t> mappings_{0};
    std::atomic<std::uint32_t> retiring_{0};    // entries of retired_
    std::atomic<std::uint32_t> sweep_left_{0};  // records that worker 0 still checks for a lost WAN address
};

static_assert(sizeof(FlowRecord) == KeyIndex<FlowKey4>::kStride);

template <class KeyOf, class Found>
void FlowTable::lookup(unsigned count, const KeyOf& key, const Found& found) const noexcept {
    using Key = std::remove_cvref_t<decltype(key(0))>;
    if (count == 0) return;
    std::array<std::uint32_t, kMostKeys> hashes;
    hash_.burst(count, key, hashes.data());
    const auto& family = family_of(key(0));
    FlowRecord* const records = &records_[family.first];
    family.index.lookup(
        count, key, hashes.data(),
        [records](std::uint32_t value) {  // an IPv4 record begins with its keys, which the index fetches
            if (std::is_same_v<Key, FlowKey6>) rte_prefetch0(&records[value >> 1U]);
        },
        [records, found](unsigned i, std::uint32_t value) {
            found(i, FlowRef{.record = &records[value >> 1U], .direction = static_cast<Direction>(value & 1U)});
        },
        [found](unsigned i) { found(i, FlowRef{}); });
}

}  // namespace heartgate::dataplane
