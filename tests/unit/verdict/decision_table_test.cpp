// SPDX-License-Identifier: Apache-2.0
// Every combination of colour, presence and condition, for source and destination, against DESIGN's decision table
// written out below.
#include <array>
#include <string_view>

#include "tests/unit/verdict/world.h"
#include "tests/zones.h"

using namespace heartgate::dataplane;
using heartgate::contract::Colour;
using heartgate::contract::DropReason;
using heartgate::contract::EndpointState;
using heartgate::contract::Presence;
namespace v1 = heartgate::v1;

namespace {

// Columns: minimum none, yellow, green, and whether require_heartbeat passes. '+' passes, 'x' drops.
struct Row {
    EndpointState state;
    std::string_view passes;
};
constexpr Colour kG = Colour::kGreen;
constexpr Colour kY = Colour::kYellow;
constexpr Colour kR = Colour::kRed;
constexpr std::array kTable{
    Row{{kG, Presence::kConnected}, "++++"},
    Row{{kY, Presence::kConnected}, "++x+"},
    Row{{kR, Presence::kConnected}, "+xx+"},
    Row{{kG, Presence::kMissing}, "+xxx"},
    Row{{kY, Presence::kMissing}, "+xxx"},
    Row{{kR, Presence::kMissing}, "+xxx"},
    Row{{kG, Presence::kAsleep}, "+++x"},
    Row{{kY, Presence::kAsleep}, "++xx"},
    Row{{kR, Presence::kAsleep}, "+xxx"},
    Row{{Colour::kUnknown, Presence::kNone}, "+++x"},
    // A permit outranks the colour, not the presence.
    Row{{kY, Presence::kConnected, false, true}, "++++"},
    Row{{kR, Presence::kConnected, false, true}, "++++"},
    Row{{kR, Presence::kMissing, false, true}, "+xxx"},
    Row{{kR, Presence::kAsleep, false, true}, "+++x"},
};

bool expected(const Row& row, int minimum, bool require_heartbeat) {
    return row.passes[static_cast<std::size_t>(minimum)] == '+' && (!require_heartbeat || row.passes[3] == '+');
}

void set_condition(v1::HeartbeatCondition& condition, int minimum, bool require_heartbeat) {
    condition.set_minimum(static_cast<v1::Minimum>(minimum));
    condition.set_require_heartbeat(require_heartbeat);
}

}  // namespace

TEST_CASE("the heartbeat conditions decide as the table says, for the source") {
    for (int minimum = 0; minimum < 3; ++minimum) {
        for (const bool require : {false, true}) {
            v1::Policy policy;
            set_condition(*add_rule(policy, "lan", "wan")->mutable_source(), minimum, require);
            add_rule(policy, "", "");  // a failed condition must not fall through to this one
            World world;
            world.load(policy);
            for (const Row& row : kTable) {
                world.set(1, row.state);
                CAPTURE(minimum, require, row.passes);
                const Verdict verdict = world.gate.decide(to_internet());
                CHECK(verdict.reason ==
                      (expected(row, minimum, require) ? DropReason::kNone : DropReason::kSourceHeartbeat));
                CHECK(verdict.rule == 1);
            }
        }
    }
}

TEST_CASE("the heartbeat conditions decide as the table says, for the destination") {
    for (int minimum = 0; minimum < 3; ++minimum) {
        for (const bool require : {false, true}) {
            v1::Policy policy;
            set_condition(*add_rule(policy, "wan", "lan")->mutable_destination(), minimum, require);
            add_rule(policy, "", "");
            World world;
            world.load(policy);
            Question question = to_internet(0);
            std::swap(question.from, question.to);
            std::swap(question.source, question.destination);
            question.destination_endpoint = 1;
            for (const Row& row : kTable) {
                world.set(1, row.state);
                CAPTURE(minimum, require, row.passes);
                const Verdict verdict = world.gate.decide(question);
                CHECK(verdict.reason ==
                      (expected(row, minimum, require) ? DropReason::kNone : DropReason::kDestinationHeartbeat));
                CHECK(verdict.rule == 1);
            }
        }
    }
}

TEST_CASE("both conditions of a rule are checked, between two endpoints") {
    v1::Policy policy;
    v1::Rule* rule = add_rule(policy, "lan", "lan");
    set_condition(*rule->mutable_source(), v1::MINIMUM_YELLOW, true);
    set_condition(*rule->mutable_destination(), v1::MINIMUM_GREEN, false);
    World world;
    world.load(policy);
    Question question = to_internet(1);
    question.to = test::kLanZone;
    question.destination_endpoint = 2;
    for (const Row& source : kTable) {
        for (const Row& destination : kTable) {
            world.set(1, source.state);
            world.set(2, destination.state);
            CHECK((world.decide(question) == DropReason::kNone) ==
                  (expected(source, v1::MINIMUM_YELLOW, true) && expected(destination, v1::MINIMUM_GREEN, false)));
        }
    }
}

TEST_CASE("a machine without an endpoint passes minimum green but not require_heartbeat") {
    v1::Policy policy = open_policy();
    policy.mutable_rules(0)->mutable_source()->set_minimum(v1::MINIMUM_GREEN);
    World world;
    world.load(policy);
    CHECK(world.decide(to_internet(0)) == DropReason::kNone);
    policy.mutable_rules(0)->mutable_source()->set_require_heartbeat(true);
    world.load(policy);
    CHECK(world.decide(to_internet(0)) == DropReason::kSourceHeartbeat);
}
