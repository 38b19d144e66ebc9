// SPDX-License-Identifier: Apache-2.0
// Cycles per packet of a worker's stages in one process: bursts of 32 UDP packets in random order over N flows with
// source NAT, out of a net_null port. The same packets made and sent without the worker are the base line and are taken
// off, so what is printed is what the pipeline costs on top of a port driver. One line of JSON per measurement.
//
//   pipeline [FLOWS...]        default: 1000 64000 1000000; needs about 250 free hugepages of 2 MB for 1,000,000
#include <arpa/inet.h>
#include <fmt/core.h>
#include <rte_cycles.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
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

std::unique_ptr<CompiledPolicy> let_all_pass() {
    heartgate::v1::Policy policy;
    heartgate::v1::Rule* rule = policy.add_rules();
    rule->set_id(1);
    rule->set_name("all");
    rule->set_action(heartgate::v1::ACCEPT);
    policy.set_revision(1);
    auto built = CompiledPolicy::build(policy);
    if (!built) throw std::runtime_error(built.error());
    return std::move(*built);
}

IpAddress ipv4(std::uint32_t host_order) { return IpAddress::from_ipv4(htonl(host_order)); }

FlowTableOptions flow_options(std::uint32_t flows) {
    FlowTableOptions options;
    options.ipv4_flows = flows;
    options.ipv6_flows = 0;
    return options;
}

// One worker between two ports, with a route to the internet and a policy that lets all pass.
class Bench {
public:
    Bench(std::uint32_t flows, rte_mempool* pool)
        : flow_count_{flows}, pool_{pool}, flows_{flow_options(flows), quiescence_}, worker_{0, dependencies()} {
        const IpAddress router = ipv4(0xc63364fe);
        routes_.set_port(Zone::kLan, heartgate::bench::kLanMac, 1500);
        routes_.set_port(Zone::kWan, heartgate::bench::kWanMac, 1500);
        Route lan{.network = ipv4(heartgate::bench::kInside), .prefix = 8, .zone = Zone::kLan, .gateway = {}};
        Route wan{.network = ipv4(0xc6336400), .prefix = 24, .zone = Zone::kWan, .gateway = {}};
        Route internet{.network = ipv4(0), .prefix = 0, .zone = Zone::kWan, .gateway = router};
        if (!routes_.replace_routes({lan, wan, internet}) ||
            !routes_.set_neighbour({router, Zone::kWan, heartgate::bench::kRouterMac})) {
            throw std::runtime_error("the routes do not fit");
        }
        std::vector<std::uint32_t> addresses;
        addresses.reserve(kWanAddresses);
        for (std::uint32_t i = 0; i < kWanAddresses; ++i) addresses.push_back(htonl(0xc6336401 + i));
        flows_.set_wan_addresses(addresses);
        delete gate_.swap(let_all_pass().release());
        gate_.set_ready(true);
        quiescence_.online(0);
    }

    // Cycles per packet of `bursts` bursts; number() gives the flow of each packet.
    template <class Number>
    double through_worker(std::size_t bursts, const Number& number) {
        return measure(bursts, number, [&](rte_mbuf** packets) {
            worker_.inject(Zone::kLan, packets, kBurstSize, kNow);
            quiescence_.quiescent(0);
            flows_.expire(0, kNow, kBurstSize);
        });
    }
    template <class Number>
    double base_line(std::size_t bursts, const Number& number) {
        return measure(bursts, number, [](rte_mbuf** packets) {
            const std::uint16_t sent = rte_eth_tx_burst(kOut, 0, packets, kBurstSize);
            for (std::uint16_t i = sent; i < kBurstSize; ++i) rte_pktmbuf_free(packets[i]);
        });
    }

    void check(std::uint64_t packets) const {
        const std::uint64_t sent = worker_.counters().tx.load();
        if (sent == packets && flows_.flows() == flow_count_) return;
        std::string reasons;
        for (std::size_t i = 0; i < heartgate::contract::kDropReasons; ++i) {
            const std::uint64_t count = worker_.counters().drops[i].load();
            if (count > 0) {
                reasons += fmt::format(" {} {}", heartgate::contract::name(heartgate::contract::DropReason(i)), count);
            }
        }
        throw std::runtime_error(fmt::format("{} of {} packets sent, {} of {} flows; dropped:{}", sent, packets,
                                             flows_.flows(), flow_count_, reasons));
    }

