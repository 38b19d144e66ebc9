// SPDX-License-Identifier: Apache-2.0
// What reaches the appliance itself, from which side, for whom.
#include "tests/unit/verdict/world.h"
#include "tests/zones.h"

using namespace heartgate::dataplane;
using heartgate::contract::DropReason;

namespace {

LocalInOptions options() {
    return {.heartbeat_addresses = {ip("192.0.2.1"), ip("2001:db8::1")},
            .heartbeat_port = 8347,
            .wan_ping = false,
            .administration = {*Network::parse("192.168.1.0/28")}};
}

Question to_us(Zone from, std::uint8_t protocol, const std::string& destination, unsigned port,
               std::uint32_t endpoint = 1) {
    Question question{.from = from,
                      .to = kAppliance,
                      .protocol = protocol,
                      .source = ip("192.168.1.11"),
                      .destination = ip(destination),
                      .source_port = 5000,
                      .destination_port = static_cast<std::uint16_t>(port),
                      .source_endpoint = endpoint,
                      .destination_endpoint = 0};
    if (!question.destination.is_ipv4()) {
        question.ether_type = ethernet::kIpv6;
        question.source = ip("2001:db8:1::11");
    }
    return question;
}

struct Appliance : World {
    explicit Appliance(const LocalInOptions& given = options()) : World{given} {
        load(open_policy());
        set(1, kHealthy);
        set(2, kIsolated);
    }
    // For a healthy, an unknown and an isolated machine.
    [[nodiscard]] bool anyone(Question question) const {
        bool all = true;
        for (const std::uint32_t endpoint : {0U, 1U, 2U}) {
            question.source_endpoint = endpoint;
            all = all && decide(question) == DropReason::kNone;
        }
        return all;
    }
    [[nodiscard]] bool only_not_isolated(Question question) const {
        question.source_endpoint = 2;
        if (decide(question) != DropReason::kIsolatedSource) return false;
        question.source_endpoint = 0;
        if (decide(question) != DropReason::kNone) return false;
        question.source_endpoint = 1;
        return decide(question) == DropReason::kNone;
    }
};

}  // namespace

TEST_CASE("ARP, ND and DHCP reach the appliance from anyone on the LAN") {
    const Appliance appliance;
    Question arp{.from = test::kLanZone, .to = kAppliance, .ether_type = ethernet::kArp};
    CHECK(appliance.anyone(arp));
    for (const unsigned type : {133U, 134U, 135U, 136U}) {
        CHECK(appliance.anyone(to_us(test::kLanZone, IPPROTO_ICMPV6, "ff02::1:ff00:1", type)));
        CHECK(appliance.anyone(to_us(test::kLanZone, IPPROTO_ICMPV6, "fe80::1", type)));
    }
    CHECK(appliance.anyone(to_us(test::kLanZone, IPPROTO_UDP, "255.255.255.255", 67)));
    CHECK(appliance.anyone(to_us(test::kLanZone, IPPROTO_UDP, "192.168.1.1", 67)));
    CHECK(appliance.anyone(to_us(test::kLanZone, IPPROTO_UDP, "ff02::1:2", 547)));
}

TEST_CASE("the heartbeat address answers anyone, on its port alone, from the LAN alone") {
    const Appliance appliance;
    for (const char* address : {"192.0.2.1", "2001:db8::1"}) {
        CHECK(appliance.anyone(to_us(test::kLanZone, IPPROTO_TCP, address, 8347)));
        CHECK(appliance.decide(to_us(test::kLanZone, IPPROTO_TCP, address, 22)) == DropReason::kLocalIn);
        CHECK(appliance.decide(to_us(test::kLanZone, IPPROTO_UDP, address, 8347)) == DropReason::kLocalIn);
        CHECK(appliance.decide(to_us(test::kWanZone, IPPROTO_TCP, address, 8347, 0)) == DropReason::kLocalIn);
    }
    CHECK(appliance.decide(to_us(test::kLanZone, IPPROTO_TCP, "192.168.1.1", 8347)) == DropReason::kLocalIn);
}

TEST_CASE("ping and DNS of the appliance are for machines that are not isolated") {
    const Appliance appliance;
    CHECK(appliance.only_not_isolated(to_us(test::kLanZone, IPPROTO_ICMP, "192.168.1.1", 8)));
    CHECK(appliance.only_not_isolated(to_us(test::kLanZone, IPPROTO_ICMPV6, "2001:db8:1::1", 128)));
    CHECK(appliance.only_not_isolated(to_us(test::kLanZone, IPPROTO_UDP, "192.168.1.1", 53)));
    CHECK(appliance.only_not_isolated(to_us(test::kLanZone, IPPROTO_TCP, "2001:db8:1::1", 53)));
}

TEST_CASE("before the states are loaded the appliance answers what a machine needs to come back, nothing else") {
    const World world{options()};  // neither policy nor END_OF_SYNC
    CHECK(world.decide({.from = test::kLanZone, .to = kAppliance, .ether_type = ethernet::kArp}) == DropReason::kNone);
    CHECK(world.decide(to_us(test::kLanZone, IPPROTO_UDP, "255.255.255.255", 67)) == DropReason::kNone);
    CHECK(world.decide(to_us(test::kLanZone, IPPROTO_TCP, "192.0.2.1", 8347)) == DropReason::kNone);
    CHECK(world.decide(to_us(test::kLanZone, IPPROTO_UDP, "192.168.1.1", 53)) == DropReason::kNotReady);
    CHECK(world.decide(to_us(test::kLanZone, IPPROTO_ICMP, "192.168.1.1", 8)) == DropReason::kNotReady);
    Question ssh = to_us(test::kLanZone, IPPROTO_TCP, "192.168.1.1", 22);
    CHECK(world.decide(ssh) == DropReason::kNone);
}

