// SPDX-License-Identifier: Apache-2.0
#include "dataplane/control/statistics.h"

#include <rte_ethdev.h>

#include "dataplane/worker/alarm.h"
#include "heartgate/v1/statistics.pb.h"

namespace heartgate::dataplane {
namespace {

void add_port(const std::string& name, const Port& port, v1::Statistics& statistics) {
    v1::PortStatistics& entry = *statistics.add_ports();
    entry.set_name(name);
    rte_eth_stats counters{};
    if (rte_eth_stats_get(port.id, &counters) != 0) return;
    entry.set_rx_packets(counters.ipackets);
    entry.set_rx_bytes(counters.ibytes);
    entry.set_tx_packets(counters.opackets);
    entry.set_tx_bytes(counters.obytes);
    entry.set_rx_missed(counters.imissed);
    entry.set_rx_no_mbuf(counters.rx_nombuf);
    entry.set_rx_errors(counters.ierrors);
    entry.set_tx_errors(counters.oerrors);
}

void add_worker(const Workers& workers, std::size_t worker, v1::Statistics& statistics) {
    const WorkerCounters& counters = workers.counters(worker);
    v1::WorkerStatistics& entry = *statistics.add_workers();
    entry.set_lcore(workers.core(worker));
    entry.set_rx_packets(counters.rx.load());
    entry.set_from_kernel(counters.from_kernel.load());
    entry.set_generated(counters.generated.load());
    entry.set_tx_packets(counters.tx.load());
    entry.set_punted(counters.punted.load());
    entry.set_dropped(counters.dropped());
    entry.set_held(counters.held.load());
    entry.set_loops(counters.loops.load());
    entry.set_busy_cycles(counters.busy_cycles.load());
    entry.set_total_cycles(counters.total_cycles.load());
    for (const Counter& bursts : counters.bursts) entry.add_bursts(bursts.load());
    entry.set_busy_permille(workers.busy_permille(worker));
    entry.set_silent_s(workers.silent_s(worker));
}

}  // namespace

void add_statistics(const std::vector<PortConfig>& configs, const std::vector<Port>& ports, const Workers& workers,
                    v1::Statistics& statistics) {
    for (std::size_t port = 0; port < ports.size(); ++port) add_port(configs[port].name, ports[port], statistics);
    for (std::size_t worker = 0; worker < workers.size(); ++worker) {
        add_worker(workers, worker, statistics);
    }
    for (std::size_t reason = 1; reason < contract::kDropReasons; ++reason) {
        std::uint64_t sum = 0;
        for (std::size_t worker = 0; worker < workers.size(); ++worker) {
            sum += workers.counters(worker).drops[reason].load();
        }
        if (sum == 0) continue;
        v1::Counter& drop = *statistics.add_drops();
        drop.set_name(std::string{contract::kDropReasonNames[reason]});
        drop.set_value(sum);
    }
    v1::AlarmStatistics& alarms = *statistics.mutable_alarms();
    for (std::size_t worker = 0; worker < workers.size(); ++worker) {
        alarms.set_raised(alarms.raised() + workers.alarms(worker).raised());
        alarms.set_lost(alarms.lost() + workers.alarms(worker).lost());
    }
}

}  // namespace heartgate::dataplane