    Traffic traffic;

private:
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

    template <class Number, class Send>
    double measure(std::size_t bursts, const Number& number, const Send& send) {
        std::array<rte_mbuf*, kBurstSize> packets;
        const std::uint64_t before = rte_rdtsc();
        for (std::size_t burst = 0; burst < bursts; ++burst) {
            if (rte_pktmbuf_alloc_bulk(pool_, packets.data(), kBurstSize) != 0) {
                throw std::runtime_error("packets have leaked");
            }
            for (rte_mbuf* packet : packets) traffic.fill(packet, number());
            send(packets.data());
        }
        return double(rte_rdtsc() - before) / double(bursts * kBurstSize);
    }

    std::uint32_t flow_count_;
    rte_mempool* pool_;
    Quiescence quiescence_{1};
    EndpointTable endpoints_{1024};
    EndpointActivity activity_{1024};
    BindingTable bindings_{1024, quiescence_};
    Gate gate_{endpoints_};
    RouteTable routes_{1024, quiescence_};
    FragmentTracker fragments_;
    FlowTable flows_;
    NoKernel kernel_;
    Worker worker_;
};

void print(const char* name, std::uint32_t flows, double total, double base) {
    fmt::print("{{\"name\":\"{}\",\"flows\":{},\"cycles_per_packet\":{:.1f},\"base_line\":{:.1f}}}\n", name, flows,
               total - base, base);
}

// The best of many short rounds: the machine changes its speed, and others use it, too.
void run(std::uint32_t flows, rte_mempool* pool) {
    constexpr std::size_t kBursts = 256;  // of one round: less than a millisecond
    constexpr int kRounds = 600;
    constexpr std::size_t kNewBursts = 4;  // rounds in which flows are made; their median counts
    Bench bench{flows, pool};

    std::uint32_t next = 0;
    const auto in_order = [&] { return next++ % flows; };
    const auto any = [&] { return bench.traffic.any(flows); };
    std::vector<double> made;
    for (std::size_t left = (flows + kBurstSize - 1) / kBurstSize; left > 0;) {
        const std::size_t bursts = std::min(left, kNewBursts);
        made.push_back(bench.through_worker(bursts, in_order));
        left -= bursts;
    }
    const std::uint64_t first = std::uint64_t{(flows + kBurstSize - 1) / kBurstSize} * kBurstSize;
    std::nth_element(made.begin(), made.begin() + std::ptrdiff_t(made.size() / 2), made.end());

    double total = 1e9;
    double base = 1e9;
    for (int round = 0; round < kRounds; ++round) {
        total = std::min(total, bench.through_worker(kBursts, any));
        base = std::min(base, bench.base_line(kBursts, any));
    }
    bench.check(first + std::uint64_t{kRounds} * kBursts * kBurstSize);
    print("hit path", flows, total, base);
    print("new flow", flows, made[made.size() / 2], base);
}

}  // namespace

int main(int argc, char** argv) try {
    std::vector<std::uint32_t> sizes;
    for (int i = 1; i < argc; ++i) sizes.push_back(static_cast<std::uint32_t>(std::strtoul(argv[i], nullptr, 10)));
    if (std::any_of(sizes.begin(), sizes.end(), [](std::uint32_t size) { return size < kBurstSize; })) {
        fmt::print(stderr, "usage: pipeline [FLOWS...], each at least {}\n", kBurstSize);
        return 2;
    }
    if (sizes.empty()) sizes = {1000, 64'000, 1'000'000};
    start_eal();
    rte_mempool* const pool = make_pool();
    start_port(pool);
    for (const std::uint32_t flows : sizes) run(flows, pool);
    return 0;
} catch (const std::exception& error) {
    fmt::print(stderr, "pipeline: {}\n", error.what());
    return 1;
}
