// SPDX-License-Identifier: Apache-2.0
// The table against a plain map: the same random steps, the same answers.
#include <catch2/catch.hpp>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include "tests/packet/flow/flow_fixture.h"

using namespace heartgate::dataplane;
using namespace heartgate::dataplane::test;

namespace {

struct Tuple {
    std::uint32_t host;
    std::uint16_t port;
    std::uint32_t server;
    bool translate;
    friend bool operator<(const Tuple& a, const Tuple& b) {
        return std::tie(a.host, a.port, a.server, a.translate) < std::tie(b.host, b.port, b.server, b.translate);
    }

    [[nodiscard]] NewFlow flow() const {
        NewFlow made = FlowFixture::udp(host, port, kServer + server);
        made.translate = translate;
        return made;
    }
};

}  // namespace

TEST_CASE("100,000 random steps agree with a plain map") {
    constexpr std::uint32_t kTimeoutMs = 30'000;
    constexpr std::uint32_t kLateMs = 4'000;  // a flow may outlive its time-out by this much
    FlowFixture flows{small(1500, 0)};
    std::map<Tuple, std::uint32_t> seen;  // live flows, and when they were last seen
    std::mt19937 engine{20'260'101};
    const auto random = [&] { return static_cast<std::uint32_t>(engine()); };
    const auto any = [&] {
        const std::uint32_t host = random() % 100;
        return Tuple{host, static_cast<std::uint16_t>(random() % 6), random() % 4, host % 3 != 0};
    };
    std::uint32_t refused = 0;

    for (int step = 0; step < 100'000; ++step) {
        const Tuple tuple = any();
        const NewFlow flow = tuple.flow();
        const auto known = seen.find(tuple);
        const FlowRef found = flows.find_forward(flow);
        if (known == seen.end()) {
            REQUIRE(found.record == nullptr);
        } else if (found.record == nullptr) {
            REQUIRE(flows.now_ms - known->second >= kTimeoutMs);
            seen.erase(known);
        } else {
            REQUIRE(flows.now_ms - known->second <= kTimeoutMs + kLateMs);
            REQUIRE(found.record->question().source == flow.question.source);
            REQUIRE(found.record->question().destination == flow.question.destination);
            REQUIRE(flows.find(reply_key<FlowKey4>(*found.record)).record == found.record);
        }

        switch (random() % 4) {
            case 0:
            case 1: {
                const InsertResult made = flows.insert(flow, random() % 2);
                if (made.flow.record == nullptr) {
                    REQUIRE(flows.table->flows() == 1500);
                    ++refused;
                } else {
                    REQUIRE(made.inserted == !seen.contains(tuple));
                    if (made.inserted) seen[tuple] = flows.now_ms;
                }
                break;
            }
            case 2:
                if (found.record != nullptr && found.record->seen(flows.now_ms)) seen[tuple] = flows.now_ms;
                break;
            default:
                flows.now_ms += random() % 40;
                flows.table->expire(random() % 2, flows.now_ms, 16);
                break;
        }
        if (step % 100 == 0) flows.loop();
        if (step == 50'000) flows.pass(10 * kTimeoutMs);
    }
    CHECK(refused > 0);  // the table was full at times

    // Mappings: as many as different insides, each with its own port.
    std::map<std::pair<std::uint32_t, std::uint16_t>, std::uint16_t> ports;
    std::set<std::uint16_t> different;
    std::uint32_t live = 0;
    for (const auto& [tuple, last] : seen) {
        const FlowRef found = flows.find_forward(tuple.flow());
        if (found.record == nullptr) continue;
        ++live;
        if (!tuple.translate) continue;
        const std::uint16_t port = found.record->rewrite_port(Direction::kForward);
        const auto [place, fresh] = ports.emplace(std::pair{tuple.host, tuple.port}, port);
        REQUIRE(place->second == port);
        if (fresh) REQUIRE(different.insert(port).second);
    }
    flows.loop();
    CHECK(live > 100);
    CHECK(flows.table->flows() == live);
    CHECK(flows.table->nat_mappings() == ports.size());

    flows.pass(3 * kTimeoutMs);
    CHECK(flows.table->flows() == 0);
    CHECK(flows.table->nat_mappings() == 0);
}
