// SPDX-License-Identifier: Apache-2.0
#include <atomic>
#include <catch2/catch.hpp>
#include <thread>
#include <vector>

#include "tests/packet/flow/flow_fixture.h"

using namespace heartgate::dataplane;
using namespace heartgate::dataplane::test;

namespace {

// Runs `body(worker)` in two threads that begin together.
template <class Body>
void two_workers(Quiescence& quiescence, const Body& body) {
    std::atomic<unsigned> ready{0};
    std::vector<std::thread> threads;
    for (unsigned worker = 0; worker < 2; ++worker) {
        threads.emplace_back([&, worker] {
            quiescence.online(worker);
            ++ready;
            while (ready < 2) std::this_thread::yield();
            body(worker);
            quiescence.offline(worker);
        });
    }
    for (std::thread& thread : threads) thread.join();
}

}  // namespace

TEST_CASE("two workers that insert the same tuples at the same time get the same records") {
    constexpr std::uint32_t kFlows = 20'000;
    FlowFixture flows{small(kFlows, 0)};
    std::array<std::vector<FlowRecord*>, 2> records;
    std::array<std::uint32_t, 2> inserted{};
    two_workers(*flows.quiescence, [&](unsigned worker) {
        for (std::uint32_t i = 0; i < kFlows; ++i) {
            const InsertResult made = flows.table->insert(FlowFixture::udp(i, 1), worker, flows.now_ms);
            records[worker].push_back(made.flow.record);
            inserted[worker] += made.inserted ? 1 : 0;
            flows.quiescence->quiescent(worker);
        }
    });
    CHECK(inserted[0] + inserted[1] == kFlows);
    CHECK(records[0] == records[1]);
    CHECK(std::count(records[0].begin(), records[0].end(), nullptr) == 0);
    CHECK(flows.table->flows() == kFlows);
}

TEST_CASE("lookups during inserts and removals return the flow that was asked for or none") {
    FlowFixture flows{small(500, 0)};
    std::atomic<std::uint32_t> wrong{0};
    std::atomic<std::uint32_t> hits{0};
    two_workers(*flows.quiescence, [&](unsigned worker) {
        std::uint32_t now_ms = 1'000'000;
        for (std::uint32_t round = 0; round < 30'000; ++round, now_ms += 10) {
            const std::uint32_t host = (round * 7 + worker) % 400;
            const NewFlow flow = FlowFixture::udp(host, 1);
            const FlowRef found = flows.find_forward(flow);
            if (found.record == nullptr) {
                (void)flows.table->insert(flow, worker, now_ms);
            } else {
                ++hits;
                if (!found.record->current(1, 0, 0)) ++wrong;
                if (found.record->question().source != flow.question.source) ++wrong;
            }
            flows.quiescence->quiescent(worker);
            flows.table->expire(worker, now_ms, 8);
        }
    });
    CHECK(wrong == 0);
    CHECK(hits > 1000);
}
