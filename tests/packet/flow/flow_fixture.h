// SPDX-License-Identifier: Apache-2.0
// A flow table of its own for one test case, on an EAL without hugepages, and short ways to fill and ask it.
#pragma once

#include <rte_eal.h>

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "dataplane/flow/flow_table.h"
#include "dataplane/flow/flow_tuple.h"
#include "tests/zones.h"

namespace heartgate::dataplane::test {

// Once per program.
inline void start_eal() {
    static const bool started = [] {
        std::vector<std::string> words{"flow_test",   "--no-huge",      "-m", "256", "--no-pci",
                                       "--no-shconf", "--no-telemetry", "-l", "0",   "--log-level=error"};
        std::vector<char*> arguments;
        arguments.reserve(words.size());
        for (std::string& word : words) arguments.push_back(word.data());
        return rte_eal_init(static_cast<int>(arguments.size()), arguments.data()) >= 0;
    }();
    if (!started) throw std::runtime_error("rte_eal_init failed; its messages are above");
}

inline IpAddress ipv4(std::uint32_t host_order) { return IpAddress::from_ipv4(htonl(host_order)); }
inline constexpr std::uint32_t kInside = 0x0a000000;      // 10.0.0.0
inline constexpr std::uint32_t kServer = 0xcb007107;      // 203.0.113.7
inline constexpr std::uint32_t kWanAddress = 0xc6336401;  // 198.51.100.1

// Two workers.
inline FlowTableOptions small(std::uint32_t ipv4_flows = 1000, std::uint32_t ipv6_flows = 100) {
    FlowTableOptions made;
    made.ipv4_flows = ipv4_flows;
    made.ipv6_flows = ipv6_flows;
    made.workers = 2;
    made.timeouts.udp_one_way = 30;
    return made;
}

struct FlowFixture {
    FlowTableOptions options;
    std::unique_ptr<Quiescence> quiescence;
    std::unique_ptr<FlowTable> table;
    std::uint32_t now_ms = 1'000'000;

    explicit FlowFixture(const FlowTableOptions& wanted = small()) : options{wanted} {
        start_eal();
        quiescence = std::make_unique<Quiescence>(options.workers + 1);
        table = std::make_unique<FlowTable>(options, *quiescence);
        table->set_wan_addresses({htonl(kWanAddress)});
    }

    // A UDP flow from the LAN through source NAT.
    static NewFlow udp(std::uint32_t host, std::uint16_t port, std::uint32_t server = kServer,
                       std::uint16_t server_port = 53) {
        NewFlow flow;
        flow.question.from = kLanZone;
        flow.question.to = kWanZone;
        flow.question.protocol = IPPROTO_UDP;
        flow.question.source = ipv4(kInside + host);
        flow.question.destination = ipv4(server);
        flow.question.source_port = port;
        flow.question.destination_port = server_port;
        flow.decision.verdict.reason = contract::DropReason::kNone;
        flow.decision.generation = 1;
        flow.translate = true;
        return flow;
    }
    // A UDP flow that Linux sends out of the WAN port.
    static NewFlow from_linux(std::uint16_t port, std::uint32_t server = kServer, std::uint16_t server_port = 53) {
        NewFlow flow = udp(0, port, server, server_port);
        flow.question.from = kAppliance;
        flow.question.source = ipv4(kWanAddress);
        return flow;
    }

    InsertResult insert(const NewFlow& flow, unsigned worker = 0) { return table->insert(flow, worker, now_ms); }

    template <class Key>
    FlowRef find(const Key& key) const {
        return table->find(key);
    }
    FlowRef find_forward(const NewFlow& flow) const { return find(forward_key<FlowKey4>(flow.question, flow.vlan)); }

    // Time passes, workers loop; long enough for everything that is due.
    void pass(std::uint32_t milliseconds) {
        for (std::uint32_t step = 0; step < milliseconds; step += 500) {
            now_ms += 500;
            loop();
        }
    }
    void loop() {
        for (unsigned round = 0; round < 4; ++round) {
            for (unsigned worker = 0; worker < options.workers; ++worker) table->expire(worker, now_ms, 1000);
        }
    }
};

}  // namespace heartgate::dataplane::test