TEST_CASE("a spoofed source reaches the appliance only where anyone may") {
    const Appliance appliance;
    const auto spoofed = [&appliance](Question question) {
        question.source_spoofed = true;
        return appliance.decide(question);
    };
    CHECK(spoofed(to_us(test::kLanZone, IPPROTO_UDP, "255.255.255.255", 67)) == DropReason::kNone);
    CHECK(spoofed(to_us(test::kLanZone, IPPROTO_TCP, "192.0.2.1", 8347)) == DropReason::kNone);
    CHECK(spoofed(to_us(test::kLanZone, IPPROTO_ICMPV6, "fe80::1", 135)) == DropReason::kNone);
    CHECK(spoofed(to_us(test::kLanZone, IPPROTO_ICMP, "192.168.1.1", 8)) == DropReason::kSpoofedAddress);
    CHECK(spoofed(to_us(test::kLanZone, IPPROTO_UDP, "192.168.1.1", 53)) == DropReason::kSpoofedAddress);
    CHECK(spoofed(to_us(test::kLanZone, IPPROTO_TCP, "192.168.1.1", 22)) == DropReason::kSpoofedAddress);
    CHECK(spoofed(to_us(test::kLanZone, IPPROTO_TCP, "192.168.1.1", 80)) == DropReason::kLocalIn);
}

TEST_CASE("administration is for named networks, and not for isolated machines in them") {
    const Appliance appliance;
    Question ssh = to_us(test::kLanZone, IPPROTO_TCP, "192.168.1.1", 22);
    CHECK(appliance.decide(ssh) == DropReason::kNone);
    ssh.source_endpoint = 2;
    CHECK(appliance.decide(ssh) == DropReason::kIsolatedSource);
    ssh.source_endpoint = 1;
    ssh.source = ip("192.168.1.16");
    CHECK(appliance.decide(ssh) == DropReason::kLocalIn);
    ssh = to_us(test::kWanZone, IPPROTO_TCP, "203.0.113.1", 22, 0);
    CHECK(appliance.decide(ssh) == DropReason::kLocalIn);
}

TEST_CASE("the WAN reaches address resolution, the DHCP client and, if configured, ping") {
    const Appliance appliance;
    LocalInOptions pinged = options();
    pinged.wan_ping = true;
    const Appliance with_ping{pinged};
    CHECK(appliance.decide({.from = test::kWanZone, .to = kAppliance, .ether_type = ethernet::kArp}) ==
          DropReason::kNone);
    CHECK(appliance.decide(to_us(test::kWanZone, IPPROTO_ICMPV6, "ff02::1", 134, 0)) == DropReason::kNone);
    CHECK(appliance.decide(to_us(test::kWanZone, IPPROTO_ICMPV6, "fe80::2", 136, 0)) == DropReason::kNone);
    CHECK(appliance.decide(to_us(test::kWanZone, IPPROTO_UDP, "203.0.113.1", 68, 0)) == DropReason::kNone);
    CHECK(appliance.decide(to_us(test::kWanZone, IPPROTO_UDP, "255.255.255.255", 68, 0)) == DropReason::kNone);
    const Question ping = to_us(test::kWanZone, IPPROTO_ICMP, "203.0.113.1", 8, 0);
    CHECK(appliance.decide(ping) == DropReason::kLocalIn);
    CHECK(with_ping.decide(ping) == DropReason::kNone);
    for (const unsigned port : {53U, 67U, 80U}) {
        CHECK(with_ping.decide(to_us(test::kWanZone, IPPROTO_UDP, "203.0.113.1", port, 0)) == DropReason::kLocalIn);
    }
    CHECK(with_ping.decide(to_us(test::kWanZone, IPPROTO_UDP, "255.255.255.255", 67, 0)) == DropReason::kLocalIn);
}

TEST_CASE("what is not in the table does not reach the appliance") {
    const Appliance appliance;
    CHECK(appliance.decide(to_us(test::kLanZone, IPPROTO_TCP, "192.168.1.1", 80)) == DropReason::kLocalIn);
    CHECK(appliance.decide(to_us(test::kLanZone, IPPROTO_ICMP, "192.168.1.1", 13)) == DropReason::kLocalIn);
    CHECK(appliance.decide(to_us(test::kLanZone, IPPROTO_UDP, "224.0.0.251", 5353)) == DropReason::kLocalIn);
    CHECK(appliance.decide(to_us(test::kLanZone, IPPROTO_ICMPV6, "fe80::1", 137)) == DropReason::kLocalIn);
    CHECK(appliance.decide({.from = test::kLanZone, .to = kAppliance, .ether_type = 0x88cc}) == DropReason::kLocalIn);
}

TEST_CASE("what the appliance itself sends passes, to isolated machines only as an answer of what they may reach") {
    const Appliance appliance;
    Question question = to_us(kAppliance, IPPROTO_TCP, "192.168.1.12", 40000, 0);
    question.to = test::kLanZone;
    CHECK(appliance.decide(question) == DropReason::kNone);
    question.destination_endpoint = 2;
    CHECK(appliance.decide(question) == DropReason::kIsolatedDestination);
    question.protocol = IPPROTO_UDP;
    question.source = ip("192.168.1.1");
    question.source_port = 67;
    question.destination_port = 68;
    CHECK(appliance.decide(question) == DropReason::kNone);
    question.source_port = 53;
    CHECK(appliance.decide(question) == DropReason::kIsolatedDestination);
}
