// SPDX-License-Identifier: Apache-2.0
// Order of the decision: readiness, isolation on both sides, allowed list, first match, epoch.
#include "tests/unit/verdict/world.h"
#include "tests/zones.h"

using namespace heartgate::dataplane;
using heartgate::contract::Colour;
using heartgate::contract::DropReason;
using heartgate::contract::Presence;
namespace v1 = heartgate::v1;

namespace {

void allow(v1::Policy& policy, const std::string& network, unsigned protocol = 0, unsigned port = 0) {
    v1::AllowedDestination* allowed = policy.add_allowed();
    allowed->set_network(network);
    allowed->mutable_service()->set_protocol(protocol);
    allowed->mutable_service()->set_port_from(port);
    allowed->mutable_service()->set_port_to(port);
}

}  // namespace

TEST_CASE("transit is dropped until a policy is loaded and endpoint states are synchronised") {
    World world;
    world.set(1, kHealthy);
    CHECK(world.decide(to_internet()) == DropReason::kNotReady);
    world.gate.set_ready(true);
    CHECK(world.decide(to_internet()) == DropReason::kNotReady);  // no policy
    world.gate.set_ready(false);
    auto policy = CompiledPolicy::build(open_policy(), heartgate::dataplane::test::zones());
    REQUIRE(policy);
    delete world.gate.swap(policy->release());
    CHECK(world.decide(to_internet()) == DropReason::kNotReady);  // no END_OF_SYNC
    world.gate.set_ready(true);
    CHECK(world.decide(to_internet()) == DropReason::kNone);
}

TEST_CASE("an isolated source reaches nothing under a rule that lets all pass") {
    World world;
    world.load(open_policy());
    world.set(1, kHealthy);
    REQUIRE(world.decide(to_internet()) == DropReason::kNone);
    world.set(1, kIsolated);
    CHECK(world.decide(to_internet()) == DropReason::kIsolatedSource);
    // Isolated is isolated, whatever its colour, presence or permit.
    world.set(1, {Colour::kGreen, Presence::kConnected, true, false});
    CHECK(world.decide(to_internet()) == DropReason::kIsolatedSource);
    world.set(1, {Colour::kGreen, Presence::kConnected, true, true});
    CHECK(world.decide(to_internet()) == DropReason::kIsolatedSource);
    world.set(1, kHealthy);
    CHECK(world.decide(to_internet()) == DropReason::kNone);
}

TEST_CASE("a spoofed source reaches nothing in transit, the allowed list neither") {
    World world;
    v1::Policy policy = open_policy();
    allow(policy, "198.51.100.0/24");
    world.load(policy);
    world.set(1, kHealthy);
    Question question = to_internet();
    REQUIRE(world.decide(question) == DropReason::kNone);
    question.source_spoofed = true;
    CHECK(world.decide(question) == DropReason::kSpoofedAddress);
}

TEST_CASE("an isolated destination is reached by nobody") {
    World world;
    v1::Policy policy;
    add_rule(policy, "", "");
    world.load(policy);
    world.set(1, kHealthy);
    Question from_wan = to_internet(0);
    from_wan.from = test::kWanZone;
    from_wan.to = test::kLanZone;
    from_wan.destination_endpoint = 2;
    Question from_peer = to_internet(1);
    from_peer.to = test::kLanZone;
    from_peer.destination_endpoint = 2;
    world.set(2, kHealthy);
    REQUIRE(world.decide(from_wan) == DropReason::kNone);
    REQUIRE(world.decide(from_peer) == DropReason::kNone);
    world.set(2, kIsolated);
    CHECK(world.decide(from_wan) == DropReason::kIsolatedDestination);
    CHECK(world.decide(from_peer) == DropReason::kIsolatedDestination);
}

TEST_CASE("a machine that is cut off reaches the allowed list and nothing else") {
    v1::Policy policy;
    v1::Rule* rule = add_rule(policy, "lan", "wan");
    rule->mutable_source()->set_minimum(v1::MINIMUM_GREEN);
    rule->mutable_source()->set_require_heartbeat(true);
    allow(policy, "203.0.113.0/24", IPPROTO_TCP, 443);
    World world;
    world.load(policy);

    Question mirror = to_internet();
    mirror.destination = ip("203.0.113.7");
    Question other_port = mirror;
    other_port.destination_port = 80;
    Question other_protocol = mirror;
    other_protocol.protocol = IPPROTO_UDP;

    SECTION("isolated") { world.set(1, kIsolated); }
    SECTION("below the minimum") { world.set(1, {Colour::kYellow, Presence::kConnected}); }
    SECTION("missing") { world.set(1, {Colour::kGreen, Presence::kMissing}); }
    SECTION("never enrolled") {
        for (Question* question : {&mirror, &other_port, &other_protocol}) question->source_endpoint = 0;
    }
    CHECK(world.decide(mirror) == DropReason::kNone);
    CHECK(world.decide(other_port) != DropReason::kNone);
    CHECK(world.decide(other_protocol) != DropReason::kNone);
    CHECK(world.decide(to_internet(mirror.source_endpoint)) != DropReason::kNone);
}

