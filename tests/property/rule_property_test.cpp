// SPDX-License-Identifier: Apache-2.0
// The tries of a policy against a search through all its rules: random rules, random packets.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "dataplane/packet/address_text.h"
#include "heartgate/v1/policy.pb.h"
#include "tests/packet/verdict/eal.h"
#include "tests/property/rule_oracle.h"
#include "tests/property/steps.h"
#include "tests/zones.h"

using namespace heartgate::dataplane;
using namespace heartgate::dataplane::test;
namespace v1 = heartgate::v1;

namespace {

// Few bits differ, so that networks contain each other and packets hit them; the upper half of an IPv6 address differs,
// too.
IpAddress any_address(bool ipv6) {
    IpAddress address = parse_ip(ipv6 ? "2001:db8::" : "10.0.0.0").value();
    const auto byte = rc::gen::element<std::uint8_t>(0, 1, 0x80, 0xff);
    for (const std::size_t at : {ipv6 ? std::size_t{6} : std::size_t{13}, std::size_t{14}, std::size_t{15}}) {
        address.bytes.at(at) = *byte;
    }
    return address;
}

void add_networks(google::protobuf::RepeatedPtrField<std::string>& list) {
    const auto count = *below(4U);
    for (unsigned i = 0; i < count; ++i) {
        const bool ipv6 = *rc::gen::arbitrary<bool>();
        const auto bits = ipv6 ? *rc::gen::element(0, 32, 49, 56, 57, 63, 64, 65, 112, 121, 127, 128)
                               : *rc::gen::element(0, 8, 9, 15, 16, 17, 24, 25, 31, 32);
        list.Add(fmt::format("{}/{}", to_text(any_address(ipv6)), bits));
    }
}

std::uint32_t any_port() { return *rc::gen::element(0U, 1U, 8U, 53U, 80U, 443U, 1023U, 1024U, 8080U, 65534U, 65535U); }
std::uint32_t any_protocol() { return *rc::gen::element(1U, 6U, 17U, 58U); }

v1::Policy any_policy() {
    v1::Policy policy;
    const auto zone = rc::gen::element<std::string>("", "lan", "wan");
    const auto rules = *below(24U);
    for (unsigned i = 1; i <= rules; ++i) {
        v1::Rule& rule = *policy.add_rules();
        rule.set_id(i);
        rule.set_action(v1::ACCEPT);
        rule.set_from_zone(*zone);
        rule.set_to_zone(*zone);
        add_networks(*rule.mutable_from_networks());
        add_networks(*rule.mutable_to_networks());
        const auto services = *below(3U);
        for (unsigned j = 0; j < services; ++j) {
            v1::Service& service = *rule.add_services();
            service.set_protocol(*rc::gen::arbitrary<bool>() ? any_protocol() : 0);
            const std::uint32_t one = any_port();
            const std::uint32_t other = any_port();
            service.set_port_from(std::min(one, other));
            service.set_port_to(std::max(one, other));
        }
    }
    return policy;
}

Question any_question() {
    Question question;
    const bool ipv6 = *rc::gen::arbitrary<bool>();
    const auto zone = rc::gen::element(test::kLanZone, test::kWanZone);
    question.from = *zone;
    question.to = *zone;
    question.ether_type = ipv6 ? ethernet::kIpv6 : ethernet::kIpv4;
    question.protocol = static_cast<std::uint8_t>(any_protocol());
    question.source = any_address(ipv6);
    question.destination = any_address(ipv6);
    question.destination_port = static_cast<std::uint16_t>(any_port());
    return question;
}

std::uint32_t id(const CompiledPolicy::Rule* rule) { return rule == nullptr ? 0 : rule->id; }

}  // namespace

TEST_CASE("the tries find the rule that a search from the top finds first") {
    start_eal();
    rc::prop("random rules, fifty random packets each", [] {
        const auto policy = CompiledPolicy::build(any_policy(), heartgate::dataplane::test::zones());
        RC_ASSERT(policy.has_value());
        unsigned hits = 0;
        for (unsigned i = 0; i < 50; ++i) {
            const Question question = any_question();
            const std::uint32_t found = id((*policy)->match(question));
            RC_ASSERT(found == id(first_match(**policy, question)));
            hits += found == 0 ? 0U : 1U;
        }
        RC_CLASSIFY(hits > 0, "some packet was matched");
        RC_CLASSIFY(hits < 50, "some packet was not");
    });
}

TEST_CASE("ten thousand rules are one policy, and more combinations than that fit are refused by name") {
    start_eal();
    v1::Policy policy;
    for (std::uint32_t i = 0; i < 10'000; ++i) {
        v1::Rule& rule = *policy.add_rules();
        rule.set_id(i + 1);
        rule.set_action(v1::ACCEPT);
        rule.add_to_networks(fmt::format("10.{}.{}.{}/32", i % 7, i / 251, i % 251));
        v1::Service& service = *rule.add_services();
        service.set_protocol(6);
        service.set_port_from(1000 + i % 100);
        service.set_port_to(1100 + i % 100);
    }
    const auto built = CompiledPolicy::build(policy, heartgate::dataplane::test::zones());
    REQUIRE(built);
    Question question;
    question.protocol = 6;
    question.source = parse_ip("192.0.2.1").value();
    for (std::uint32_t i = 0; i < 10'000; i += 37) {
        question.destination = parse_ip(fmt::format("10.{}.{}.{}", i % 7, i / 251, i % 251)).value();
        question.destination_port = static_cast<std::uint16_t>(1100 + i % 100);
        CHECK(id((*built)->match(question)) == id(first_match(**built, question)));
        CHECK(id((*built)->match(question)) != 0);
        question.destination_port = 999;
        CHECK(id((*built)->match(question)) == 0);
    }
    for (int i = 0; i < 100; ++i) {
        policy.mutable_rules(4)->add_from_networks(fmt::format("172.16.{}.0/24", i));
        policy.mutable_rules(4)->add_to_networks(fmt::format("172.17.{}.0/24", i));
    }
    const auto refused = CompiledPolicy::build(policy, heartgate::dataplane::test::zones());
    REQUIRE_FALSE(refused);
    CHECK(refused.error().find("policy: rules: entry ") == 0);
    CHECK(refused.error().find("combinations of networks and services for IPv4") != std::string::npos);
}
