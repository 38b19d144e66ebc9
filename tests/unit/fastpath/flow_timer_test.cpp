// SPDX-License-Identifier: Apache-2.0
#include "dataplane/flow/flow_timer.h"

#include <catch2/catch.hpp>
#include <memory>
#include <set>

using namespace heartgate::dataplane;

namespace {

struct Wheel {
    std::unique_ptr<FlowRecord[]> records = std::make_unique<FlowRecord[]>(16);
    FlowTimer timer;

    void add(std::uint32_t index, std::uint32_t delay_ms, std::uint32_t now_ms) {
        timer.add(records.get(), index, delay_ms, now_ms);
    }
    std::set<std::uint32_t> due(std::uint32_t now_ms) {
        std::set<std::uint32_t> found;
        for (std::uint32_t i = timer.pop(records.get(), now_ms); i != kNoRecord; i = timer.pop(records.get(), now_ms)) {
            found.insert(i);
        }
        return found;
    }
};

}  // namespace

TEST_CASE("a flow's turn comes no earlier than asked and at most two slots later") {
    for (const std::uint32_t delay : {0U, 1U, 999U, 1000U, 5500U, FlowTimer::kMostAheadMs}) {
        for (const std::uint32_t start : {0U, 12'345U, 0xffffff00U}) {
            Wheel wheel;
            CHECK(wheel.due(start).empty());
            wheel.add(3, delay, start + 700);
            std::uint32_t waited = 0;
            while (wheel.due(start + 700 + waited).empty()) {
                REQUIRE(waited < delay + 2 * FlowTimer::kSlotMs);
                waited += 100;
            }
            CHECK(waited >= delay);
        }
    }
}

TEST_CASE("a long time-out is looked at within kMostAheadMs, so that it can get shorter") {
    Wheel wheel;
    wheel.add(1, 7'440'000, 0);
    CHECK(wheel.due(FlowTimer::kMostAheadMs + 2 * FlowTimer::kSlotMs) == std::set<std::uint32_t>{1});
}

TEST_CASE("flows of one slot come one by one, each once") {
    Wheel wheel;
    for (std::uint32_t i = 0; i < 10; ++i) wheel.add(i, 1000, 0);
    CHECK(wheel.due(10'000).size() == 10);
    CHECK(wheel.due(100'000).empty());
}

TEST_CASE("a worker that is behind puts flows neither into the past nor into the slot at hand") {
    Wheel wheel;
    wheel.add(1, 0, 0);
    wheel.add(2, 0, 200'000);  // the wheel still stands at 0
    CHECK(wheel.due(200'000) == std::set<std::uint32_t>{1, 2});
}
