// SPDX-License-Identifier: Apache-2.0
// A gate with endpoints and a policy, for tests of decisions.
#pragma once

#include <arpa/inet.h>
#include <heartgate/v1/policy.pb.h>

#include <catch2/catch.hpp>
#include <memory>
#include <string>

#include "dataplane/policy/compiled_policy.h"
#include "dataplane/policy/gate.h"
#include "tests/packet/verdict/eal.h"
#include "tests/zones.h"

namespace heartgate::dataplane {

inline IpAddress ip(const std::string& text) {
    IpAddress address;
    if (in_addr four{}; inet_pton(AF_INET, text.c_str(), &four) == 1) return IpAddress::from_ipv4(four.s_addr);
    REQUIRE(inet_pton(AF_INET6, text.c_str(), address.bytes.data()) == 1);
    return address;
}

// Endpoints 1 and 2 are on the LAN at .11 and .12; endpoint 0 is whoever has none.
struct World {
    EndpointTable endpoints{16};
    Gate gate;

    explicit World(LocalInOptions local_in = {}) : gate{endpoints, std::move(local_in)} {
        start_eal();  // a policy's tries are in its memory
    }

    void load(const v1::Policy& policy) {
        auto compiled = CompiledPolicy::build(policy, heartgate::dataplane::test::zones());
        REQUIRE(compiled);
        delete gate.swap(compiled->release());
        gate.set_ready(true);
    }
    void set(std::uint32_t endpoint, const contract::EndpointState& state) { REQUIRE(endpoints.set(endpoint, state)); }
    [[nodiscard]] contract::DropReason decide(const Question& question) const { return gate.decide(question).reason; }
};

inline Question to_internet(std::uint32_t endpoint = 1) {
    return {.from = test::kLanZone,
            .to = test::kWanZone,
            .protocol = IPPROTO_TCP,
            .source = ip("192.168.1.11"),
            .destination = ip("198.51.100.1"),
            .source_port = 40000,
            .destination_port = 443,
            .source_endpoint = endpoint,
            .destination_endpoint = 0};
}

inline v1::Rule* add_rule(v1::Policy& policy, const std::string& from_zone, const std::string& to_zone,
                          v1::Action action = v1::ACCEPT) {
    v1::Rule* rule = policy.add_rules();
    rule->set_id(static_cast<std::uint32_t>(policy.rules_size()));
    rule->set_name("rule " + std::to_string(policy.rules_size()));
    rule->set_from_zone(from_zone);
    rule->set_to_zone(to_zone);
    rule->set_action(action);
    return rule;
}

// Every machine to the internet.
inline v1::Policy open_policy() {
    v1::Policy policy;
    add_rule(policy, "lan", "wan");
    return policy;
}

constexpr contract::EndpointState kHealthy{.colour = contract::Colour::kGreen,
                                           .presence = contract::Presence::kConnected};
constexpr contract::EndpointState kIsolated{
    .colour = contract::Colour::kRed, .presence = contract::Presence::kConnected, .isolated = true};

}  // namespace heartgate::dataplane
