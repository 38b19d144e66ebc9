// SPDX-License-Identifier: Apache-2.0
// The table of heartbeat conditions, row by row, as an operator reads it.
#include "dataplane/contract/heartbeat_condition.h"

#include <catch2/catch.hpp>

namespace {

using heartgate::contract::Colour;
using heartgate::contract::EndpointState;
using heartgate::contract::HeartbeatCondition;
using heartgate::contract::Minimum;
using heartgate::contract::Presence;

struct Row {
    const char* name;
    Colour colour;
    Presence presence;
    bool none, yellow, green, require;  // does it pass `minimum: none | yellow | green`, `require_heartbeat`
};

constexpr Row kTable[] = {
    {"GREEN", Colour::kGreen, Presence::kConnected, true, true, true, true},
    {"YELLOW", Colour::kYellow, Presence::kConnected, true, true, false, true},
    {"RED", Colour::kRed, Presence::kConnected, true, false, false, true},
    {"MISSING, was GREEN", Colour::kGreen, Presence::kMissing, true, false, false, false},
    {"MISSING, was YELLOW", Colour::kYellow, Presence::kMissing, true, false, false, false},
    {"MISSING, was RED", Colour::kRed, Presence::kMissing, true, false, false, false},
    {"ASLEEP, was GREEN", Colour::kGreen, Presence::kAsleep, true, true, true, false},
    {"ASLEEP, was YELLOW", Colour::kYellow, Presence::kAsleep, true, true, false, false},
    {"ASLEEP, was RED", Colour::kRed, Presence::kAsleep, true, false, false, false},
    {"never had a heartbeat", Colour::kUnknown, Presence::kNone, true, true, true, false},
    {"a heartbeat of no known colour", Colour::kUnknown, Presence::kConnected, true, false, false, true},
};

}  // namespace

TEST_CASE("each state passes exactly the conditions of the table") {
    for (const Row& row : kTable) {
        INFO(row.name);
        const EndpointState state{.colour = row.colour, .presence = row.presence};
        CHECK(passes({.minimum = Minimum::kNone}, state) == row.none);
        CHECK(passes({.minimum = Minimum::kYellow}, state) == row.yellow);
        CHECK(passes({.minimum = Minimum::kGreen}, state) == row.green);
        // Both are checked and the stricter wins; MISSING fails require_heartbeat, too.
        CHECK(passes({.minimum = Minimum::kNone, .require_heartbeat = true}, state) == row.require);
        CHECK(passes({.minimum = Minimum::kYellow, .require_heartbeat = true}, state) == (row.yellow && row.require));
        CHECK(passes({.minimum = Minimum::kGreen, .require_heartbeat = true}, state) == (row.green && row.require));
    }
}

TEST_CASE("a permit outranks the colour, not the presence") {
    const HeartbeatCondition green{.minimum = Minimum::kGreen, .require_heartbeat = true};
    CHECK(passes(green, {.colour = Colour::kRed, .presence = Presence::kConnected, .permitted = true}));
    CHECK_FALSE(passes(green, {.colour = Colour::kGreen, .presence = Presence::kMissing, .permitted = true}));
}
