// SPDX-License-Identifier: Apache-2.0
// From a change of health that is put into the health ring to *applied* on a worker that is never idle: net_null ports
// give it bursts of 32 packets all the time. The worker runs on core 1, heartgated is played on core 0. What the
// listener and heartgated add is not in it: scripts/demo prints that of one change.
#include <fmt/core.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_ring_elem.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "dataplane/channel/health_consumer.h"
#include "dataplane/concurrent/clock.h"
#include "dataplane/endpoint/activity.h"
#include "dataplane/flow/flow_table.h"
#include "dataplane/fragment/fragment_tracker.h"
#include "dataplane/kernel/kernel_path.h"
#include "dataplane/route/route_table.h"
#include "tests/zones.h"

namespace {

using namespace heartgate;
using namespace heartgate::dataplane;

constexpr std::uint32_t kEndpoints = 65'536;
constexpr std::uint16_t kNetNulls = 2;
constexpr std::size_t kChanges = 5'000;
constexpr std::chrono::microseconds kPause{200};
constexpr std::uint64_t kPatienceNs = 5'000'000'000;

class NoKernel final : public KernelPath {
public:
    bool punt(unsigned, Zone, PuntQueue, Permit, rte_mbuf*) noexcept override { return false; }
    std::uint16_t take(unsigned, Zone, rte_mbuf**, std::uint16_t) noexcept override { return 0; }
    void resolve(unsigned, Zone, const IpAddress&) noexcept override {}
};

void start_dpdk() {
    std::vector<std::string> words{
        "latency", "--no-huge", "--no-shconf", "--no-pci",  "--no-telemetry", "-m",        "256",
        "-l",      "0,1",       "--vdev",      "net_null0", "--vdev",         "net_null1", "--log-level=error"};
    std::vector<char*> arguments;
    arguments.reserve(words.size());
    for (std::string& word : words) arguments.push_back(word.data());
    if (rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) < 0) {
        throw std::runtime_error("DPDK does not start; its messages are above. It needs cores 0 and 1");
    }
}

rte_mempool* start_ports() {
    rte_mempool* pool = rte_pktmbuf_pool_create("latency", 8192, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
    const rte_eth_conf conf{};
    for (std::uint16_t port = 0; port < kNetNulls; ++port) {
        if (pool == nullptr || rte_eth_dev_configure(port, 1, 1, &conf) != 0 ||
            rte_eth_rx_queue_setup(port, 0, 512, 0, nullptr, pool) != 0 ||
            rte_eth_tx_queue_setup(port, 0, 512, 0, nullptr) != 0 || rte_eth_dev_start(port) != 0) {
            throw std::runtime_error(fmt::format("net_null{} does not start", port));
        }
    }
    return pool;
}

struct Dataplane {
    explicit Dataplane(rte_mempool* pool) : worker{0, dependencies(pool)} {}
    WorkerDependencies dependencies(rte_mempool* pool) {
        return {.flows = flows,
                .endpoints = endpoints,
                .activity = activity,
                .bindings = bindings,
                .gate = gate,
                .routes = routes,
                .fragments = fragments,
                .quiescence = quiescence,
                .kernel = kernel,
                .zones = zones,
                .ports = {PortQueues{.port_id = 0}, PortQueues{.port_id = 1}},
                .pool = pool,
                .health = &health};
    }
    static int run(void* self) {
        auto& dataplane = *static_cast<Dataplane*>(self);
        dataplane.worker.run(dataplane.stop);
        return 0;
    }

    Quiescence quiescence{1};
    SharedMemory memory{kEndpoints};
    EndpointTable endpoints{kEndpoints};
    EndpointActivity activity{kEndpoints};
    BindingTable bindings{kEndpoints, quiescence};
    RouteTable routes{1024, quiescence};
    FlowTable flows{{}, quiescence};
    FragmentTracker fragments;
    Gate gate{endpoints};
    HealthConsumer health{memory, endpoints, bindings, gate, quiescence};
    NoKernel kernel;
    const ZoneTable zones = test::zones();
    std::atomic<bool> stop{false};
    Worker worker;
};

// Nanoseconds from the ring to applied.
std::uint64_t change(Dataplane& dataplane, std::uint64_t sequence) {
    contract::HealthMessage message;
    message.incarnation = 1;
    message.endpoint = static_cast<std::uint32_t>(1 + sequence % (kEndpoints - 1));
    message.sequence = sequence;
    message.received_ns = monotonic_ns();
    message.type = static_cast<std::uint8_t>(contract::MessageType::kEndpointState);
    message.state = contract::EndpointWord::encode({.colour = contract::Colour::kRed, .isolated = true});
    message.checksum = contract::checksum(message);
    if (rte_ring_sp_enqueue_elem(dataplane.memory.health(), &message, sizeof message) != 0) {
        throw std::runtime_error("the health ring is full");
    }
    contract::SharedState& state = dataplane.memory.state();
    while (state.applied_sequence.load(std::memory_order_acquire) < sequence) {
        if (monotonic_ns() - message.received_ns > kPatienceNs) throw std::runtime_error("a change was not applied");
    }
    return state.applied_ns.load(std::memory_order_relaxed) - message.received_ns;
}

void print(const char* quantile, std::uint64_t ns) {
    fmt::print("{{\"name\":\"ring to applied, {}\",\"value\":{:.1f},\"unit\":\"us\"}}\n", quantile,
               static_cast<double>(ns) / 1000);
}

}  // namespace

int main() try {
    start_dpdk();
    Dataplane dataplane{start_ports()};
    dataplane.health.expect(1);
    rte_eal_remote_launch(&Dataplane::run, &dataplane, 1);
    std::vector<std::uint64_t> times;
    for (std::uint64_t sequence = 1; sequence <= kChanges; ++sequence) {
        std::this_thread::sleep_for(kPause);
        times.push_back(change(dataplane, sequence));
    }
    dataplane.stop = true;
    rte_eal_wait_lcore(1);
    const WorkerCounters& counters = dataplane.worker.counters();
    if (counters.busy_cycles.load() < counters.total_cycles.load() / 2) {
        throw std::runtime_error("the worker was idle most of the time: nothing was measured");
    }
    std::sort(times.begin(), times.end());
    print("p50", times[times.size() / 2]);
    print("p99", times[times.size() * 99 / 100]);
    print("maximum", times.back());
    return EXIT_SUCCESS;
} catch (const std::exception& error) {
    fmt::print(stderr, "latency: {}\n", error.what());
    return EXIT_FAILURE;
}
