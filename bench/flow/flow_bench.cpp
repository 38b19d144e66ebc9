// SPDX-License-Identifier: Apache-2.0
// What the flow table costs, without packets: cycles per key of hash and bulk lookup (random order, forward and reply
// keys mixed, record touched), and cycles per insert and per removal. One line of JSON per measurement.
//
//   flow_bench [FLOWS...]      default: 1000 16384 65536 1048576; EAL on its own hugepages, else on normal ones
#include <fmt/core.h>
#include <rte_cycles.h>
#include <rte_eal.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdlib>
#include <random>
#include <string>
#include <vector>

#include "dataplane/flow/flow_table.h"
#include "dataplane/flow/flow_tuple.h"

namespace {

using namespace heartgate::dataplane;

constexpr unsigned kBurst = FlowTable::kMostKeys;
constexpr std::uint32_t kWanAddresses = 48;
constexpr std::uint32_t kNow = 1'000'000;

bool start_eal(bool huge) {
    std::vector<std::string> words{"flow_bench", "--no-pci",    "--no-telemetry",   "-l",
                                   "0",          "--no-shconf", "--log-level=error"};
    if (huge) {
        words.insert(words.end(), {"--in-memory", "-m", "512"});
    } else {
        words.insert(words.end(), {"--no-huge", "-m", "1024"});
    }
    std::vector<char*> arguments;
    arguments.reserve(words.size());
    for (std::string& word : words) arguments.push_back(word.data());
    return rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) >= 0;
}

NewFlow flow_number(std::uint32_t i) {
    NewFlow flow;
    flow.question.protocol = IPPROTO_UDP;
    flow.question.source = IpAddress::from_ipv4(htonl(0x0a000000U + i / 16));
    flow.question.destination = IpAddress::from_ipv4(htonl(0xcb007100U + i % 251));
    flow.question.source_port = static_cast<std::uint16_t>(1024 + i % 16);
    flow.question.destination_port = 53;
    flow.decision.verdict.reason = heartgate::contract::DropReason::kNone;
    flow.decision.generation = 1;
    flow.translate = true;
    return flow;
}

struct Bench {
    std::uint32_t flows;
    Quiescence quiescence{1};
    FlowTable table;
    std::vector<FlowKey4> keys;  // both of each flow, in random order

    explicit Bench(std::uint32_t count) : flows{count}, table{options(count), quiescence} {
        std::vector<std::uint32_t> addresses;
        addresses.reserve(kWanAddresses);
        for (std::uint32_t i = 0; i < kWanAddresses; ++i) addresses.push_back(htonl(0xc6336401 + i));
        table.set_wan_addresses(addresses);
    }

    static FlowTableOptions options(std::uint32_t count) {
        FlowTableOptions made;
        made.ipv4_flows = count;
        made.ipv6_flows = 0;
        return made;
    }

    double insert() {
        std::vector<NewFlow> wanted;
        wanted.reserve(flows);
        for (std::uint32_t i = 0; i < flows; ++i) wanted.push_back(flow_number(i));
        std::mt19937 random{1};
        std::shuffle(wanted.begin(), wanted.end(), random);
        keys.reserve(std::size_t{flows} * 2);
        std::vector<FlowRecord*> records(flows);
        const std::uint64_t before = rte_rdtsc();
        for (std::uint32_t i = 0; i < flows; ++i) records[i] = table.insert(wanted[i], 0, kNow).flow.record;
        const std::uint64_t cycles = rte_rdtsc() - before;
        for (const FlowRecord* record : records) {
            if (record == nullptr) {
                fmt::print(stderr, "flow_bench: {} flows do not fit\n", flows);
                std::exit(1);
            }
            keys.push_back(forward_key<FlowKey4>(record->question(), 0));
            keys.push_back(reply_key<FlowKey4>(*record));
        }
        std::shuffle(keys.begin(), keys.end(), random);
        return double(cycles) / flows;
    }

