// SPDX-License-Identifier: Apache-2.0
#include "dataplane/endpoint/endpoint_table.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <thread>

#include "dataplane/endpoint/activity.h"

using heartgate::contract::Colour;
using heartgate::contract::EndpointState;
using heartgate::contract::Presence;
using heartgate::dataplane::EndpointActivity;
using heartgate::dataplane::EndpointTable;

TEST_CASE("a changed state changes word and generation, the same state neither") {
    EndpointTable table{4};
    const EndpointState green{.colour = Colour::kGreen, .presence = Presence::kConnected};
    REQUIRE(table.set(1, green));
    const auto word = table.word(1);
    const auto generation = table.generation();
    CHECK(word.state() == green);
    REQUIRE(table.set(1, green));
    CHECK(table.word(1) == word);
    CHECK(table.generation() == generation);
    REQUIRE(table.touch(1));
    CHECK(table.word(1).state() == green);
    CHECK_FALSE(table.word(1) == word);
    CHECK(table.generation() != generation);
}

TEST_CASE("machines without an endpoint have a version and never a state") {
    EndpointTable table{4};
    const auto word = table.word(0);
    const auto generation = table.generation();
    CHECK_FALSE(table.set(0, {.colour = Colour::kRed, .isolated = true}));
    CHECK_FALSE(table.touch(0));
    CHECK(table.word(0) == word);
    table.advance();
    CHECK_FALSE(table.word(0) == word);
    CHECK(table.word(0).state() == EndpointState{});
    CHECK(table.generation() != generation);
}

TEST_CASE("an index beyond the capacity is refused") {
    EndpointTable table{4};
    CHECK_FALSE(table.set(4, {}));
    CHECK_FALSE(table.touch(4));
    EndpointActivity activity{4};
    activity.seen(4, 1000);
    CHECK_FALSE(activity.age_ms(4, 1000));
}

TEST_CASE("who loads a generation sees every word that was stored before it") {
    EndpointTable table{2};
    std::atomic<bool> failed{false};
    constexpr std::uint32_t kChanges = 200'000;
    std::thread reader{[&table, &failed] {
        std::uint32_t generation = 0;
        while (generation < kChanges) {
            generation = table.generation();
            // Each change increments both by one; the generation starts at 1, the version at 0.
            if (table.word(1).version() + 1 < generation) failed = true;
        }
    }};
    for (std::uint32_t i = 0; i < kChanges; ++i) table.touch(1);
    reader.join();
    CHECK_FALSE(failed);
}

TEST_CASE("activity is kept for endpoints and not for machines without one") {
    EndpointActivity activity{8};
    activity.seen(3, 5000);
    activity.seen(0, 5000);
    CHECK(activity.age_ms(3, 5200) == 200U);
    CHECK_FALSE(activity.age_ms(0, 5200));
    activity.seen(4, 0);  // the clock's zero is not "never"
    CHECK(activity.age_ms(4, 100).has_value());
}
