// SPDX-License-Identifier: Apache-2.0
// Runs churn for as long as asked and then looks at what is left: soak SECONDS [SEED]. One line per check,
// "ok NAME" or "not ok NAME: WHY"; exit status 1 if one is not.
#include <fmt/format.h>
#include <rte_mempool.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <fstream>
#include <random>

#include "tests/soak/churn.h"

using namespace heartgate::dataplane::test;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::uint64_t kMayGrowBytes = 2U << 20U;  // the heap's own unrest

std::uint64_t resident_bytes() {
    std::ifstream file{"/proc/self/statm"};
    std::uint64_t all = 0;
    std::uint64_t resident = 0;
    file >> all >> resident;
    return resident * static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
}

bool failed = false;

void check(bool holds, const std::string& name, const std::string& why) {
    fmt::print("{}\n", holds ? "ok " + name : "not ok " + name + ": " + why);
    failed = failed || !holds;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) {
        fmt::print(stderr, "usage: soak SECONDS [SEED]\n");
        return 2;
    }
    const std::chrono::duration<double> length{std::stod(argv[1])};
    const std::uint64_t seed = argc > 2 ? std::stoull(argv[2]) : std::random_device{}();
    fmt::print("seed {}\n", seed);
    std::array<std::uint64_t, 4> resident{};  // the most of each quarter
    try {
        Churn churn{seed};
        const auto start = Clock::now();
        for (;;) {
            for (unsigned i = 0; i < 256; ++i) churn.turn();
            const double part = (Clock::now() - start) / length;
            if (part >= 1) break;
            std::uint64_t& most = resident.at(static_cast<std::size_t>(part * 4));
            most = std::max(most, resident_bytes());
        }
        churn.come_to_rest();
        const auto& counters = churn.world().worker->counters();
        fmt::print(
            "{} bursts, {} packets from ports, {} answered, {} isolations and releases, {} restarts of heartgated, "
            "{} flows made, {} KiB resident in the first quarter, {} in the last\n",
            churn.bursts, counters.rx.load(), churn.answered, churn.isolations, churn.restarts,
            counters.flows_created.load(), resident.front() / 1024, resident.back() / 1024);
        check(churn.answered > 0 && churn.from_isolated > 0 && churn.restarts > 0, "something happened",
              "no answer, no isolation or no restart in so short a time");
        check(true, "packets add up in every burst, and nobody isolated got through", "");
        check(resident.back() <= resident.front() + kMayGrowBytes, "memory is flat",
              fmt::format("{} bytes in the first quarter, {} in the last", resident.front(), resident.back()));
        const auto& flows = *churn.world().flows;
        check(flows.flows() == 0, "no flow is left", fmt::format("{} are", flows.flows()));
        check(flows.nat_mappings() == 0, "no NAT mapping is left", fmt::format("{} are", flows.nat_mappings()));
        check(counters.held.load() == 0, "nothing is held", fmt::format("{} packets are", counters.held.load()));
        const unsigned used = rte_mempool_in_use_count(packet_pool());
        check(used == 0, "every packet buffer came back", fmt::format("{} are missing", used));
    } catch (const std::exception& problem) {
        check(false, "packets add up in every burst, and nobody isolated got through", problem.what());
    }
    return failed ? 1 : 0;
}
