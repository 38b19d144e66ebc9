// SPDX-License-Identifier: Apache-2.0
// Cycles per packet of a worker's stages in one process: bursts of 32 packets, UDP and TCP mixed, of N flows in random
// order, out of a net_null port. The clock runs around the worker alone; the same packets sent without it are the base
// line and are taken off, so what is printed is what the pipeline costs on top of a port driver. Scenarios that are
// compared take turns, and each counts by its best round. A trial whose counters do not add up ends in an error.
// One line of JSON per measurement.
//
//   pipeline [FLOWS...]        default: 1000 16000 64000 1000000; needs about 350 free hugepages of 2 MB for 1,000,000
#include <arpa/inet.h>
#include <fmt/core.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <rte_mbuf.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/pipeline/traffic.h"
#include "dataplane/endpoint/activity.h"
#include "dataplane/endpoint/binding_table.h"
#include "dataplane/flow/flow_table.h"
#include "dataplane/fragment/fragment_tracker.h"
#include "dataplane/kernel/kernel_path.h"
#include "dataplane/policy/compiled_policy.h"
#include "dataplane/worker/worker.h"
#include "heartgate/v1/policy.pb.h"

namespace {

using namespace heartgate::dataplane;
using heartgate::bench::Traffic;

constexpr std::uint16_t kBurstSize = 32;
constexpr std::uint32_t kMbufs = 4096;
constexpr std::uint32_t kWanAddresses = 48;
constexpr std::uint32_t kNow = 1'000'000;
constexpr std::uint16_t kOut = 0;  // the net_null port
constexpr std::uint32_t kMostHosts = 1U << 16;

struct Scenario {
    std::string name;
    std::uint32_t flows;
    Traffic::Family family = Traffic::Family::kIpv4;
    bool heartbeats = false;         // every host is an endpoint, and the rule asks for its heartbeat
    std::uint32_t endpoints = 1024;  // in the table, hosts or not
};

class NoKernel final : public KernelPath {
public:
    bool punt(unsigned, Zone, PuntQueue, Permit, rte_mbuf*) noexcept override { return false; }
    std::uint16_t take(unsigned, Zone, rte_mbuf**, std::uint16_t) noexcept override { return 0; }
    void resolve(unsigned, Zone, const IpAddress&) noexcept override {}
};

void start_eal() {
    std::vector<std::string> words{"pipeline", "--in-memory", "--no-pci",  "--no-telemetry",   "-l",
                                   "0",        "--vdev",      "net_null0", "--log-level=error"};
    std::vector<char*> arguments;
    arguments.reserve(words.size());
    for (std::string& word : words) arguments.push_back(word.data());
    if (rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) < 0) {
        throw std::runtime_error("DPDK does not start; its messages are above. scripts/setup reserves hugepages");
    }
}

