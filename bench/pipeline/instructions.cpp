// SPDX-License-Identifier: Apache-2.0
// The hit path's instructions per packet, to be run by valgrind: bench/compare/instructions.py. Unlike cycles they are
// the same each time, whatever else the machine does. Callgrind is told where each scenario's packets begin and end,
// and collects in Bench::work() alone. For each scenario prints the name of its dump and the number of its packets.
#include <fmt/core.h>
#include <valgrind/callgrind.h>

#include <cstdlib>
#include <exception>
#include <memory>
#include <stdexcept>

#include "bench/pipeline/bench.h"

namespace {

using heartgate::bench::Bench;
using heartgate::bench::kBurstSize;
using heartgate::bench::Scenario;
using heartgate::bench::Traffic;

constexpr std::uint32_t kFlows = 1000;
constexpr std::size_t kBursts = 256;

void count(const Scenario& scenario, rte_mempool* pool) {
    const auto bench = std::make_unique<Bench>(scenario, pool);
    bench->make_flows((kFlows + kBurstSize - 1) / kBurstSize);
    bench->hit_path(kBursts);  // each flow is settled, and its time is stored
    CALLGRIND_ZERO_STATS;
    bench->hit_path(kBursts);
    CALLGRIND_DUMP_STATS_AT(scenario.name.c_str());
    bench->check();
    fmt::print("{{\"name\":\"{}\",\"packets\":{}}}\n", scenario.name, kBursts * kBurstSize);
}

}  // namespace

int main() try {
    if (RUNNING_ON_VALGRIND == 0)
        throw std::runtime_error("counts nothing by itself; use scripts/bench --instructions");
    rte_mempool* const pool = heartgate::bench::start_dpdk("instructions", {"--no-huge", "--no-shconf", "-m", "256"});
    using Family = Traffic::Family;
    using Protocols = Traffic::Protocols;
    count({.name = "IPv4 UDP", .flows = kFlows, .protocols = Protocols::kUdp}, pool);
    count({.name = "IPv4 TCP", .flows = kFlows, .protocols = Protocols::kTcp}, pool);
    count({.name = "IPv6 UDP and TCP", .flows = kFlows, .family = Family::kIpv6}, pool);
    return EXIT_SUCCESS;
} catch (const std::exception& error) {
    fmt::print(stderr, "instructions: {}\n", error.what());
    return EXIT_FAILURE;
}
