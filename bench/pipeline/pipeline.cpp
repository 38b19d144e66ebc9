// SPDX-License-Identifier: Apache-2.0
// Cycles per packet of a worker's stages in one process: bursts of 32 packets, UDP and TCP mixed, of N flows in random
// order, out of a net_null port. The clock runs around the worker alone; the same packets sent without it are the base
// line and are taken off, so what is printed is what the pipeline costs on top of a port driver. Scenarios that are
// compared take turns, and each counts by its best round. A trial whose counters do not add up ends in an error.
// One line of JSON per measurement.
//
//   pipeline [FLOWS...]        default: 1000 16000 64000 1000000; needs about 350 free hugepages of 2 MB for 1,000,000
#include <fmt/core.h>
#include <rte_cycles.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "bench/pipeline/bench.h"

namespace {

using heartgate::bench::Bench;
using heartgate::bench::kBurstSize;
using heartgate::bench::Scenario;
using heartgate::bench::Traffic;

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
    rte_mempool* const pool = heartgate::bench::start_dpdk("pipeline", {"--in-memory"});
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
