// SPDX-License-Identifier: Apache-2.0
#include "dataplane/control/telemetry.h"

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_telemetry.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <string>

#include "dataplane/channel/latency.h"
#include "heartgate/v1/statistics.pb.h"

namespace heartgate::dataplane {
namespace {

// What the callbacks may read, and for how long. Commands cannot be taken back, so they outlive what they are about.
struct Sources {
    std::mutex mutex;
    const Tables* tables = nullptr;
    const Workers* workers = nullptr;
};

Sources& sources() {
    static Sources instance;
    return instance;
}

// DPDK takes letters, digits, '_' and '/' in names.
std::string name_of_entry(std::string_view name) {
    std::string allowed{name};
    std::replace(allowed.begin(), allowed.end(), '-', '_');
    return allowed;
}

void add(rte_tel_data* data, std::string_view name, std::uint64_t value) {
    rte_tel_data_add_dict_u64(data, name_of_entry(name).c_str(), value);
}

void add_worker(rte_tel_data* data, const Workers& workers, std::size_t worker) {
    const WorkerCounters& counters = workers.counters(worker);
    add(data, "cpu", workers.core(worker));
    add(data, "rx_packets", counters.rx.load());
    add(data, "from_kernel_packets", counters.from_kernel.load());
    add(data, "generated_packets", counters.generated.load());
    add(data, "tx_packets", counters.tx.load());
    add(data, "punted_packets", counters.punted.load());
    add(data, "dropped_packets", counters.dropped());
    add(data, "held_packets", counters.held.load());
    add(data, "flows_created", counters.flows_created.load());
    add(data, "loops", counters.loops.load());
    add(data, "busy_cycles", counters.busy_cycles.load());
    add(data, "total_cycles", counters.total_cycles.load());
    add(data, "busy_permille", workers.busy_permille(worker));
    add(data, "silent_seconds", workers.silent_s(worker));
}

int answer_workers(const Sources& source, rte_tel_data* data) {
    rte_tel_data_start_dict(data);
    for (std::size_t worker = 0; worker < source.workers->size(); ++worker) {
        rte_tel_data* entry = rte_tel_data_alloc();
        if (entry == nullptr) return -1;
        rte_tel_data_start_dict(entry);
        add_worker(entry, *source.workers, worker);
        rte_tel_data_add_dict_container(data, fmt::format("worker_{}", worker).c_str(), entry, 0);
    }
    return 0;
}

int answer_drops(const Sources& source, rte_tel_data* data) {
    rte_tel_data_start_dict(data);
    for (std::size_t reason = 1; reason < contract::kDropReasons; ++reason) {
        std::uint64_t sum = 0;
        for (std::size_t worker = 0; worker < source.workers->size(); ++worker) {
            sum += source.workers->counters(worker).drops[reason].load();
        }
        add(data, contract::kDropReasonNames[reason], sum);
    }
    return 0;
}

int answer_flows(const Sources& source, rte_tel_data* data) {
    rte_tel_data_start_dict(data);
    add(data, "flows", source.tables->flows.flows());
    add(data, "capacity", source.tables->flows.capacity());
    add(data, "nat_mappings", source.tables->flows.nat_mappings());
    return 0;
}

int answer_latency(const Sources& source, rte_tel_data* data) {
    const v1::LatencyHistogram histogram = latency_message(source.tables->memory.state());
    std::uint64_t changes = 0;
    for (const std::uint64_t count : histogram.count()) changes += count;
    rte_tel_data_start_dict(data);
    add(data, "changes", changes);
    add(data, "p50_us", histogram.p50_us());
    add(data, "p99_us", histogram.p99_us());
    add(data, "maximum_us", histogram.maximum_us());
    return 0;
}

template <int (*answer)(const Sources&, rte_tel_data*)>
int command(const char* /*name*/, const char* /*parameters*/, rte_tel_data* data) {
    Sources& source = sources();
    const std::lock_guard lock{source.mutex};
    return source.tables == nullptr ? -1 : answer(source, data);
}

void offer(const char* name, telemetry_cb callback, const char* help) {
    const int result = rte_telemetry_register_cmd(name, callback, help);
    if (result != 0 && result != -EEXIST) {
        throw std::runtime_error{fmt::format("telemetry command {}: {}", name, std::strerror(-result))};
    }
}

}  // namespace

Telemetry::Telemetry(const Tables& tables, const Workers& workers) {
    // DPDK takes at most 63 characters of help.
    offer("/heartgate/workers", command<answer_workers>,
          "Per worker: packets, loops, TSC cycles, busy 1/1000 of last s");
    offer("/heartgate/drops", command<answer_drops>, "Dropped packets by reason since the start, all workers");
    offer("/heartgate/flows", command<answer_flows>, "Flows now, most that the table holds, NAT mappings in use");
    offer("/heartgate/latency", command<answer_latency>, "Heartbeat read to applied: changes counted, microseconds");
    Sources& source = sources();
    const std::lock_guard lock{source.mutex};
    source.tables = &tables;
    source.workers = &workers;
}

Telemetry::~Telemetry() {
    Sources& source = sources();
    const std::lock_guard lock{source.mutex};
    source.tables = nullptr;
    source.workers = nullptr;
}

}  // namespace heartgate::dataplane
