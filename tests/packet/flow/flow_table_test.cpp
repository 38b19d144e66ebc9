// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "tests/packet/flow/flow_fixture.h"

using namespace heartgate::dataplane;
using namespace heartgate::dataplane::test;
using heartgate::contract::DropReason;

TEST_CASE("a flow is found by its initiator's tuple and by its answers, and by nothing else") {
    FlowFixture flows;
    NewFlow flow = FlowFixture::udp(1, 4000);
    flow.translate = false;
    flow.vlan = 10;
    flow.reply_vlan = 20;
    const InsertResult made = flows.insert(flow);
    REQUIRE(made.inserted);
    CHECK(made.flow.direction == Direction::kForward);

    const FlowKey4 forward{.source = htonl(kInside + 1),
                           .destination = htonl(kServer),
                           .source_port = htons(4000),
                           .destination_port = htons(53),
                           .protocol = IPPROTO_UDP,
                           .port = kLanZone.raw(),
                           .vlan = 10};
    const FlowKey4 reply{.source = htonl(kServer),
                         .destination = htonl(kInside + 1),
                         .source_port = htons(53),
                         .destination_port = htons(4000),
                         .protocol = IPPROTO_UDP,
                         .port = kWanZone.raw(),
                         .vlan = 20};
    CHECK(flows.find(forward).record == made.flow.record);
    CHECK(flows.find(forward).direction == Direction::kForward);
    CHECK(flows.find(reply).record == made.flow.record);
    CHECK(flows.find(reply).direction == Direction::kReply);

    for (const FlowKey4& known : {forward, reply}) {
        std::array<FlowKey4, 6> others;
        others.fill(known);
        others[0].port = kGuestsZone.raw();
        others[1].vlan = 0;
        others[2].protocol = IPPROTO_TCP;
        others[3].source ^= htonl(1);
        others[4].source_port ^= htons(1);
        others[5].destination_port ^= htons(1);
        for (const FlowKey4& other : others) CHECK(flows.find(other).record == nullptr);
    }
}