// Without a cache per lcore all mbufs take turns, as they do behind a NIC.
rte_mempool* make_pool() {
    rte_mempool* pool = rte_pktmbuf_pool_create("bench", kMbufs, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    if (pool == nullptr) throw std::runtime_error("no memory for the packets; more hugepages are needed");
    return pool;
}

void start_port(rte_mempool* pool) {
    const rte_eth_conf conf{};
    if (rte_eth_dev_configure(kOut, 1, 1, &conf) != 0 ||
        rte_eth_rx_queue_setup(kOut, 0, 512, SOCKET_ID_ANY, nullptr, pool) != 0 ||
        rte_eth_tx_queue_setup(kOut, 0, 512, SOCKET_ID_ANY, nullptr) != 0 || rte_eth_dev_start(kOut) != 0) {
        throw std::runtime_error("net_null0 does not start");
    }
}

std::unique_ptr<CompiledPolicy> policy_of(const Scenario& scenario) {
    heartgate::v1::Policy policy;
    heartgate::v1::Rule* rule = policy.add_rules();
    rule->set_id(1);
    rule->set_name("all");
    rule->set_action(heartgate::v1::ACCEPT);
    if (scenario.heartbeats) {
        rule->mutable_source()->set_minimum(heartgate::v1::MINIMUM_GREEN);
        rule->mutable_source()->set_require_heartbeat(true);
    }
    policy.set_revision(1);
    auto built = CompiledPolicy::build(policy);
    if (!built) throw std::runtime_error(built.error());
    return std::move(*built);
}

std::size_t heap_bytes() {
    rte_malloc_socket_stats stats{};
    rte_malloc_get_socket_stats(0, &stats);
    return stats.heap_allocsz_bytes;
}

IpAddress ipv4(std::uint32_t host_order) { return IpAddress::from_ipv4(htonl(host_order)); }

FlowTableOptions flow_options(const Scenario& scenario) {
    FlowTableOptions options;
    options.ipv4_flows = scenario.family == Traffic::Family::kIpv4 ? scenario.flows : 0;
    options.ipv6_flows = scenario.family == Traffic::Family::kIpv6 ? scenario.flows : 0;
    return options;
}

// One worker between two ports, with a route to the internet.
class Bench {
public:
    Bench(const Scenario& scenario, rte_mempool* pool)
        : traffic{scenario.family},
          scenario_{scenario},
          pool_{pool},
          endpoints_{scenario.endpoints + kMostHosts},
          heap_before_{heap_bytes()},
          flows_{flow_options(scenario), quiescence_},
          heap_after_{heap_bytes()},
          worker_{0, dependencies()} {
        const IpAddress router = ipv4(0xc63364fe);
        routes_.set_port(Zone::kLan, heartgate::bench::kLanMac, 1500);
        routes_.set_port(Zone::kWan, heartgate::bench::kWanMac, 1500);
        Route lan{.network = ipv4(heartgate::bench::kInside), .prefix = 8, .zone = Zone::kLan, .gateway = {}};
        Route wan{.network = ipv4(0xc6336400), .prefix = 24, .zone = Zone::kWan, .gateway = {}};
        Route internet{.network = ipv4(0), .prefix = 0, .zone = Zone::kWan, .gateway = router};
        const IpAddress router6 = heartgate::bench::kRouter6;
        Route lan6{.network = heartgate::bench::kInside6, .prefix = 48, .zone = Zone::kLan, .gateway = {}};
        Route wan6{.network = router6, .prefix = 64, .zone = Zone::kWan, .gateway = {}};
        wan6.network.bytes[15] = 0;
        Route internet6{.network = {}, .prefix = 0, .zone = Zone::kWan, .gateway = router6};
        if (!routes_.replace_routes({lan, wan, internet, lan6, wan6, internet6}) ||
            !routes_.set_neighbour({router, Zone::kWan, heartgate::bench::kRouterMac}) ||
            !routes_.set_neighbour({router6, Zone::kWan, heartgate::bench::kRouterMac})) {
            throw std::runtime_error("the routes do not fit");
        }
        std::vector<std::uint32_t> addresses;
        addresses.reserve(kWanAddresses);
        for (std::uint32_t i = 0; i < kWanAddresses; ++i) addresses.push_back(htonl(0xc6336401 + i));
        flows_.set_wan_addresses(addresses);
        if (scenario.heartbeats) connect_hosts();
        for (std::uint32_t i = kMostHosts; i < endpoints_.capacity(); ++i) endpoints_.set(i, kHealthy);
        delete gate_.swap(policy_of(scenario).release());
        gate_.set_ready(true);
        quiescence_.online(0);
    }

    // Cycles per packet of `bursts` bursts.
    double make_flows(std::size_t bursts) {
        return measure(bursts, true, [&](rte_mbuf** packets) { work(packets); });
    }
    double hit_path(std::size_t bursts) {
        return measure(bursts, false, [&](rte_mbuf** packets) { work(packets); });
    }
    double base_line(std::size_t bursts) {
        return measure(bursts, false, [this](rte_mbuf** packets) {
            const std::uint16_t sent = rte_eth_tx_burst(kOut, 0, packets, kBurstSize);
            for (std::uint16_t i = sent; i < kBurstSize; ++i) rte_pktmbuf_free(packets[i]);
            given_ -= kBurstSize;  // not the worker's
        });
    }
    // Of hugepages, all tables of a flow with both directions and NAT.
    [[nodiscard]] double bytes_per_flow() const { return double(heap_after_ - heap_before_) / scenario_.flows; }

    void check() const {
        const std::uint64_t sent = worker_.counters().tx.load();
        if (sent == given_ && flows_.flows() == scenario_.flows && rte_mempool_in_use_count(pool_) == 0) return;
        std::string reasons;
        for (std::size_t i = 0; i < heartgate::contract::kDropReasons; ++i) {
            const std::uint64_t count = worker_.counters().drops[i].load();
            if (count > 0) {
                reasons += fmt::format(" {} {}", heartgate::contract::name(heartgate::contract::DropReason(i)), count);
            }
        }
        throw std::runtime_error(fmt::format("{}: {} of {} packets sent, {} of {} flows; dropped:{}", scenario_.name,
                                             sent, given_, flows_.flows(), scenario_.flows, reasons));
    }

    Traffic traffic;

private:
    static constexpr heartgate::contract::EndpointState kHealthy{.colour = heartgate::contract::Colour::kGreen,
                                                                 .presence = heartgate::contract::Presence::kConnected};

    // A host is an endpoint behind a layer 3 switch: bound by its address alone.
    void connect_hosts() {
        for (std::uint32_t host = 0; host <= scenario_.flows / heartgate::bench::kPortsPerHost; ++host) {
            endpoints_.set(host + 1, kHealthy);
            if (!bindings_.bind(host + 1, {}, ipv4(heartgate::bench::kInside + 256 + host), 0, 1).stored) {
                throw std::runtime_error("the bindings do not fit");
            }
        }
    }
    void work(rte_mbuf** packets) noexcept {
        worker_.inject(Zone::kLan, packets, kBurstSize, kNow);
        quiescence_.quiescent(0);
        flows_.expire(0, kNow, kBurstSize);
    }
    WorkerDependencies dependencies() {
        const PortQueues lan{.mac = heartgate::bench::kLanMac};
        const PortQueues wan{.port_id = kOut, .mac = heartgate::bench::kWanMac};
        return {.flows = flows_,
                .endpoints = endpoints_,
                .activity = activity_,
                .bindings = bindings_,
                .gate = gate_,
                .routes = routes_,
                .fragments = fragments_,
                .quiescence = quiescence_,
                .kernel = kernel_,
                .ports = {lan, wan},
                .pool = pool_};
    }

    template <class Send>
    double measure(std::size_t bursts, bool first, const Send& send) {
        std::array<rte_mbuf*, kBurstSize> packets;
        std::uint64_t cycles = 0;
        for (std::size_t burst = 0; burst < bursts; ++burst) {
            if (rte_pktmbuf_alloc_bulk(pool_, packets.data(), kBurstSize) != 0) {
                throw std::runtime_error("packets have leaked");
            }
            for (rte_mbuf* packet : packets) {
                traffic.fill(packet, first ? next_++ % scenario_.flows : traffic.any(scenario_.flows), first);
            }
            given_ += kBurstSize;
            const std::uint64_t before = rte_rdtsc();
            send(packets.data());
            cycles += rte_rdtsc() - before;
        }
        return double(cycles) / double(bursts * kBurstSize);
    }

    Scenario scenario_;
    rte_mempool* pool_;
    Quiescence quiescence_{1};
    EndpointTable endpoints_;
    EndpointActivity activity_{kMostHosts};
    BindingTable bindings_{kMostHosts, quiescence_};
    Gate gate_{endpoints_};
    RouteTable routes_{1024, quiescence_};
    FragmentTracker fragments_;
    std::size_t heap_before_;
    FlowTable flows_;
    std::size_t heap_after_;
    std::uint64_t given_ = 0;  // packets to the worker
    std::uint32_t next_ = 0;
    NoKernel kernel_;
    Worker worker_;
};

void print(const std::string& name, double value, const char* unit) {
    fmt::print("{{\"name\":\"{}\",\"value\":{:.1f},\"unit\":\"{}\"}}\n", name, value, unit);
}

double median(const double* first, const double* last) {
    std::vector<double> values(first, last);
    const auto middle = values.begin() + std::ptrdiff_t(values.size() / 2);
    std::nth_element(values.begin(), middle, values.end());
    return *middle;
}

// What a packet costs whose flow is new, and whether that grows with the table; then all flows are there.
void make_flows(Bench& bench, const Scenario& scenario) {
    constexpr std::size_t kTogether = 4;  // bursts; the median of such groups counts
    std::vector<double> made;
    for (std::size_t left = (scenario.flows + kBurstSize - 1) / kBurstSize; left > 0;) {
        const std::size_t bursts = std::min(left, kTogether);
        made.push_back(bench.make_flows(bursts));
        left -= bursts;
    }
    const std::size_t tenth = std::max<std::size_t>(made.size() / 10, 1);
    print("new flow, " + scenario.name, median(made.data(), made.data() + made.size()), "cycles/packet");
    print(
        "new flow at the limit, " + scenario.name,
        median(made.data() + made.size() - tenth, made.data() + made.size()) / median(made.data(), made.data() + tenth),
        "times the empty table");
}

// The best of many short rounds: the machine changes its speed, and others use it, too.
void run(const std::vector<Scenario>& scenarios, rte_mempool* pool) {
    constexpr std::size_t kBursts = 256;  // of one round: less than a millisecond
    constexpr int kRounds = 600;
    std::vector<std::unique_ptr<Bench>> benches;
    for (const Scenario& scenario : scenarios) {
        benches.push_back(std::make_unique<Bench>(scenario, pool));
        make_flows(*benches.back(), scenario);
    }
    std::vector<double> total(scenarios.size(), 1e9);
    std::vector<double> base(scenarios.size(), 1e9);
    for (int round = 0; round < kRounds; ++round) {
        for (std::size_t i = 0; i < benches.size(); ++i) {
            total[i] = std::min(total[i], benches[i]->hit_path(kBursts));
            base[i] = std::min(base[i], benches[i]->base_line(kBursts));
        }
    }
    for (std::size_t i = 0; i < benches.size(); ++i) {
        benches[i]->check();
        print("hit path, " + scenarios[i].name, total[i] - base[i], "cycles/packet");
        print("port driver, " + scenarios[i].name, base[i], "cycles/packet");
        print("memory, " + scenarios[i].name, benches[i]->bytes_per_flow(), "bytes/flow");
    }
}

}  // namespace

