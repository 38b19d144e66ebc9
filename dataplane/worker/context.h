// SPDX-License-Identifier: Apache-2.0
// What belongs to one worker and goes through its stages. Touched by that worker alone; the counters are read by all.
#pragma once

#include <rte_random.h>

#include <array>
#include <cstdint>

#include "dataplane/endpoint/activity.h"
#include "dataplane/endpoint/binding_table.h"
#include "dataplane/kernel/kernel_path.h"
#include "dataplane/observe/observers.h"
#include "dataplane/packet/parse.h"
#include "dataplane/worker/alarm.h"
#include "dataplane/worker/burst.h"
#include "dataplane/worker/fragment_queue.h"
#include "dataplane/worker/hold_queue.h"
#include "dataplane/worker/punt_limit.h"
#include "dataplane/worker/reply_limit.h"
#include "dataplane/worker/worker.h"

namespace heartgate::dataplane {

struct WorkerContext;

// observe.cpp: for captures and drop watches.
void observe_drop(const WorkerContext& context, const rte_mbuf& mbuf, contract::DropReason reason) noexcept;

struct TxBuffer {
    std::array<rte_mbuf*, kBurst> packets{};
    std::uint16_t count = 0;
};

struct WorkerContext {
    WorkerContext(unsigned worker, const WorkerDependencies& dependencies)
        : number{worker}, deps{dependencies}, punt_limit{dependencies.punt_rates, rte_rand()}, new_flows{rte_rand()} {}

    const unsigned number;
    const WorkerDependencies deps;
    Burst burst;
    std::array<TxBuffer, kMostPorts> tx;  // by port
    HoldQueue hold;
    std::uint32_t hold_epoch = 0;  // changes of the routes, when hold was last looked through
    FragmentQueue fragments;
    unsigned fragment_turn = 0;  // place in fragments from which they are looked for in the next loop
    IcmpLimit icmp_limit;        // packets that cannot be sent on
    IcmpLimit prohibited_limit;  // refused ones
    ResetLimit reset_limit;
    PuntLimit punt_limit;
    PerSender<TokenBucket> new_flows;
    AlarmQueue alarms;
    contract::Doorbell own_doorbell;  // where none is given
    WorkerCounters counters;

    void count_held() noexcept { counters.held.set(std::uint64_t{hold.size()} + fragments.size()); }
    // Where packets are looked at in this loop; 0: nowhere.
    ObservationPoints observed = 0;

    // The one way in which a packet ends without being sent.
    [[gnu::noinline]] void drop(rte_mbuf* mbuf, contract::DropReason reason) noexcept {
        counters.count_drop(reason);
        if (observed != 0) [[unlikely]] {
            observe_drop(*this, *mbuf, reason);
        }
        rte_pktmbuf_free(mbuf);
    }
};

}  // namespace heartgate::dataplane
