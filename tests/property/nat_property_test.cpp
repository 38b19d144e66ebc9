// SPDX-License-Identifier: Apache-2.0
// Source NAT is a bijection: no two inside addresses and ports share a WAN tuple, each has one whatever it talks to
// (RFC 4787 REQ-1), and an answer leads back to the one that asked, also while WAN addresses come and go.
#include <algorithm>
#include <map>
#include <ostream>
#include <tuple>
#include <vector>

#include "tests/packet/flow/flow_fixture.h"
#include "tests/property/steps.h"
#include "tests/zones.h"

using namespace heartgate::dataplane;
using namespace heartgate::dataplane::test;

namespace {

constexpr std::uint32_t kHosts = 5;
constexpr std::uint16_t kInsidePorts = 4;
constexpr std::uint32_t kServers = 2;
constexpr std::array<std::uint8_t, 3> kProtocols{IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP};

struct Step {
    enum class Do : std::uint8_t { kInsert, kWait, kAddresses } what = Do::kInsert;
    std::uint32_t host = 0;
    std::uint16_t port = 0;
    std::uint32_t server = 0;
    std::uint8_t protocol = 0;
    std::uint32_t wait_ms = 0;
    std::vector<std::uint32_t> addresses;  // of the WAN, host order
};

std::ostream& operator<<(std::ostream& out, const Step& step) {
    switch (step.what) {
        case Step::Do::kInsert:
            return out << "insert host " << step.host << " port " << step.port << " server " << step.server
                       << " protocol " << static_cast<int>(step.protocol);
        case Step::Do::kWait:
            return out << "wait " << step.wait_ms << " ms";
        default:
            out << "WAN addresses";
            for (const std::uint32_t address : step.addresses) out << " 198.51.100." << (address & 0xffU);
            return out;
    }
}

rc::Gen<Step> any_step() {
    using Do = Step::Do;
    const auto addresses = rc::gen::unique<std::vector<std::uint32_t>>(rc::gen::inRange(kWanAddress, kWanAddress + 4));
    return rc::gen::build<Step>(
        rc::gen::set(&Step::what,
                     rc::gen::weightedElement<Do>({{12, Do::kInsert}, {2, Do::kWait}, {1, Do::kAddresses}})),
        rc::gen::set(&Step::host, below(kHosts)), rc::gen::set(&Step::port, below(kInsidePorts)),
        rc::gen::set(&Step::server, below(kServers)), rc::gen::set(&Step::protocol, rc::gen::elementOf(kProtocols)),
        rc::gen::set(&Step::wait_ms, below(40'000U)), rc::gen::set(&Step::addresses, rc::gen::resize(3, addresses)));
}

NewFlow flow_of(std::uint32_t host, std::uint16_t port, std::uint32_t server, std::uint8_t protocol) {
    NewFlow flow = FlowFixture::udp(host, port, kServer + server);
    flow.question.protocol = protocol;
    return flow;
}

using Inside = std::tuple<std::uint32_t, std::uint16_t, std::uint8_t>;   // address, port, protocol; network order
using Outside = std::tuple<std::uint32_t, std::uint16_t, std::uint8_t>;  // of the WAN

void check_bijection(const FlowFixture& flows, const std::vector<std::uint32_t>& addresses, NatPortRange range) {
    std::map<Inside, Outside> forward;
    std::map<Outside, Inside> back;
    const auto check = [&](const NewFlow& flow) {
        const FlowRef found = flows.find_forward(flow);
        if (found.record == nullptr) return;
        const FlowRecord& record = *found.record;
        const Inside inside{flow.question.source.ipv4(), htons(flow.question.source_port), flow.question.protocol};
        const Outside outside{record.rewrite_address(Direction::kForward), record.rewrite_port(Direction::kForward),
                              flow.question.protocol};
        RC_ASSERT(forward.try_emplace(inside, outside).first->second == outside);
        RC_ASSERT(back.try_emplace(outside, inside).first->second == inside);
        RC_ASSERT(std::find(addresses.begin(), addresses.end(), ntohl(std::get<0>(outside))) != addresses.end());
        RC_ASSERT(ntohs(std::get<1>(outside)) >= range.first);
        RC_ASSERT(ntohs(std::get<1>(outside)) <= range.last);

        // The answer, as it comes in from the WAN: its key is built here, not by the code under test.
        FlowKey4 answer;
        answer.source = flow.question.destination.ipv4();
        answer.source_port = is_icmp(flow.question.protocol) ? std::uint16_t{0} : htons(flow.question.destination_port);
        answer.destination = std::get<0>(outside);
        answer.destination_port = std::get<1>(outside);
        answer.protocol = flow.question.protocol;
        answer.port = test::kWanZone.raw();
        const FlowRef reply = flows.find(answer);
        RC_ASSERT(reply.record == found.record);
        RC_ASSERT(reply.direction == Direction::kReply);
        RC_ASSERT(record.rewrite_address(Direction::kReply) == std::get<0>(inside));
        RC_ASSERT(record.rewrite_port(Direction::kReply) == std::get<1>(inside));
    };
    for (std::uint32_t host = 0; host < kHosts; ++host) {
        for (std::uint16_t port = 0; port < kInsidePorts; ++port) {
            for (std::uint32_t server = 0; server < kServers; ++server) {
                for (const std::uint8_t protocol : kProtocols) check(flow_of(host, port, server, protocol));
            }
        }
    }
    RC_ASSERT(std::size_t{flows.table->nat_mappings()} == forward.size());
}

}  // namespace

TEST_CASE("source NAT is a bijection between inside and WAN tuples") {
    rc::prop("flows, time and WAN addresses come and go in any order", [] {
        FlowTableOptions options = small(200, 0);
        // Fewer ports than insides, or so many that collisions are rare.
        options.nat_ports = *rc::gen::element(NatPortRange{.first = 3000, .last = 3002}, NatPortRange{});
        FlowFixture flows{options};
        std::vector<std::uint32_t> addresses{kWanAddress};
        for (const Step& step : *rc::gen::container<std::vector<Step>>(any_step())) {
            if (step.what == Step::Do::kInsert) {
                const InsertResult made = flows.insert(flow_of(step.host, step.port, step.server, step.protocol));
                RC_ASSERT_FALSE(made.inserted && addresses.empty());
            } else if (step.what == Step::Do::kWait) {
                flows.pass(step.wait_ms);
            } else {
                std::vector<std::uint32_t> network_order;
                for (const std::uint32_t address : step.addresses) network_order.push_back(htonl(address));
                RC_ASSERT(flows.table->set_wan_addresses(network_order));
                addresses = step.addresses;
                flows.pass(40'000);  // records of a lost address come back when their timers' turn comes
            }
            flows.loop();
            check_bijection(flows, addresses, options.nat_ports);
        }
    });
}
