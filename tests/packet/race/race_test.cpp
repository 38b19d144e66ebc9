// SPDX-License-Identifier: Apache-2.0
// What the workers, the health consumer and the control thread do at the same time to the tables they share. The
// tables' own races are beside their tests; here they meet.
#include <rte_ring_elem.h>

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "dataplane/channel/health_consumer.h"
#include "dataplane/endpoint/binding_table.h"
#include "dataplane/packet/address_text.h"
#include "dataplane/route/route_table.h"
#include "tests/packet/flow/flow_fixture.h"
#include "tests/zones.h"

using namespace heartgate::dataplane;
using namespace heartgate::dataplane::test;
using heartgate::contract::Colour;
using heartgate::contract::DropReason;
using heartgate::contract::EndpointState;
using heartgate::contract::EndpointWord;
using heartgate::contract::HealthMessage;
using heartgate::contract::MessageType;
using heartgate::contract::Presence;

namespace {

constexpr unsigned kWorkers = 2;
constexpr std::uint32_t kEndpoint = 5;
constexpr EndpointState kGreen{.colour = Colour::kGreen, .presence = Presence::kConnected};
constexpr EndpointState kIsolated{.colour = Colour::kRed, .presence = Presence::kConnected, .isolated = true};
const MacAddress kMac{2, 0, 0, 0, 0, 5};

// Workers in threads of their own, each with a quiescent point after each burst, until the body of the test is through.
class Workers {
public:
    template <class Burst>
    Workers(Quiescence& quiescence, const Burst& burst) {
        for (unsigned worker = 0; worker < kWorkers; ++worker) {
            threads_.emplace_back([&quiescence, burst, worker, this] {
                quiescence.online(worker);
                ++ready_;
                for (std::uint32_t round = 0; !stop_; ++round) {
                    burst(worker, round);
                    quiescence.quiescent(worker);
                }
                quiescence.offline(worker);
            });
        }
        while (ready_ < kWorkers) std::this_thread::yield();
    }
    ~Workers() {
        stop_ = true;
        for (std::thread& thread : threads_) thread.join();
    }
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

private:
    std::atomic<bool> stop_{false};
    std::atomic<unsigned> ready_{0};
    std::vector<std::thread> threads_;
};

}  // namespace

TEST_CASE("after an isolation was applied no worker lets a packet of that endpoint pass") {
    constexpr std::uint32_t kFlows = 50;
    FlowFixture flows{small(200, 0)};
    EndpointTable endpoints{16};
    endpoints.set(kEndpoint, kGreen);
    std::atomic<bool> applied{false};
    std::atomic<std::uint32_t> wrong{0};
    std::atomic<std::uint32_t> passed{0};
    std::atomic<std::uint32_t> stopped{0};

    // A packet's way through look-up, check and decision, with the word as the only rule.
    const auto packet = [&](unsigned worker, std::uint32_t round) {
        const bool must_stop = applied.load(std::memory_order_acquire);
        const std::uint32_t generation = endpoints.generation();
        NewFlow flow = FlowFixture::udp(round % kFlows, 1);
        const FlowRef found = flows.find_forward(flow);
        DropReason reason = DropReason::kNone;
        const bool current = found.record != nullptr && found.record->current(generation, 0, 0);
        if (current || (found.record != nullptr && found.record->try_refresh(generation, endpoints))) {
            reason = found.record->reason();
        } else {
            Decision& decision = flow.decision;
            decision.generation = generation;
            decision.source_endpoint = kEndpoint;
            decision.verdict.source_word = endpoints.word(kEndpoint);
            reason = decision.verdict.source_word.state().isolated ? DropReason::kIsolatedSource : DropReason::kNone;
            decision.verdict.reason = reason;
            if (found.record != nullptr) {
                (void)found.record->try_store(decision);
            } else if (reason == DropReason::kNone) {
                (void)flows.table->insert(flow, worker, flows.now_ms);
            }
        }
        if (reason == DropReason::kNone && must_stop) ++wrong;
        ++(reason == DropReason::kNone ? passed : stopped);
    };
    {
        const Workers workers{*flows.quiescence, packet};
        for (int round = 0; round < 30; ++round) {
            endpoints.set(kEndpoint, kIsolated);
            flows.quiescence->synchronize();
            applied.store(true, std::memory_order_release);
            const std::uint32_t before = stopped;
            while (stopped < before + 20) std::this_thread::yield();
            applied.store(false, std::memory_order_release);
            flows.quiescence->synchronize();
            endpoints.set(kEndpoint, kGreen);
            const std::uint32_t free = passed;
            while (passed < free + 20) std::this_thread::yield();
        }
    }
    CHECK(wrong == 0);
}