TEST_CASE("the allowed list opens nothing for a machine that is not cut off, nor from the WAN") {
    v1::Policy policy;
    add_rule(policy, "lan", "wan", v1::DROP);
    allow(policy, "0.0.0.0/0");
    World world;
    world.load(policy);
    world.set(1, kHealthy);
    CHECK(world.decide(to_internet()) == DropReason::kRuleDrop);
    Question from_wan = to_internet(0);
    from_wan.from = test::kWanZone;
    from_wan.to = test::kLanZone;
    CHECK(world.decide(from_wan) == DropReason::kUnsolicited);
}

TEST_CASE("the allowed list does not lead to an isolated machine") {
    v1::Policy policy = open_policy();
    allow(policy, "0.0.0.0/0");
    World world;
    world.load(policy);
    world.set(1, kIsolated);
    world.set(2, kIsolated);
    Question question = to_internet(1);
    CHECK(world.decide(question) == DropReason::kNone);
    question.to = test::kLanZone;
    question.destination_endpoint = 2;
    CHECK(world.decide(question) == DropReason::kIsolatedDestination);
}

TEST_CASE("the first rule that matches decides, rule 0 drops the rest") {
    v1::Policy policy;
    v1::Rule* web = add_rule(policy, "lan", "wan", v1::DROP);
    web->add_to_networks("198.51.100.0/25");
    v1::Service* service = web->add_services();
    service->set_protocol(IPPROTO_TCP);
    service->set_port_from(80);
    service->set_port_to(443);
    v1::Rule* office = add_rule(policy, "lan", "wan");
    office->add_from_networks("192.168.1.0/24");
    office->add_from_networks("2001:db8:1::/48");
    World world;
    world.load(policy);

    Question question = to_internet(0);
    CHECK(world.gate.decide(question).rule == 1);
    CHECK(world.decide(question) == DropReason::kRuleDrop);
    for (const unsigned port : {79U, 444U}) {
        question.destination_port = static_cast<std::uint16_t>(port);
        CHECK(world.gate.decide(question).rule == 2);
        CHECK(world.decide(question) == DropReason::kNone);
    }
    question.destination_port = 80;
    question.protocol = IPPROTO_UDP;
    CHECK(world.gate.decide(question).rule == 2);
    question.source = ip("192.168.2.1");
    CHECK(world.gate.decide(question).rule == 0);
    CHECK(world.decide(question) == DropReason::kDefaultDrop);

    Question six = to_internet(0);
    six.ether_type = ethernet::kIpv6;
    six.source = ip("2001:db8:1::5");
    six.destination = ip("2001:db8:ffff::1");
    CHECK(world.decide(six) == DropReason::kNone);
    six.source = ip("2001:db8:2::5");
    CHECK(world.decide(six) == DropReason::kDefaultDrop);

    Question from_wan = to_internet(0);
    std::swap(from_wan.from, from_wan.to);
    CHECK(world.decide(from_wan) == DropReason::kUnsolicited);
}

TEST_CASE("a rule for all IPv4 does not match IPv6, and the other way round") {
    v1::Policy policy;
    add_rule(policy, "lan", "wan")->add_to_networks("0.0.0.0/0");
    World world;
    world.load(policy);
    Question six = to_internet(0);
    six.ether_type = ethernet::kIpv6;
    six.source = ip("2001:db8:1::11");
    six.destination = ip("2001:db8::1");
    CHECK(world.decide(to_internet(0)) == DropReason::kNone);
    CHECK(world.decide(six) == DropReason::kDefaultDrop);
    policy.mutable_rules(0)->set_to_networks(0, "::/0");
    world.load(policy);
    CHECK(world.decide(to_internet(0)) == DropReason::kDefaultDrop);
    CHECK(world.decide(six) == DropReason::kNone);
}

TEST_CASE("an IPv6 packet from a mapped IPv4 address matches no rule, not even one for all") {
    World world;
    world.load(open_policy());
    Question mapped = to_internet(0);
    mapped.ether_type = ethernet::kIpv6;
    mapped.source = ip("2001:db8:1::11");
    mapped.destination = ip("2001:db8::1");
    REQUIRE(world.decide(mapped) == DropReason::kNone);
    mapped.source = ip("::ffff:192.168.1.11");
    CHECK(world.decide(mapped) == DropReason::kDefaultDrop);
}

TEST_CASE("what is not IP never passes as transit") {
    v1::Policy policy;
    add_rule(policy, "", "");
    World world;
    world.load(policy);
    Question question{.from = test::kLanZone, .to = test::kWanZone};
    question.ether_type = 0x88cc;  // LLDP
    CHECK(world.decide(question) == DropReason::kDefaultDrop);
}