    template <class Body>
    double per_key(const Body& body) {
        double best = 1e9;
        for (int round = 0; round < 7; ++round) {
            const std::size_t bursts = std::max<std::size_t>(keys.size() / kBurst, 1);
            const std::size_t repeats = std::max<std::size_t>((1U << 21U) / (bursts * kBurst), 1);
            const std::uint64_t before = rte_rdtsc();
            for (std::size_t repeat = 0; repeat < repeats; ++repeat) {
                for (std::size_t burst = 0; burst < bursts; ++burst) body(&keys[burst * kBurst]);
            }
            best = std::min(best, double(rte_rdtsc() - before) / double(bursts * kBurst * repeats));
        }
        return best;
    }

    double hash_only() {
        std::uint32_t sum = 0;
        const double cycles = per_key([&](const FlowKey4* burst) {
            std::array<std::uint32_t, kBurst> hashes;
            table.hash(
                kBurst, [burst](unsigned i) -> const FlowKey4& { return burst[i]; }, hashes.data());
            sum += hashes[0];
        });
        if (sum == 1) fmt::print("#\n");  // keeps the work
        return cycles;
    }

    // As a worker's hit does: hash, bulk lookup, and the record's guards.
    double lookup() {
        std::uint32_t current = 0;
        std::uint64_t missed = 0;
        const double cycles = per_key([&](const FlowKey4* burst) {
            std::array<FlowRef, kBurst> found;
            table.lookup(
                kBurst, [burst](unsigned i) -> const FlowKey4& { return burst[i]; },
                [&found](unsigned i, FlowRef flow) { found[i] = flow; });
            for (const FlowRef& ref : found) {
                if (ref.record == nullptr) {
                    ++missed;
                } else if (ref.record->current(1, 0, 0)) {
                    ++current;
                }
            }
        });
        if (missed > 0 || current == 0) {
            fmt::print(stderr, "flow_bench: {} keys not found\n", missed);
            std::exit(1);
        }
        return cycles;
    }

    double remove() {
        const std::uint32_t later = kNow + 60'000;
        const std::uint64_t before = rte_rdtsc();
        while (table.flows() > 0 || table.nat_mappings() > 0) {
            quiescence.quiescent(0);
            table.expire(0, later, 32);
        }
        return double(rte_rdtsc() - before) / flows;
    }
};

void print(const char* what, std::uint32_t flows, double cycles) {
    fmt::print("{{\"bench\":\"flow\",\"what\":\"{}\",\"flows\":{},\"cycles\":{:.1f}}}\n", what, flows, cycles);
}

}  // namespace

int main(int argc, char** argv) {
    std::vector<std::uint32_t> sizes;
    for (int i = 1; i < argc; ++i) sizes.push_back(static_cast<std::uint32_t>(std::strtoul(argv[i], nullptr, 10)));
    if (std::find(sizes.begin(), sizes.end(), 0U) != sizes.end()) {
        fmt::print(stderr, "usage: flow_bench [FLOWS...]\n");
        return 2;
    }
    if (sizes.empty()) sizes = {1000, 16'384, 65'536, 1'048'576};
    const bool huge = std::getenv("HEARTGATE_BENCH_NO_HUGE") == nullptr;
    if (!start_eal(huge)) {
        fmt::print(stderr,
                   "flow_bench: DPDK does not start; 256 free hugepages of 2 MB are needed (scripts/setup), or set "
                   "HEARTGATE_BENCH_NO_HUGE=1\n");
        return 1;
    }
    for (const std::uint32_t flows : sizes) {
        Bench bench{flows};
        bench.quiescence.online(0);
        const double insert = bench.insert();
        print("hash", flows, bench.hash_only());
        print("lookup", flows, bench.lookup());
        print("insert", flows, insert);
        print("remove", flows, bench.remove());
    }
    return 0;
}
