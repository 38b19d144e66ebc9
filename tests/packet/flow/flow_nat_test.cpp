// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <set>

#include "dataplane/nat/checksum_delta.h"
#include "tests/packet/flow/flow_fixture.h"

using namespace heartgate::dataplane;
using namespace heartgate::dataplane::test;
using heartgate::contract::DropReason;

namespace {

FlowTableOptions with_ports(std::uint16_t first, std::uint16_t last) {
    FlowTableOptions options = small();
    options.nat_ports = {.first = first, .last = last};
    return options;
}

std::uint16_t outside_port(const InsertResult& made) {
    return ntohs(made.flow.record->rewrite_port(Direction::kForward));
}

}  // namespace

TEST_CASE("a translated flow's answers come to the WAN address and lead back inside") {
    FlowFixture flows;
    const InsertResult made = flows.insert(FlowFixture::udp(1, 4000));
    REQUIRE(made.inserted);
    const FlowRecord& record = *made.flow.record;
    CHECK(record.translated());
    CHECK(record.rewrite_address(Direction::kForward) == htonl(kWanAddress));
    CHECK(record.rewrite_address(Direction::kReply) == htonl(kInside + 1));
    CHECK(record.rewrite_port(Direction::kReply) == htons(4000));
    CHECK(record.address_delta(Direction::kForward) == checksum_delta(htonl(kInside + 1), htonl(kWanAddress)));

    FlowKey4 reply{.source = htonl(kServer),
                   .destination = htonl(kWanAddress),
                   .source_port = htons(53),
                   .destination_port = record.rewrite_port(Direction::kForward),
                   .protocol = IPPROTO_UDP,
                   .port = kWanZone.raw()};
    CHECK(flows.find(reply).record == &record);
    // Filtering: only the address and port that were asked may answer.
    FlowKey4 other_port = reply;
    other_port.source_port = htons(54);
    CHECK(flows.find(other_port).record == nullptr);
    FlowKey4 other_host = reply;
    other_host.source = htonl(kServer + 1);
    CHECK(flows.find(other_host).record == nullptr);
}