TEST_CASE("a verdict carries the words and the epoch it was decided with") {
    World world;
    world.load(open_policy());
    world.set(1, kHealthy);
    const Verdict before = world.gate.decide(to_internet());
    CHECK(before.source_word == world.endpoints.word(1));
    CHECK(before.destination_word == world.endpoints.word(0));
    CHECK(before.policy_epoch == world.gate.policy_epoch());
    world.load(open_policy());
    CHECK(world.gate.policy_epoch() != before.policy_epoch);
    const std::uint32_t epoch = world.gate.policy_epoch();
    world.gate.set_ready(false);
    CHECK(world.gate.policy_epoch() != epoch);
}

TEST_CASE("a policy that does not compile says which rule, what was found and what is allowed") {
    start_eal();
    const auto error = [](const v1::Policy& policy) {
        const auto compiled = CompiledPolicy::build(policy, heartgate::dataplane::test::zones());
        REQUIRE_FALSE(compiled);
        return compiled.error();
    };
    v1::Policy policy = open_policy();
    policy.mutable_rules(0)->add_to_networks("198.51.100.0/33");
    CHECK(error(policy) ==
          "policy: rule 1 'rule 1': to_networks: found network '198.51.100.0/33'; allowed: CIDR such as 192.0.2.0/24 "
          "or 2001:db8::/32");
    policy = open_policy();
    policy.mutable_rules(0)->set_from_zone("dmz");
    CHECK(error(policy) ==
          "policy: rule 1 'rule 1': from_zone: found zone 'dmz'; allowed: lan, wan, guests, servers, campus, or "
          "nothing for any");
    policy = open_policy();
    policy.mutable_rules(0)->set_action(v1::ACTION_UNSPECIFIED);
    CHECK(error(policy) == "policy: rule 1 'rule 1': found action 0; allowed: 1 (accept), 2 (drop), 3 (reject)");
    policy = open_policy();
    policy.mutable_rules(0)->mutable_source()->set_minimum(static_cast<v1::Minimum>(9));
    CHECK(error(policy) ==
          "policy: rule 1 'rule 1': source: found minimum 9; allowed: 0 (none), 1 (yellow), 2 (green)");
    policy = open_policy();
    policy.mutable_rules(0)->set_id(0);
    CHECK(error(policy) == "policy: rule 'rule 1': found id 0; allowed: its position, 1");
    policy = open_policy();
    v1::Service* service = policy.mutable_rules(0)->add_services();
    service->set_port_from(70000);
    service->set_port_to(70001);
    CHECK(error(policy).find("ports 70000 to 70001; allowed") != std::string::npos);
    service->set_port_from(443);
    service->set_port_to(80);
    CHECK(error(policy).find("ports 443 to 80; allowed") != std::string::npos);
    policy = open_policy();
    policy.add_allowed()->set_network("mirror.example");
    CHECK(error(policy).find("policy: allowed: found network 'mirror.example'") == 0);
}

TEST_CASE("who is refused is told where the rule that matched says so, on the LAN alone") {
    World world;
    v1::Policy policy;
    add_rule(policy, "lan", "wan")->set_otherwise(v1::REJECT);
    add_rule(policy, "wan", "lan")->set_otherwise(v1::DROP);
    add_rule(policy, "lan", "lan", v1::REJECT);
    add_rule(policy, "wan", "wan", v1::DROP);
    world.load(policy);
    for (const DropReason reason : {DropReason::kIsolatedSource, DropReason::kIsolatedDestination,
                                    DropReason::kSourceHeartbeat, DropReason::kDestinationHeartbeat}) {
        CHECK(world.gate.answers(test::kLanZone, reason, 1));
        CHECK_FALSE(world.gate.answers(test::kWanZone, reason, 1));
        CHECK_FALSE(world.gate.answers(test::kLanZone, reason, 2));
        CHECK_FALSE(world.gate.answers(test::kLanZone, reason, 0));
        CHECK_FALSE(world.gate.answers(test::kLanZone, reason, 5));
    }
    CHECK(world.gate.answers(test::kLanZone, DropReason::kRuleReject, 3));
    for (const DropReason reason : {DropReason::kSpoofedAddress, DropReason::kNotReady, DropReason::kNoRoute}) {
        CHECK_FALSE(world.gate.answers(test::kLanZone, reason, 1));
    }
    // The rule is named where isolation has outranked it, too: it is the one that says how to answer.
    world.set(1, kIsolated);
    CHECK(world.gate.decide(to_internet()).rule == 1);
}

TEST_CASE("otherwise belongs to action accept") {
    start_eal();
    v1::Policy policy;
    v1::Rule* rule = add_rule(policy, "lan", "wan", v1::DROP);
    rule->set_otherwise(v1::REJECT);
    REQUIRE_FALSE(CompiledPolicy::build(policy, heartgate::dataplane::test::zones()));
    rule->set_action(v1::ACCEPT);
    CHECK(CompiledPolicy::build(policy, heartgate::dataplane::test::zones()));
    rule->set_otherwise(v1::ACCEPT);
    CHECK_FALSE(CompiledPolicy::build(policy, heartgate::dataplane::test::zones()));
}
