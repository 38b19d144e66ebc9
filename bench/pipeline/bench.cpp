// SPDX-License-Identifier: Apache-2.0
#include "bench/pipeline/bench.h"

#include <arpa/inet.h>
#include <fmt/core.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>

#include <array>
#include <memory>
#include <stdexcept>

#include "dataplane/policy/compiled_policy.h"
#include "heartgate/v1/policy.pb.h"

namespace heartgate::bench {

using namespace dataplane;

namespace {

constexpr std::uint32_t kWanAddresses = 48;
constexpr std::uint32_t kNow = 1'000'000;
constexpr std::uint16_t kOut = 0;  // the net_null port
constexpr std::uint32_t kMostHosts = 1U << 16;
constexpr contract::EndpointState kHealthy{.colour = contract::Colour::kGreen,
                                           .presence = contract::Presence::kConnected};

// Without a cache per lcore all mbufs take turns, as they do behind a NIC.
rte_mempool* make_pool() {
    rte_mempool* pool = rte_pktmbuf_pool_create("bench", kMbufs, 0, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    if (pool == nullptr) throw std::runtime_error("no memory for the packets; more hugepages are needed");
    return pool;
}

void start_port(rte_mempool* pool) {
    const rte_eth_conf conf{};
    if (rte_eth_dev_configure(kOut, 1, 1, &conf) != 0 || rte_eth_rx_queue_setup(kOut, 0, 512, 0, nullptr, pool) != 0 ||
        rte_eth_tx_queue_setup(kOut, 0, 512, 0, nullptr) != 0 || rte_eth_dev_start(kOut) != 0) {
        throw std::runtime_error("net_null0 does not start");
    }
}

std::unique_ptr<CompiledPolicy> policy_of(const Scenario& scenario) {
    v1::Policy policy;
    v1::Rule* rule = policy.add_rules();
    rule->set_id(1);
    rule->set_name("all");
    rule->set_action(v1::ACCEPT);
    if (scenario.heartbeats) {
        rule->mutable_source()->set_minimum(v1::MINIMUM_GREEN);
        rule->mutable_source()->set_require_heartbeat(true);
    }
    policy.set_revision(1);
    auto built = CompiledPolicy::build(policy, test::zones());
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

}  // namespace

rte_mempool* start_dpdk(const std::string& program, const std::vector<std::string>& memory) {
    std::vector<std::string> words{program, "--no-pci", "--no-telemetry", "-l",
                                   "0",     "--vdev",   "net_null0",      "--log-level=error"};
    words.insert(words.end(), memory.begin(), memory.end());
    std::vector<char*> arguments;
    arguments.reserve(words.size());
    for (std::string& word : words) arguments.push_back(word.data());
    if (rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) < 0) {
        throw std::runtime_error("DPDK does not start; its messages are above. scripts/setup reserves hugepages");
    }
    rte_mempool* const pool = make_pool();
    start_port(pool);
    return pool;
}

Bench::Bench(const Scenario& scenario, rte_mempool* pool)
    : traffic_{scenario.family, scenario.protocols},
      scenario_{scenario},
      pool_{pool},
      endpoints_{scenario.endpoints + kMostHosts},
      activity_{kMostHosts},
      bindings_{kMostHosts, quiescence_},
      heap_before_{heap_bytes()},
      flows_{flow_options(scenario), quiescence_},
      heap_after_{heap_bytes()},
      worker_{0, dependencies()} {
    set_routes();
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

void Bench::set_routes() {
    const IpAddress router = ipv4(0xc63364fe);
    routes_.set_link(test::kLanZone, {.mac = kLanMac});
    routes_.set_link(test::kWanZone, {.mac = kWanMac, .port = 1});
    Route lan{.network = ipv4(kInside), .prefix = 8, .zone = test::kLanZone, .gateway = {}};
    Route wan{.network = ipv4(0xc6336400), .prefix = 24, .zone = test::kWanZone, .gateway = {}};
    Route internet{.network = ipv4(0), .prefix = 0, .zone = test::kWanZone, .gateway = router};
    Route lan6{.network = kInside6, .prefix = 48, .zone = test::kLanZone, .gateway = {}};
    Route wan6{.network = kRouter6, .prefix = 64, .zone = test::kWanZone, .gateway = {}};
    wan6.network.bytes[15] = 0;
    Route internet6{.network = {}, .prefix = 0, .zone = test::kWanZone, .gateway = kRouter6};
    if (!routes_.replace_routes({lan, wan, internet, lan6, wan6, internet6}) ||
        !routes_.set_neighbour({router, test::kWanZone, kRouterMac}) ||
        !routes_.set_neighbour({kRouter6, test::kWanZone, kRouterMac})) {
        throw std::runtime_error("the routes do not fit");
    }
}

// A host is an endpoint behind a layer 3 switch: bound by its address alone.
void Bench::connect_hosts() {
    for (std::uint32_t host = 0; host <= scenario_.flows / kPortsPerHost; ++host) {
        endpoints_.set(host + 1, kHealthy);
        if (!bindings_.bind(host + 1, {}, ipv4(kInside + 256 + host), 1).stored) {
            throw std::runtime_error("the bindings do not fit");
        }
    }
}

// Not inline: callgrind counts what is done in here.
[[gnu::noinline]] void Bench::work(rte_mbuf** packets) noexcept {
    worker_.inject(0, packets, kBurstSize, kNow);
    quiescence_.quiescent(0);
    flows_.expire(0, kNow, kBurstSize);
}

WorkerDependencies Bench::dependencies() {
    const PortQueues lan{.mac = kLanMac};
    const PortQueues wan{.port_id = kOut, .mac = kWanMac};
    return {.flows = flows_,
            .endpoints = endpoints_,
            .activity = activity_,
            .bindings = bindings_,
            .gate = gate_,
            .routes = routes_,
            .fragments = fragments_,
            .quiescence = quiescence_,
            .kernel = kernel_,
            .zones = zones_,
            .ports = {lan, wan},
            .pool = pool_};
}

template <class Send>
double Bench::measure(std::size_t bursts, bool first, const Send& send) {
    std::array<rte_mbuf*, kBurstSize> packets;
    std::uint64_t cycles = 0;
    for (std::size_t burst = 0; burst < bursts; ++burst) {
        if (rte_pktmbuf_alloc_bulk(pool_, packets.data(), kBurstSize) != 0) {
            throw std::runtime_error("packets have leaked");
        }
        for (rte_mbuf* packet : packets) {
            traffic_.fill(packet, first ? next_++ % scenario_.flows : traffic_.any(scenario_.flows), first);
        }
        given_ += kBurstSize;
        const std::uint64_t before = rte_rdtsc();
        send(packets.data());
        cycles += rte_rdtsc() - before;
    }
    return double(cycles) / double(bursts * kBurstSize);
}

double Bench::make_flows(std::size_t bursts) {
    return measure(bursts, true, [this](rte_mbuf** packets) { work(packets); });
}

double Bench::hit_path(std::size_t bursts) {
    return measure(bursts, false, [this](rte_mbuf** packets) { work(packets); });
}

double Bench::base_line(std::size_t bursts) {
    return measure(bursts, false, [this](rte_mbuf** packets) {
        const std::uint16_t sent = rte_eth_tx_burst(kOut, 0, packets, kBurstSize);
        for (std::uint16_t i = sent; i < kBurstSize; ++i) rte_pktmbuf_free(packets[i]);
        given_ -= kBurstSize;  // not the worker's
    });
}

void Bench::check() const {
    const std::uint64_t sent = worker_.counters().tx.load();
    if (sent == given_ && flows_.flows() == scenario_.flows && rte_mempool_in_use_count(pool_) == 0) return;
    std::string reasons;
    for (std::size_t i = 0; i < contract::kDropReasons; ++i) {
        const std::uint64_t count = worker_.counters().drops[i].load();
        if (count > 0) reasons += fmt::format(" {} {}", contract::name(contract::DropReason(i)), count);
    }
    throw std::runtime_error(fmt::format("{}: {} of {} packets sent, {} of {} flows; dropped:{}", scenario_.name, sent,
                                         given_, flows_.flows(), scenario_.flows, reasons));
}

}  // namespace heartgate::bench