TEST_CASE("an IPv6 flow is found in both directions") {
    FlowFixture flows;
    NewFlow flow;
    flow.question.protocol = IPPROTO_TCP;
    flow.question.ether_type = ethernet::kIpv6;
    flow.question.source.bytes = {0x20, 0x01, 0x0d, 0xb8, 0, 1};
    flow.question.destination.bytes = {0x20, 0x01, 0x0d, 0xb8, 0, 2};
    flow.question.source_port = 1234;
    flow.question.destination_port = 443;
    flow.translate = true;  // IPv6 is never translated
    const InsertResult made = flows.insert(flow);
    REQUIRE(made.inserted);
    CHECK_FALSE(made.flow.record->translated());
    CHECK(flows.find(forward_key<FlowKey6>(flow.question, 0)).record == made.flow.record);
    const FlowRef reply = flows.find(reply_key<FlowKey6>(*made.flow.record));
    CHECK(reply.record == made.flow.record);
    CHECK(reply.direction == Direction::kReply);
    CHECK(made.flow.record->question().ether_type == ethernet::kIpv6);
    flows.pass(300'000);
    CHECK(flows.table->flows() == 0);
}

TEST_CASE("a bulk lookup tells hits and misses of a full burst apart") {
    FlowFixture flows;
    std::array<FlowKey4, FlowTable::kMostKeys> keys;
    std::array<FlowRef, FlowTable::kMostKeys> found;
    for (unsigned i = 0; i < keys.size(); ++i) {
        const NewFlow flow = FlowFixture::udp(i, 1);
        if (i % 3 == 0) REQUIRE(flows.insert(flow).inserted);
        keys[i] = forward_key<FlowKey4>(flow.question, 0);
    }
    const auto key = [&keys](unsigned i) -> const FlowKey4& { return keys[i]; };
    const auto note = [&found](unsigned i, FlowRef flow) { found[i] = flow; };
    flows.table->lookup(FlowTable::kMostKeys, key, note);
    for (unsigned i = 0; i < keys.size(); ++i) CHECK((found[i].record != nullptr) == (i % 3 == 0));
    flows.table->lookup(0, key, note);  // an empty burst is no error
}

TEST_CASE("the record holds what the miss brought") {
    FlowFixture flows;
    NewFlow flow = FlowFixture::udp(1, 4000);
    flow.decision.verdict.rule = 42;
    flow.decision.verdict.policy_epoch = 6;
    flow.decision.generation = 9;
    flow.decision.source_endpoint = 3;
    flow.decision.destination_endpoint = 4;
    flow.decision.lan_mac = 0x1234;
    flow.next_hop = 5;
    flow.reply_next_hop = 6;
    flow.route_epoch = 8;
    const FlowRecord& record = *flows.insert(flow).flow.record;
    CHECK(record.current(9, 6, 0x1234));
    CHECK(record.rule() == 42);
    CHECK(record.endpoint(0) == 3);
    CHECK(record.endpoint(1) == 4);
    CHECK(record.next_hop(Direction::kForward) == 5);
    CHECK(record.next_hop(Direction::kReply) == 6);
    CHECK(record.route_epoch() == 8);
    CHECK(record.from(Direction::kForward) == test::kLanZone);
    CHECK(record.to(Direction::kForward) == test::kWanZone);
    CHECK(record.from(Direction::kReply) == test::kWanZone);
    const Question question = record.question();
    CHECK(question.source == flow.question.source);
    CHECK(question.destination == flow.question.destination);
    CHECK(question.source_port == 4000);
    CHECK(question.destination_port == 53);
    CHECK(question.source_endpoint == 3);
}

TEST_CASE("inserting a known tuple returns the record that is there, in the direction it is seen from") {
    FlowFixture flows;
    NewFlow flow = FlowFixture::udp(1, 4000);
    flow.translate = false;
    const InsertResult first = flows.insert(flow, 0);
    const InsertResult second = flows.insert(flow, 1);
    CHECK_FALSE(second.inserted);
    CHECK(second.reason == DropReason::kNone);
    CHECK(second.flow.record == first.flow.record);

    NewFlow answer = flow;
    std::swap(answer.question.source, answer.question.destination);
    std::swap(answer.question.source_port, answer.question.destination_port);
    std::swap(answer.question.from, answer.question.to);
    const InsertResult third = flows.insert(answer, 1);
    CHECK(third.flow.record == first.flow.record);
    CHECK(third.flow.direction == Direction::kReply);
    CHECK(flows.table->flows() == 1);
}

TEST_CASE("a full table refuses, keeps what it has, and takes flows again when others have ended") {
    FlowFixture flows{small(8, 8)};
    for (std::uint16_t port = 1; port <= 8; ++port) REQUIRE(flows.insert(FlowFixture::udp(1, port)).inserted);
    const InsertResult refused = flows.insert(FlowFixture::udp(1, 9));
    CHECK(refused.flow.record == nullptr);
    CHECK(refused.reason == DropReason::kFlowTableFull);
    CHECK(flows.table->flows() == 8);
    CHECK(flows.table->nat_mappings() == 8);
    CHECK(flows.find_forward(FlowFixture::udp(1, 8)).record != nullptr);
    flows.pass(40'000);
    CHECK(flows.insert(FlowFixture::udp(1, 9)).inserted);
}

TEST_CASE("a silent flow ends after its time-out, not before, and traffic keeps it") {
    FlowFixture flows;
    const NewFlow flow = FlowFixture::udp(1, 4000);
    FlowRecord& record = *flows.insert(flow).flow.record;
    record.advance_state(IPPROTO_UDP, Direction::kReply, 0);  // answered: 120 s
    flows.pass(100'000);
    REQUIRE(flows.find_forward(flow).record == &record);
    CHECK(record.seen(flows.now_ms));
    flows.pass(119'000);
    CHECK(flows.find_forward(flow).record == &record);
    flows.pass(4'000);
    CHECK(flows.find_forward(flow).record == nullptr);
    CHECK(flows.find(reply_key<FlowKey4>(record)).record == nullptr);
    CHECK(flows.table->flows() == 0);
    CHECK(flows.table->nat_mappings() == 0);
}

TEST_CASE("one machine floods, its flows fill its quota, another machine's new flows succeed") {
    FlowTableOptions options = small(1000);
    options.quota = {.flows = 500, .unanswered = 200};
    FlowFixture flows{options};
    const auto from = [](std::uint32_t host, std::uint16_t port) {
        NewFlow flow = FlowFixture::udp(host, port);
        flow.decision.lan_mac = 0x10U + host;
        return flow;
    };
    unsigned refused = 0;
    for (std::uint16_t port = 1000; port < 4000; ++port) {
        refused += flows.insert(from(1, port)).reason == DropReason::kSourceQuota ? 1U : 0U;
    }
    CHECK(refused == 2800);
    for (std::uint32_t host = 2; host < 302; ++host) CHECK(flows.insert(from(host, 1000)).inserted);

    // Answers make room for more, up to the quota of flows.
    for (std::uint16_t port = 1000; port < 1200; ++port) {
        const FlowRef flow = flows.find_forward(from(1, port));
        REQUIRE(flow.record->advance_state(IPPROTO_UDP, Direction::kReply, 0));
        flows.table->settled(*flow.record);
        flows.table->settled(*flow.record);  // of two workers that see the first answer
    }
    unsigned more = 0;
    for (std::uint16_t port = 4000; port < 5000; ++port) more += flows.insert(from(1, port)).inserted ? 1U : 0U;
    CHECK(more == 200);
    flows.pass(40'000);
    more = 0;
    for (std::uint16_t port = 6000; port < 7000; ++port) more += flows.insert(from(1, port)).inserted ? 1U : 0U;
    CHECK(more == 200);
    flows.pass(200'000);
    CHECK(flows.table->flows() == 0);
    CHECK(flows.insert(from(1, 1000)).inserted);
}

TEST_CASE("in a crowded table unanswered flows go after seconds, answered ones keep their time-out") {
    FlowTableOptions options = small(1000);
    options.crowded = 4;
    FlowFixture flows{options};
    std::vector<NewFlow> answered;
    for (std::uint16_t port = 1000; port < 1100; ++port) {
        answered.push_back(FlowFixture::udp(1, port));
        const InsertResult made = flows.insert(answered.back());
        REQUIRE(made.inserted);
        made.flow.record->advance_state(IPPROTO_UDP, Direction::kReply, 0);
    }
    for (std::uint32_t host = 2; host < 652; ++host) REQUIRE(flows.insert(FlowFixture::udp(host, 1000)).inserted);
    flows.pass(10'000);
    CHECK(flows.table->flows() == 750);  // three quarters are no crowd
    for (std::uint32_t host = 1002; host < 1252; ++host) REQUIRE(flows.insert(FlowFixture::udp(host, 1000)).inserted);
    CHECK(flows.insert(FlowFixture::udp(1300, 1000)).reason == DropReason::kFlowTableFull);
    flows.pass(6'000);
    CHECK(flows.table->flows() <= 750);
    CHECK(flows.insert(FlowFixture::udp(1300, 1000)).inserted);
    for (const NewFlow& flow : answered) CHECK(flows.find_forward(flow).record != nullptr);
}

TEST_CASE("a reset shortens an established connection's time-out") {
    FlowFixture flows;
    NewFlow flow = FlowFixture::udp(1, 4000);
    flow.question.protocol = IPPROTO_TCP;
    flow.tcp_flags = tcp::kSyn;
    FlowRecord& record = *flows.insert(flow).flow.record;
    record.advance_state(IPPROTO_TCP, Direction::kReply, tcp::kSyn | tcp::kAck);
    record.advance_state(IPPROTO_TCP, Direction::kForward, tcp::kAck);
    flows.pass(3'600'000);
    REQUIRE(flows.table->flows() == 1);
    record.seen(flows.now_ms);
    record.advance_state(IPPROTO_TCP, Direction::kReply, tcp::kRst);
    flows.pass(280'000);
    CHECK(flows.table->flows() == 0);
}

TEST_CASE("expire looks at no more flows than it is allowed to") {
    FlowFixture flows;
    for (std::uint16_t port = 1; port <= 100; ++port) REQUIRE(flows.insert(FlowFixture::udp(1, port)).inserted);
    flows.now_ms += 60'000;
    flows.table->expire(0, flows.now_ms, 10);
    CHECK(flows.table->flows() == 90);
}

TEST_CASE("records, keys and ports are used again only when every worker has let go") {
    FlowTableOptions options = small(1, 0);
    options.nat_ports = {.first = 2000, .last = 2000};
    FlowFixture flows{options};
    flows.quiescence->online(1);
    flows.quiescence->quiescent(1);
    const InsertResult first = flows.insert(FlowFixture::udp(1, 1));
    REQUIRE(first.inserted);
    flows.pass(40'000);
    CHECK(flows.table->flows() == 0);
    CHECK(flows.find_forward(FlowFixture::udp(1, 1)).record == nullptr);
    CHECK(flows.table->nat_mappings() == 1);
    CHECK(flows.insert(FlowFixture::udp(2, 1)).reason == DropReason::kFlowTableFull);
    CHECK(first.flow.record->question().source == ipv4(kInside + 1));  // worker 1 may still be reading this

    flows.quiescence->quiescent(1);
    flows.loop();
    CHECK(flows.table->nat_mappings() == 0);
    CHECK(flows.insert(FlowFixture::udp(2, 1)).inserted);
}

TEST_CASE("a tuple that comes back on another VLAN takes the place of the flow it was") {
    FlowFixture flows;
    NewFlow flow = FlowFixture::udp(1, 4000);
    flow.translate = false;
    flow.vlan = 10;
    const InsertResult before = flows.insert(flow);
    NewFlow moved = flow;
    moved.vlan = 11;
    const InsertResult after = flows.insert(moved);
    REQUIRE(after.inserted);
    CHECK(after.flow.record != before.flow.record);
    CHECK(flows.find_forward(flow).record == nullptr);
    CHECK(flows.find(reply_key<FlowKey4>(*after.flow.record)).record == after.flow.record);
    CHECK(flows.table->flows() == 1);
    flows.pass(80'000);
    CHECK(flows.table->flows() == 0);
    // Both records are back.
    std::uint16_t port = 0;
    while (flows.insert(FlowFixture::udp(2, ++port)).inserted) REQUIRE(port <= 2000);
    CHECK(flows.table->flows() == 1000);
}

TEST_CASE("a snapshot shows live flows, filtered and limited") {
    FlowFixture flows;
    for (std::uint16_t port = 1; port <= 5; ++port) REQUIRE(flows.insert(FlowFixture::udp(1, port)).inserted);
    NewFlow other = FlowFixture::udp(2, 1);
    other.question.protocol = IPPROTO_TCP;
    other.tcp_flags = tcp::kSyn;
    other.decision.source_endpoint = 77;
    other.decision.verdict.rule = 9;
    REQUIRE(flows.insert(other, 1).inserted);
    flows.now_ms += 5000;
    const unsigned reader = flows.options.workers;
    const auto views = [&](const FlowFilter& filter, std::size_t limit = 100) {
        return flows.table->snapshot(filter, limit, reader, flows.now_ms);
    };
    CHECK(views({}).size() == 6);
    CHECK(views({}, 2).size() == 2);
    const auto only = [&](auto set) {
        FlowFilter filter;
        set(filter);
        return views(filter).size();
    };
    const Network host{ipv4(kInside + 1), 32};
    const Network server{ipv4(kServer), 32};
    const Network wan{ipv4(kWanAddress), 32};
    CHECK(only([&](FlowFilter& filter) { filter.source = host; }) == 5);
    CHECK(only([&](FlowFilter& filter) { filter.source = Network{ipv4(kInside), 8}; }) == 6);
    CHECK(only([&](FlowFilter& filter) { filter.source = server; }) == 0);
    CHECK(only([&](FlowFilter& filter) { filter.destination = server; }) == 6);
    CHECK(only([&](FlowFilter& filter) { filter.destination = wan; }) == 0);
    CHECK(only([&](FlowFilter& filter) { filter.address = wan; }) == 6);
    CHECK(only([&](FlowFilter& filter) { filter.address = host; }) == 5);
    CHECK(only([&](FlowFilter& filter) { filter.protocol = IPPROTO_UDP; }) == 5);
    CHECK(only([&](FlowFilter& filter) { filter.port = 3; }) == 1);
    CHECK(only([&](FlowFilter& filter) { filter.port = 53; }) == 6);
    CHECK(only([&](FlowFilter& filter) { filter.port = 7; }) == 0);
    CHECK(only([&](FlowFilter& filter) { filter.phase = FlowPhase::kNew; }) == 6);
    CHECK(only([&](FlowFilter& filter) { filter.phase = FlowPhase::kClosing; }) == 0);
    CHECK(only([&](FlowFilter& filter) { filter.rule = 9; }) == 1);
    CHECK(only([&](FlowFilter& filter) { filter.rule = 0; }) == 5);
    CHECK(only([&](FlowFilter& filter) { filter.dropping = true; }) == 0);
    CHECK(only([&](FlowFilter& filter) { filter.dropping = false; }) == 6);
    CHECK(only([&](FlowFilter& filter) {
              filter.source = host;
              filter.protocol = IPPROTO_TCP;
          }) == 0);
    FlowFilter by_endpoint;
    by_endpoint.endpoint = 77;
    const auto found = views(by_endpoint);
    REQUIRE(found.size() == 1);
    CHECK(found[0].question.protocol == IPPROTO_TCP);
    CHECK(found[0].question.source == other.question.source);
    CHECK(found[0].translated);
    CHECK(found[0].nat_address == htonl(kWanAddress));
    CHECK(found[0].nat_port >= 1024);
    CHECK(found[0].age_ms == 5000);
    CHECK(found[0].expires_ms > 230'000);
    CHECK(found[0].worker == 1);
    const auto by_id = flows.table->find(found[0].id, reader, flows.now_ms);
    REQUIRE(by_id);
    CHECK(by_id->question.source == other.question.source);
    CHECK_FALSE(flows.table->find({.record = found[0].id.record, .created_ms = 1}, reader, flows.now_ms));
    CHECK_FALSE(flows.table->find({.record = 1U << 31U, .created_ms = 1}, reader, flows.now_ms));
    flows.pass(400'000);
    CHECK(views({}).empty());
    CHECK_FALSE(flows.table->find(found[0].id, reader, flows.now_ms));
}

TEST_CASE("a table that does not fit into memory says so before anything starts") {
    start_eal();
    Quiescence quiescence{1};
    FlowTableOptions options;
    options.ipv4_flows = 1U << 26;
    CHECK_THROWS_WITH((FlowTable{options, quiescence}), Catch::Contains("memory") && Catch::Contains("fewer flows"));
}
