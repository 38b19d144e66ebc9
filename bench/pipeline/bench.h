// SPDX-License-Identifier: Apache-2.0
// One worker with all its tables in one process, fed with bursts out of a mempool; what it sends goes to a net_null
// port. What is measured is the programs' that use it.
#pragma once

#include <rte_mbuf.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "bench/pipeline/traffic.h"
#include "dataplane/endpoint/activity.h"
#include "dataplane/endpoint/binding_table.h"
#include "dataplane/endpoint/endpoint_table.h"
#include "dataplane/flow/flow_table.h"
#include "dataplane/fragment/fragment_tracker.h"
#include "dataplane/kernel/kernel_path.h"
#include "dataplane/policy/gate.h"
#include "dataplane/route/route_table.h"
#include "dataplane/worker/worker.h"
#include "tests/zones.h"

namespace heartgate::bench {

inline constexpr std::uint16_t kBurstSize = 32;
inline constexpr std::uint32_t kMbufs = 4096;

struct Scenario {
    std::string name;
    std::uint32_t flows;
    Traffic::Family family = Traffic::Family::kIpv4;
    Traffic::Protocols protocols = Traffic::Protocols::kUdpAndTcp;
    bool heartbeats = false;         // every host is an endpoint, and the rule asks for its heartbeat
    std::uint32_t endpoints = 1024;  // in the table, hosts or not
};

// DPDK on core 0 with a net_null port, which is started. `memory`: options of EAL that say where memory comes from.
// Throws std::runtime_error.
rte_mempool* start_dpdk(const std::string& program, const std::vector<std::string>& memory);

class NoKernel final : public dataplane::KernelPath {
public:
    bool punt(unsigned, dataplane::Zone, dataplane::PuntQueue, dataplane::Permit, rte_mbuf*) noexcept override {
        return false;
    }
    std::uint16_t take(unsigned, dataplane::Zone, rte_mbuf**, std::uint16_t) noexcept override { return 0; }
    void resolve(unsigned, dataplane::Zone, const dataplane::IpAddress&) noexcept override {}
};

// One worker between two ports, with a route to the internet.
class Bench {
public:
    Bench(const Scenario& scenario, rte_mempool* pool);

    // Cycles per packet of `bursts` bursts: of flows that are new, of flows in random order, and of those without the
    // worker.
    double make_flows(std::size_t bursts);
    double hit_path(std::size_t bursts);
    double base_line(std::size_t bursts);
    // Of hugepages, all tables of a flow with both directions and NAT.
    [[nodiscard]] double bytes_per_flow() const { return double(heap_after_ - heap_before_) / scenario_.flows; }

    // Throws std::runtime_error unless all packets have been sent and all flows are there.
    void check() const;

private:
    void set_routes();
    void connect_hosts();
    void work(rte_mbuf** packets) noexcept;
    dataplane::WorkerDependencies dependencies();
    template <class Send>
    double measure(std::size_t bursts, bool first, const Send& send);

    Traffic traffic_;
    Scenario scenario_;
    rte_mempool* pool_;
    dataplane::Quiescence quiescence_{1};
    dataplane::EndpointTable endpoints_;
    dataplane::EndpointActivity activity_;
    dataplane::BindingTable bindings_;
    dataplane::Gate gate_{endpoints_};
    dataplane::RouteTable routes_{1024, quiescence_};
    dataplane::FragmentTracker fragments_;
    std::size_t heap_before_;
    dataplane::FlowTable flows_;
    std::size_t heap_after_;
    std::uint64_t given_ = 0;  // packets to the worker
    std::uint32_t next_ = 0;
    const dataplane::ZoneTable zones_ = dataplane::test::zones();
    NoKernel kernel_;
    dataplane::Worker worker_;
};

}  // namespace heartgate::bench