int main(int argc, char** argv) try {
    std::vector<std::uint32_t> sizes;
    for (int i = 1; i < argc; ++i) sizes.push_back(static_cast<std::uint32_t>(std::strtoul(argv[i], nullptr, 10)));
    if (std::any_of(sizes.begin(), sizes.end(), [](std::uint32_t size) { return size < kBurstSize; })) {
        fmt::print(stderr, "usage: pipeline [FLOWS...], each at least {}\n", kBurstSize);
        return 2;
    }
    const bool all = sizes.empty();
    if (all) sizes = {1000, 16'000, 64'000, 1'000'000};
    start_eal();
    rte_mempool* const pool = make_pool();
    start_port(pool);
    print("clock", double(rte_get_tsc_hz()) / 1e6, "MHz");
    for (const std::uint32_t flows : sizes) run({{.name = fmt::format("{} flows", flows), .flows = flows}}, pool);
    if (!all) return 0;
    constexpr std::uint32_t kSome = 16'000;
    run({{.name = "no condition", .flows = kSome},
         {.name = "heartbeat required", .flows = kSome, .heartbeats = true},
         {.name = "heartbeat required, 1000000 endpoints", .flows = kSome, .heartbeats = true, .endpoints = 1'000'000}},
        pool);
    run({{.name = "IPv4", .flows = kSome}, {.name = "IPv6", .flows = kSome, .family = Traffic::Family::kIpv6}}, pool);
    return 0;
} catch (const std::exception& error) {
    fmt::print(stderr, "pipeline: {}\n", error.what());
    return 1;
}