TEST_CASE("one inside port has one outside port for all destinations, until its last flow has ended") {
    FlowFixture flows;
    const InsertResult one = flows.insert(FlowFixture::udp(1, 4000, kServer));
    const InsertResult two = flows.insert(FlowFixture::udp(1, 4000, kServer + 1));
    const InsertResult other = flows.insert(FlowFixture::udp(2, 4000, kServer));
    CHECK(outside_port(one) == outside_port(two));
    CHECK(outside_port(one) != outside_port(other));
    CHECK(flows.table->nat_mappings() == 2);

    for (int i = 0; i < 6; ++i) {  // `two` stays alive
        flows.pass(20'000);
        two.flow.record->seen(flows.now_ms);
    }
    CHECK(flows.table->flows() == 1);
    CHECK(flows.table->nat_mappings() == 1);
    CHECK(outside_port(flows.insert(FlowFixture::udp(1, 4000, kServer + 2))) == outside_port(two));
    flows.pass(200'000);
    CHECK(flows.table->nat_mappings() == 0);
}

TEST_CASE("an ICMP echo's identifier is translated like a port, and its checksum knows no addresses") {
    FlowFixture flows;
    NewFlow ping = FlowFixture::udp(1, 0x1234);
    ping.question.protocol = IPPROTO_ICMP;
    ping.question.destination_port = 8;  // type
    const InsertResult made = flows.insert(ping);
    REQUIRE(made.inserted);
    const std::uint16_t identifier = made.flow.record->rewrite_port(Direction::kForward);
    CHECK(made.flow.record->transport_delta(Direction::kForward) == checksum_delta(htons(0x1234), identifier));
    const FlowKey4 request{.source = htonl(kInside + 1),
                           .destination = htonl(kServer),
                           .source_port = htons(0x1234),
                           .protocol = IPPROTO_ICMP};
    CHECK(flows.find(request).record == made.flow.record);
    const FlowKey4 reply{.source = htonl(kServer),
                         .destination = htonl(kWanAddress),
                         .destination_port = identifier,
                         .protocol = IPPROTO_ICMP,
                         .port = kWanZone.raw()};
    CHECK(flows.find(reply).direction == Direction::kReply);
    CHECK(flows.find(reply).record == made.flow.record);
}

TEST_CASE("when the ports run out nothing of the refused flow stays behind") {
    FlowFixture flows{with_ports(2000, 2001)};
    REQUIRE(flows.insert(FlowFixture::udp(1, 1)).inserted);
    REQUIRE(flows.insert(FlowFixture::udp(2, 1)).inserted);
    const InsertResult refused = flows.insert(FlowFixture::udp(3, 1));
    CHECK(refused.reason == DropReason::kNoNatPort);
    CHECK(refused.flow.record == nullptr);
    CHECK(flows.find_forward(FlowFixture::udp(3, 1)).record == nullptr);
    CHECK(flows.table->flows() == 2);
    CHECK(flows.table->nat_mappings() == 2);
    CHECK(flows.insert(FlowFixture::udp(1, 1, kServer + 1)).inserted);  // shares a mapping
    flows.pass(60'000);
    CHECK(flows.table->flows() == 0);
    CHECK(flows.table->nat_mappings() == 0);
}

TEST_CASE("what Linux sends keeps its port, and the answer leads to Linux") {
    FlowFixture flows;
    const InsertResult made = flows.insert(FlowFixture::from_linux(40'000));  // asks for translation
    REQUIRE(made.inserted);
    CHECK_FALSE(made.flow.record->translated());
    CHECK(flows.table->nat_mappings() == 0);
    const FlowKey4 reply{.source = htonl(kServer),
                         .destination = htonl(kWanAddress),
                         .source_port = htons(53),
                         .destination_port = htons(40'000),
                         .protocol = IPPROTO_UDP,
                         .port = kWanZone.raw()};
    const FlowRef found = flows.find(reply);
    REQUIRE(found.record == made.flow.record);
    CHECK(found.record->to(found.direction) == kAppliance);
}

TEST_CASE("NAT takes another port where Linux uses the same one towards the same server") {
    for (int round = 0; round < 10; ++round) {
        FlowFixture flows{with_ports(2000, 2001)};
        REQUIRE(flows.insert(FlowFixture::from_linux(2000)).inserted);
        const InsertResult made = flows.insert(FlowFixture::udp(1, 1));
        REQUIRE(made.inserted);
        CHECK(outside_port(made) == 2001);
        CHECK(flows.insert(FlowFixture::udp(2, 1, kServer + 1)).inserted);  // 2000 is free towards others
        CHECK(flows.table->nat_mappings() == 2);
    }
}

TEST_CASE("a flow whose answers would be somebody else's is refused whole") {
    FlowFixture flows{with_ports(2000, 2000)};
    SECTION("NAT after Linux") {
        REQUIRE(flows.insert(FlowFixture::from_linux(2000)).inserted);
        CHECK(flows.insert(FlowFixture::udp(1, 1)).reason == DropReason::kNoNatPort);
        CHECK(flows.table->nat_mappings() == 0);
        CHECK(flows.insert(FlowFixture::udp(1, 1, kServer + 1)).inserted);
        // Now the mapping exists and cannot change.
        CHECK(flows.insert(FlowFixture::udp(1, 1)).reason == DropReason::kNoNatPort);
        CHECK(flows.table->nat_mappings() == 1);
        CHECK(flows.table->flows() == 2);
    }
    SECTION("Linux after NAT") {
        const InsertResult made = flows.insert(FlowFixture::udp(1, 1));
        REQUIRE(made.inserted);
        CHECK(flows.insert(FlowFixture::from_linux(2000)).reason == DropReason::kNoNatPort);
        CHECK(flows.table->flows() == 1);
        CHECK(flows.find(reply_key<FlowKey4>(*made.flow.record)).record == made.flow.record);
    }
    flows.pass(100'000);
    CHECK(flows.table->flows() == 0);
    CHECK(flows.table->nat_mappings() == 0);
}

TEST_CASE("without a WAN address translated flows are refused") {
    FlowFixture flows;
    REQUIRE(flows.table->set_wan_addresses({}));
    CHECK(flows.insert(FlowFixture::udp(1, 1)).reason == DropReason::kNoNatPort);
}

TEST_CASE("losing a WAN address ends its flows, and only those") {
    FlowFixture flows;
    constexpr std::uint32_t kSecond = kWanAddress + 1;
    REQUIRE(flows.insert(FlowFixture::udp(1, 1)).inserted);
    NewFlow plain = FlowFixture::udp(2, 1);
    plain.translate = false;
    REQUIRE(flows.insert(plain).inserted);
    REQUIRE(flows.table->set_wan_addresses({htonl(kSecond)}));
    for (int i = 0; i < 100; ++i) flows.loop();
    CHECK(flows.find_forward(FlowFixture::udp(1, 1)).record == nullptr);
    CHECK(flows.find_forward(plain).record != nullptr);
    CHECK(flows.table->flows() == 1);

    const InsertResult again = flows.insert(FlowFixture::udp(1, 1));
    REQUIRE(again.inserted);
    CHECK(again.flow.record->rewrite_address(Direction::kForward) == htonl(kSecond));
    flows.pass(100'000);
    CHECK(flows.table->flows() == 0);
    CHECK(flows.table->nat_mappings() == 0);
}
