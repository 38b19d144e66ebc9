// SPDX-License-Identifier: Apache-2.0
#include "dataplane/flow/flow_record.h"

#include <catch2/catch.hpp>
#include <memory>

using namespace heartgate::dataplane;
using heartgate::contract::DropReason;
using heartgate::contract::EndpointWord;

namespace {

constexpr PackedMac kMac = 0x0605'0403'0201;

Decision decision(std::uint32_t generation, DropReason reason, std::uint32_t word) {
    Decision made;
    made.verdict.reason = reason;
    made.verdict.rule = 7;
    made.verdict.policy_epoch = 3;
    made.verdict.source_word = EndpointWord{word};
    made.verdict.destination_word = EndpointWord{0};
    made.generation = generation;
    made.source_endpoint = 11;
    made.lan_mac = kMac;
    return made;
}

}  // namespace

TEST_CASE("a recorded verdict stands only for its generation, its policy epoch and its LAN MAC") {
    FlowRecord record;
    REQUIRE(record.try_store(decision(5, DropReason::kNone, 0x100)));
    CHECK(record.current(5, 3, kMac));
    CHECK(record.current(5, 3, 0));  // not from the LAN
    CHECK_FALSE(record.current(6, 3, kMac));
    CHECK_FALSE(record.current(5, 4, kMac));
    CHECK_FALSE(record.current(5, 3, kMac + 1));
    CHECK(record.verdict().passes());
    CHECK(record.verdict().rule == 7);
    CHECK(record.endpoint(0) == 11);
}

TEST_CASE("a slow worker does not overwrite a decision of a later generation") {
    FlowRecord record;
    REQUIRE(record.try_store(decision(6, DropReason::kIsolatedSource, 0x200)));
    CHECK_FALSE(record.try_store(decision(5, DropReason::kNone, 0x100)));
    CHECK(record.reason() == DropReason::kIsolatedSource);
    CHECK(record.generation() == 6);
}

TEST_CASE("generations are compared across their wrap") {
    FlowRecord record;
    REQUIRE(record.try_store(decision(0x7fffffff, DropReason::kNone, 0x100)));
    REQUIRE(record.try_store(decision(0xffffffff, DropReason::kNone, 0x100)) == true);
    CHECK(record.try_store(decision(1, DropReason::kIsolatedSource, 0x200)));
    CHECK_FALSE(record.try_store(decision(0xffffffff, DropReason::kNone, 0x100)));
}

TEST_CASE("a verdict is refreshed only while both endpoints' words are the recorded ones") {
    using heartgate::contract::EndpointState;
    EndpointTable endpoints{20};
    endpoints.set(11, EndpointState{.isolated = true});
    endpoints.set(11, EndpointState{});
    FlowRecord record;
    REQUIRE(record.try_store(decision(5, DropReason::kNone, endpoints.word(11).raw())));
    CHECK(record.try_refresh(6, endpoints));
    CHECK(record.current(6, 3, kMac));
    CHECK_FALSE(record.try_refresh(5, endpoints));  // a slow worker
    CHECK(record.generation() == 6);

    endpoints.set(11, EndpointState{.isolated = true});
    CHECK_FALSE(record.try_refresh(7, endpoints));
    endpoints.set(11, EndpointState{});  // as before, but a later version
    CHECK_FALSE(record.try_refresh(8, endpoints));
    CHECK(record.generation() == 6);
}

TEST_CASE("a new route epoch forgets the other direction's next hop") {
    FlowRecord record;
    REQUIRE(record.try_route(Direction::kForward, 10, 1));
    REQUIRE(record.try_route(Direction::kReply, 20, 1));
    CHECK(record.next_hop(Direction::kForward) == 10);
    REQUIRE(record.try_route(Direction::kReply, 21, 2));
    CHECK(record.next_hop(Direction::kForward) == kUnknownNextHop);
    CHECK(record.next_hop(Direction::kReply) == 21);
    CHECK_FALSE(record.try_route(Direction::kForward, 10, 1));
    CHECK(record.route_epoch() == 2);
}

TEST_CASE("last seen is stored at most once a second") {
    FlowRecord record;
    CHECK_FALSE(record.seen(999));
    CHECK(record.seen(1000));
    CHECK_FALSE(record.seen(1999));
    CHECK(record.last_seen_ms() == 1000);
    CHECK(record.seen(2000));
}
