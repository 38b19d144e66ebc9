// SPDX-License-Identifier: Apache-2.0
// What a policy costs: seconds to build it, cycles to find the rule of one packet, against a search from the top. Rules
// are mixed as an office has them: networks within networks, single ports, ranges, some for any. One line of JSON per
// size and family.
//
//   policy [RULES...]      default: 10 100 1000 10000
#include <fmt/core.h>
#include <rte_cycles.h>
#include <rte_eal.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <random>
#include <stdexcept>
#include <string>
#include <vector>

#include "dataplane/packet/address_text.h"
#include "heartgate/v1/policy.pb.h"
#include "tests/property/rule_oracle.h"
#include "tests/zones.h"

namespace {

using namespace heartgate::dataplane;
namespace v1 = heartgate::v1;

constexpr unsigned kPackets = 4096;
constexpr unsigned kRounds = 5;

// The same numbers in every run.
class Random {
public:
    explicit Random(std::uint32_t seed) : engine_{seed} {}
    std::uint32_t operator()() { return static_cast<std::uint32_t>(engine_()); }

private:
    std::mt19937 engine_;
};

void start_eal() {
    std::vector<std::string> words{"policy",      "--no-huge",      "-m", "512", "--no-pci",
                                   "--no-shconf", "--no-telemetry", "-l", "0",   "--log-level=error"};
    std::vector<char*> arguments;
    arguments.reserve(words.size());
    for (std::string& word : words) arguments.push_back(word.data());
    if (rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) < 0) {
        throw std::runtime_error("DPDK does not start; its messages are above");
    }
}

std::string network(bool ipv6, std::uint32_t a, std::uint32_t b, std::uint32_t bits) {
    return ipv6 ? fmt::format("2001:db8:{:x}:{:x}::/{}", a, b,
                              bits == 16   ? 48
                              : bits == 24 ? 64
                                           : 128)
                : fmt::format("10.{}.{}.0/{}", a, b, bits);
}

v1::Policy office(bool ipv6, std::uint32_t rules) {
    Random random{7};
    v1::Policy policy;
    for (std::uint32_t i = 1; i <= rules; ++i) {
        v1::Rule& rule = *policy.add_rules();
        rule.set_id(i);
        rule.set_action(v1::ACCEPT);
        rule.set_from_zone("lan");
        const std::array<std::uint32_t, 3> lengths{16, 24, 32};
        if (random() % 2 == 0)
            rule.add_from_networks(network(ipv6, random() % 250, random() % 250, lengths[random() % 3]));
        rule.add_to_networks(network(ipv6, random() % 250, random() % 250, lengths[random() % 3]));
        if (random() % 10 == 0) continue;
        v1::Service& service = *rule.add_services();
        service.set_protocol(random() % 2 == 0 ? 6 : 17);
        service.set_port_from(1 + random() % 9000);
        service.set_port_to(service.port_from() + (random() % 4 == 0 ? random() % 1000 : 0));
    }
    return policy;
}

std::vector<Question> packets(bool ipv6) {
    Random random{11};
    std::vector<Question> list(kPackets);
    for (Question& question : list) {
        const auto address = [&] {
            return parse_ip(ipv6 ? fmt::format("2001:db8:{:x}:{:x}::", random() % 250, random() % 250)
                                 : fmt::format("10.{}.{}.0", random() % 250, random() % 250))
                .value();
        };
        question.ether_type = ipv6 ? ethernet::kIpv6 : ethernet::kIpv4;
        question.protocol = random() % 2 == 0 ? 6 : 17;
        question.source = address();
        question.destination = address();
        question.destination_port = static_cast<std::uint16_t>(1 + random() % 10000);
    }
    return list;
}

// Cycles for a packet, the best of some rounds. `check`: keeps the compiler from leaving the search out.
template <class Match>
double cycles(const std::vector<Question>& list, Match&& match, std::uint64_t& check) {
    double best = 1e18;
    for (unsigned round = 0; round < kRounds; ++round) {
        const std::uint64_t begin = rte_rdtsc_precise();
        for (const Question& question : list) {
            const CompiledPolicy::Rule* rule = match(question);
            check += rule == nullptr ? 0 : rule->id;
        }
        best = std::min(best, static_cast<double>(rte_rdtsc_precise() - begin) / static_cast<double>(list.size()));
    }
    return best;
}

void measure(bool ipv6, std::uint32_t rules) {
    const v1::Policy policy = office(ipv6, rules);
    const std::uint64_t begin = rte_rdtsc_precise();
    const auto built = CompiledPolicy::build(policy, heartgate::dataplane::test::zones());
    const double seconds = static_cast<double>(rte_rdtsc_precise() - begin) / static_cast<double>(rte_get_tsc_hz());
    if (!built) throw std::runtime_error(built.error());
    const std::vector<Question> list = packets(ipv6);
    std::uint64_t by_trie = 0;
    std::uint64_t by_search = 0;
    const double trie = cycles(
        list, [&](const Question& q) { return (*built)->match(q); }, by_trie);
    const double search = cycles(
        list, [&](const Question& q) { return test::first_match(**built, q); }, by_search);
    if (by_trie != by_search) throw std::runtime_error("the tries and the search find different rules");
    fmt::print(R"({{"name": "policy_{}_{}_rules", "build_s": {:.3f}, "match_cycles": {:.0f}, "search_cycles": {:.0f}}})"
               "\n",
               ipv6 ? "ipv6" : "ipv4", rules, seconds, trie, search);
}

}  // namespace

int main(int count, char** words) try {
    start_eal();
    std::vector<std::uint32_t> sizes{10, 100, 1000, 10'000};
    if (count > 1) sizes.clear();
    for (int i = 1; i < count; ++i) sizes.push_back(static_cast<std::uint32_t>(std::strtoul(words[i], nullptr, 10)));
    for (const std::uint32_t rules : sizes) {
        for (const bool ipv6 : {false, true}) measure(ipv6, rules);
    }
    return 0;
} catch (const std::exception& problem) {
    fmt::print(stderr, "policy: {}\n", problem.what());
    return 1;
}