TEST_CASE("flows, bindings and routes change under workers that read them") {
    FlowFixture flows{small(300, 0)};
    EndpointTable endpoints{16};
    BindingTable bindings{16, *flows.quiescence};
    RouteTable routes{16, *flows.quiescence, 64};
    routes.set_link(test::kLanZone, {.mac = kMac});
    const IpAddress address = parse_ip("10.0.0.5").value();
    const Route route{.network = parse_ip("10.0.0.0").value(), .prefix = 24, .zone = test::kLanZone, .gateway = {}};
    REQUIRE(routes.replace_routes({route}));
    std::atomic<std::uint32_t> wrong{0};
    std::atomic<std::uint32_t> bound{0};
    std::atomic<std::uint32_t> resolved{0};
    {
        const Workers workers{*flows.quiescence, [&](unsigned worker, std::uint32_t round) {
                                  const NewFlow flow = FlowFixture::udp((round * 7 + worker) % 400, 1);
                                  const FlowRef found = flows.find_forward(flow);
                                  const std::uint32_t now_ms = flows.now_ms + round * 10;
                                  if (found.record == nullptr) {
                                      (void)flows.table->insert(flow, worker, now_ms);
                                  } else if (found.record->generation() != flow.decision.generation ||
                                             found.record->question().source != flow.question.source) {
                                      ++wrong;
                                  }
                                  flows.table->expire(worker, now_ms, 8);

                                  const BindingTable::Source source = bindings.source(kMac, address);
                                  if (source.endpoint != 0 && source.endpoint != kEndpoint) ++wrong;
                                  if (source.endpoint != 0) ++bound;
                                  const RouteResult to = routes.lookup(address);
                                  if (to.kind == RouteResult::Kind::kForward) {
                                      ++resolved;
                                      if (routes.next_hop(to.next_hop).destination[5] != 5) ++wrong;
                                  }
                              }};
        // The health consumer's and the control thread's parts: bindings and routes have one writer each.
        std::thread consumer{[&] {
            for (int round = 0; round < 500 || bound == 0; ++round) {
                (void)bindings.bind(kEndpoint, kMac, address, 1);
                std::this_thread::yield();
                (void)bindings.unbind(kMac, address);
                endpoints.touch(kEndpoint);
            }
        }};
        for (int round = 0; round < 50 || resolved == 0; ++round) {
            MacAddress mac = kMac;
            mac[0] = static_cast<std::uint8_t>(2 + 2 * (round % 2));
            routes.set_neighbour({.address = address, .zone = test::kLanZone, .mac = mac});
            routes.replace_routes({route});
            if (round % 3 == 0) routes.remove_neighbour(test::kLanZone, address);
        }
        consumer.join();
    }
    CHECK(wrong == 0);
    CHECK(bound > 0);
    CHECK(resolved > 0);
}

TEST_CASE("what a producer puts into the ring while the consumer polls arrives whole and in order") {
    constexpr std::uint64_t kMessages = 20'000;
    start_eal();
    Quiescence quiescence{1};
    SharedMemory memory{64};
    EndpointTable endpoints{64};
    BindingTable bindings{64, quiescence};
    Gate gate{endpoints};
    HealthConsumer consumer{memory, endpoints, bindings, gate, quiescence};
    consumer.expect(9);
    std::thread producer{[&] {
        for (std::uint64_t sequence = 1; sequence <= kMessages; ++sequence) {
            HealthMessage message;
            message.incarnation = 9;
            message.endpoint = kEndpoint;
            message.sequence = sequence;
            message.type = static_cast<std::uint8_t>(MessageType::kEndpointState);
            message.state = EndpointWord::encode(sequence % 2 == 0 ? kGreen : kIsolated);
            message.checksum = heartgate::contract::checksum(message);
            while (rte_ring_sp_enqueue_elem(memory.health(), &message, sizeof(message)) != 0) {
                std::this_thread::yield();
            }
        }
    }};
    while (memory.state().applied_sequence < kMessages) {
        consumer.poll();
        std::this_thread::yield();
    }
    producer.join();
    CHECK(memory.state().skipped_messages == 0);
    CHECK(endpoints.word(kEndpoint).state() == kGreen);
    CHECK(endpoints.word(kEndpoint).version() == kMessages);
}
