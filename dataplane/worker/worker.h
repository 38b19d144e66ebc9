// SPDX-License-Identifier: Apache-2.0
// One forwarding lcore: what it needs, its loop, its counters. What happens to a packet is in the stages beside this
// file: receive, parse, look up, check, decide, rewrite, transmit, hold.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/concurrent/quiescence.h"
#include "dataplane/contract/doorbell.h"
#include "dataplane/endpoint/endpoint_table.h"
#include "dataplane/packet/address.h"
#include "dataplane/policy/gate.h"
#include "dataplane/policy/network.h"
#include "dataplane/port/zone_table.h"
#include "dataplane/route/route_table.h"
#include "dataplane/worker/counters.h"
#include "dataplane/worker/punt_limit.h"

namespace heartgate::dataplane {

struct Alarm;
class AlarmQueue;
class BindingTable;
class EndpointActivity;
class FlowTable;
class FragmentTracker;
class KernelPath;
class Observers;
struct WorkerContext;

// Something that is to be done in every loop of a worker, before it reads the generation: the health consumer.
class LoopHook {
public:
    LoopHook() = default;
    LoopHook(const LoopHook&) = delete;
    LoopHook& operator=(const LoopHook&) = delete;
    virtual ~LoopHook() = default;
    virtual void poll() noexcept = 0;  // bounded work
    // Whether poll() has more to do soon: no reason to sleep.
    [[nodiscard]] virtual bool busy() const noexcept { return false; }
};

// This worker's queues of one port. Constant while the worker runs.
struct PortQueues {
    static constexpr std::uint16_t kNoPort = 0xffff;

    std::uint16_t port_id = kNoPort;  // kNoPort: the port does not exist, packets for it are dropped as tx-full
    std::uint16_t rx_queue = 0;
    std::uint16_t tx_queue = 0;
    MacAddress mac{};  // the appliance's on this port
};

// When a worker that finds nothing to do sleeps, and how long: a 32nd of the time since its last packet, so that a
// packet after a pause comes later by no more than that. It is offline for grace periods meanwhile, and its doorbell
// wakes it.
struct IdlePolicy {
    std::uint32_t empty_polls = 200;        // loops in a row without a packet before a sleep; 0: never sleeps
    std::uint32_t sleep_us = 20;            // at least
    std::uint32_t longest_sleep_us = 1000;  // at most
};

// The largest segment that a TCP SYN may announce, in bytes; 0: as it is.
struct MssClamp {
    std::uint16_t ipv4 = 0;
    std::uint16_t ipv6 = 0;
};

// Two networks between which nothing is translated: a site behind a tunnel, a provider's own network.
struct Untranslated {
    Network lan;
    Network wan;
};

struct WorkerDependencies {
    FlowTable& flows;
    const EndpointTable& endpoints;
    EndpointActivity& activity;
    const BindingTable& bindings;
    const Gate& gate;
    const RouteTable& routes;
    FragmentTracker& fragments;
    Quiescence& quiescence;
    KernelPath& kernel;
    const ZoneTable& zones;
    std::vector<PortQueues> ports;                 // at most kMostPorts
    rte_mempool* pool = nullptr;                   // for ICMP errors
    LoopHook* health = nullptr;                    // worker 0 only; may be null
    const Observers* observers = nullptr;          // captures and drop watches; may be null
    bool translate = true;                         // source NAT for IPv4 from LAN to WAN
    std::span<const Untranslated> untranslated{};  // but not between these; outlives the worker
    MssClamp mss{};
    IdlePolicy idle{};
    PuntRates punt_rates{};
    std::uint32_t new_flows_per_second = 0;  // of each MAC address on the LAN; 0: no limit
    contract::Doorbell* doorbell = nullptr;  // nobody else rings if it is null
};

class Worker {
public:
    // `number`: 0 to workers - 1, the same in Quiescence, FlowTable and KernelPath; not an lcore id. Throws
    // std::bad_alloc.
    Worker(unsigned number, const WorkerDependencies& dependencies);
    ~Worker();
    Worker(const Worker&) = delete;
    Worker& operator=(const Worker&) = delete;

    // Runs on the calling thread (an EAL lcore) until `stop` is true; then drops what is held and goes offline.
    void run(const std::atomic<bool>& stop) noexcept;

    // One loop at time `now_ms` (any monotonic milliseconds, but one clock for all workers and tables). Returns the
    // packets that came in. For tests and benches, which call quiescence.online() first; run() does it by itself.
    unsigned iterate(std::uint32_t now_ms) noexcept;

    // One loop's work for packets that are already there, as if `port` had received them; takes ownership.
    // `count`: at most 32. For tests and benches.
    void inject(std::uint8_t port, rte_mbuf** packets, std::uint16_t count, std::uint32_t now_ms) noexcept;

    // Drops what waits for a neighbour. Only while the worker does not run.
    void drop_held() noexcept;

    [[nodiscard]] const WorkerCounters& counters() const noexcept;
    [[nodiscard]] const AlarmQueue& alarms() const noexcept;
    // Control thread. False: there is none.
    [[nodiscard]] bool take_alarm(Alarm& alarm) noexcept;

private:
    std::unique_ptr<WorkerContext> context_;
};

}  // namespace heartgate::dataplane
