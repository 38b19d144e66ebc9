// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "controlplane/policy/policy_yaml.h"
#include "controlplane/policy/wan_rules.h"

namespace {

using heartgate::contract::Colour;
using heartgate::contract::EndpointState;
using heartgate::contract::Presence;
using heartgate::control::CutOffCause;
using heartgate::control::IpAddress;
using heartgate::control::parse_policy;
using heartgate::control::WanRules;
namespace v1 = heartgate::v1;

const char* const kOffice = R"(rules:
  - name: updates
    from: lan
    to: wan
    to_networks: [198.51.100.0/24]
    services: [tcp/443]
    action: accept
    source: {minimum: yellow, require_heartbeat: true}
  - name: printers
    from: lan
    to: wan
    from_networks: [10.0.9.0/24]
    action: drop
  - name: internet
    from: lan
    to: wan
    services: [any]
    action: accept
    source: {minimum: green, require_heartbeat: true}
isolate_on: [red]
allowed:
  - {network: 203.0.113.7, service: tcp/8000-8100}
whom_to_call: "the help desk, 555"
)";

std::string mistake(const std::string& yaml) {
    const auto parsed = parse_policy(yaml, "policy.yaml");
    return parsed ? "none" : parsed.error().message;
}
std::string rule(const std::string& lines) { return "rules:\n  - name: a\n" + lines; }

v1::Policy office() { return parse_policy(kOffice, "policy.yaml").value().policy; }

constexpr EndpointState kGreen{.colour = Colour::kGreen, .presence = Presence::kConnected};
constexpr EndpointState kYellow{.colour = Colour::kYellow, .presence = Presence::kConnected};
constexpr EndpointState kRed{.colour = Colour::kRed, .presence = Presence::kConnected};

}  // namespace

TEST_CASE("a policy is read whole") {
    const auto parsed = parse_policy(kOffice, "policy.yaml");
    REQUIRE(parsed);
    const v1::Policy& policy = parsed->policy;
    REQUIRE(policy.rules_size() == 3);
    CHECK(policy.rules(0).id() == 1);
    CHECK(policy.rules(0).from_zone() == "lan");
    CHECK(policy.rules(0).services(0).protocol() == 6);
    CHECK(policy.rules(0).services(0).port_from() == 443);
    CHECK(policy.rules(0).source().minimum() == v1::MINIMUM_YELLOW);
    CHECK(policy.rules(1).action() == v1::DROP);
    CHECK(policy.rules(2).services().empty());
    CHECK(policy.rules(2).source().require_heartbeat());
    CHECK(policy.isolate_on(0) == v1::RED);
    CHECK(policy.allowed(0).network() == "203.0.113.7/32");
    CHECK(policy.allowed(0).service().port_to() == 8100);
    CHECK(policy.whom_to_call() == "the help desk, 555");
    CHECK(parsed->warnings.empty());
}

TEST_CASE("RED isolates unless the policy says otherwise") {
    CHECK(parse_policy("rules: []\n", "p").value().policy.isolate_on(0) == v1::RED);
    CHECK(parse_policy("rules: []\nisolate_on: []\n", "p").value().policy.isolate_on().empty());
}

TEST_CASE("each mistake in a policy is named by line, key, what was found and what is allowed") {
    CHECK(mistake("rulez: []\n") ==
          "policy.yaml:1: rulez: unknown key; allowed: rules, networks, services, isolate_on, allowed, publish, "
          "whom_to_call");
    CHECK(mistake("isolate_on: [red]\n") ==
          "policy.yaml:1: rules: found nothing; allowed: a list of rules (may be empty: everything is dropped)");
    CHECK(mistake(rule("    action: allow\n")) ==
          "policy.yaml:3: rules[0].action: found 'allow'; allowed: accept, drop or reject");
    CHECK(
        mistake(rule("    action: accept\n    to: the-internet-itself\n")) ==
        "policy.yaml:4: rules[0].to: found 'the-internet-itself'; allowed: the name of a zone, such as lan or wan, or "
        "any");
    CHECK(mistake(rule("    action: accept\n    source: {minimum: blue}\n")) ==
          "policy.yaml:4: rules[0].source.minimum: found 'blue'; allowed: green, yellow or none");
    CHECK(mistake(rule("    action: accept\n    source:\n      require_hartbeat: true\n")) ==
          "policy.yaml:5: rules[0].source.require_hartbeat: unknown key; allowed: minimum, require_heartbeat");
    CHECK(mistake(rule("    action: drop\n    source: {minimum: green}\n")) ==
          "policy.yaml:4: rules[0].source: only a rule with action accept has heartbeat conditions");
    CHECK(mistake("rules:\n  - {name: a, action: drop}\n  - {name: a, action: drop}\n") ==
          "policy.yaml:3: rules[1].name: 'a' is the name of the rule at line 2, too; allowed: unique names");
    CHECK(mistake("rules: []\nisolate_on: [green]\n") ==
          "policy.yaml:2: isolate_on[0]: found 'green'; allowed: red or yellow");
    CHECK(mistake("rules: []\nallowed:\n  - {network: 10.0.0.0/8}\n")
              .find("policy.yaml:3: allowed[0].service: found "
                    "nothing") == 0);
}

TEST_CASE("a rule may reject, or accept and reject whom its conditions keep out") {
    const auto rejects = parse_policy(rule("    action: reject\n"), "p");
    REQUIRE(rejects);
    CHECK(rejects->policy.rules(0).action() == v1::REJECT);
    const auto otherwise =
        parse_policy(rule("    action: accept\n    source: {require_heartbeat: true}\n    otherwise: reject\n"), "p");
    REQUIRE(otherwise);
    CHECK(otherwise->policy.rules(0).action() == v1::ACCEPT);
    CHECK(otherwise->policy.rules(0).otherwise() == v1::REJECT);
    CHECK(mistake(rule("    action: accept\n    otherwise: accept\n")) ==
          "policy.yaml:4: rules[0].otherwise: found 'accept'; allowed: drop or reject");
    CHECK(mistake(rule("    action: drop\n    otherwise: reject\n")) ==
          "policy.yaml:4: rules[0].otherwise: only a rule with action accept has it");
    CHECK(mistake(rule("    action: reject\n    destination: {minimum: green}\n")) ==
          "policy.yaml:4: rules[0].destination: only a rule with action accept has heartbeat conditions");
}

TEST_CASE("networks and services outside their ranges are refused") {
    for (const char* network : {"10.0.0.1/24", "10.0.0.0/33", "10.0.0", "2001:db8::1/64", "::/129", "lan", "''"}) {
        INFO(network);
        CHECK(mistake(rule(std::string("    action: drop\n    from_networks: ['") +
                           (std::string(network) == "''" ? "" : network) + "']\n"))
                  .find("policy.yaml:4: rules[0].from_networks[0]: found") == 0);
    }
    for (const char* service : {"tcp/0", "tcp/65536", "tcp/9-8", "tcp/", "icmp/8", "sctp", "tcp/80,443", "443"}) {
        INFO(service);
        CHECK(mistake(rule(std::string("    action: drop\n    services: [\"") + service + "\"]\n"))
                  .find("policy.yaml:4: rules[0].services[0]: found") == 0);
    }
}

TEST_CASE("services have the names that everybody knows, and those that the policy gives them") {
    const auto parsed = parse_policy(
        "services:\n  web: [http, https, tcp/8443]\n  office: [web, dns]\n"
        "rules:\n  - {name: a, action: drop, services: [office, ping]}\n",
        "p");
    REQUIRE(parsed);
    std::string text;
    for (const v1::Service& one : parsed->policy.rules(0).services()) {
        text += std::to_string(one.protocol()) + "/" + std::to_string(one.port_from()) + " ";
    }
    CHECK(text == "6/80 6/443 6/8443 17/53 6/53 1/8 58/128 ");
    CHECK(parse_policy("rules:\n  - {name: a, action: drop, services: [ssh, any]}\n", "p")
              ->policy.rules(0)
              .services()
              .empty());
}

TEST_CASE("networks have the names that the policy gives them, in the allowed list, too") {
    const auto parsed = parse_policy(
        "networks:\n  printers: [10.0.9.0/24]\n  inside: [printers, 10.1.0.0/16, '2001:db8::/32']\n"
        "rules:\n  - {name: a, action: drop, from_networks: [inside]}\n"
        "allowed:\n  - {network: inside, service: dns}\n",
        "p");
    REQUIRE(parsed);
    REQUIRE(parsed->policy.rules(0).from_networks_size() == 3);
    CHECK(parsed->policy.rules(0).from_networks(0) == "10.0.9.0/24");
    CHECK(parsed->policy.rules(0).from_networks(2) == "2001:db8::/32");
    CHECK(parsed->policy.allowed_size() == 6);
}

TEST_CASE("a name that is not one, is taken, comes too late or stands for nothing is refused with its line") {
    const std::string rules = "rules: []\n";
    CHECK(mistake(rules + "services:\n  Web: [http]\n").find("policy.yaml:3: services.Web: found this name; ") == 0);
    CHECK(mistake(rules + "services:\n  http: [tcp/81]\n") ==
          "policy.yaml:3: services.http: this name is taken; allowed: another one");
    CHECK(mistake(rules + "services:\n  a: [b]\n  b: [http]\n").find("policy.yaml:3: services.a[0]: found 'b'; ") == 0);
    CHECK(mistake(rules + "networks:\n  a: []\n") ==
          "policy.yaml:3: networks.a: stands for 0 entries; allowed: 1 to 4096");
    CHECK(mistake(rules + "networks:\n  a: [10.0.0.0/8]\n  a: [10.0.0.0/8]\n") ==
          "policy.yaml:4: networks.a: given twice; allowed: once");
    CHECK(mistake(rules + "networks: [10.0.0.0/8]\n").find("policy.yaml:2: networks: found") == 0);
}

TEST_CASE("published services are read; one that no rule lets in is warned of") {
    const std::string rules = "rules: [{name: web, from: wan, to: lan, services: [tcp/8443], action: accept}]\n";
    const auto parsed = parse_policy(rules + R"(publish:
  - {protocol: tcp, port: 443, to: 192.168.1.10, to_port: 8443}
  - {protocol: udp, address: 198.51.100.7, port: 1194, to: 192.168.1.11, sources: [203.0.113.0/24]}
)",
                                     "policy.yaml");
    REQUIRE(parsed);
    REQUIRE(parsed->policy.publish_size() == 2);
    const v1::PublishedService& web = parsed->policy.publish(0);
    CHECK(web.protocol() == 6);
    CHECK(web.address().empty());
    CHECK(web.to_port() == 8443);
    const v1::PublishedService& vpn = parsed->policy.publish(1);
    CHECK(vpn.address() == "198.51.100.7");
    CHECK(vpn.to_port() == 1194);
    CHECK(vpn.sources(0) == "203.0.113.0/24");
    REQUIRE(parsed->warnings.size() == 1);
    CHECK(parsed->warnings[0].find("line 4: no rule accepts what comes from the WAN for 192.168.1.11 udp/1194") == 0);
}

TEST_CASE("each mistake in the list of published services is named") {
    const auto publish = [](const std::string& entry) { return mistake("rules: []\npublish:\n  - " + entry + "\n"); };
    CHECK(publish("{protocol: tcp, port: 443, to: 10.0.0.1}") == "none");
    CHECK(publish("{protocol: gre, port: 443, to: 10.0.0.1}").find("policy.yaml:3") == 0);
    CHECK(publish("{protocol: gre, port: 443, to: 10.0.0.1}").find("tcp or udp") != std::string::npos);
    CHECK(publish("{protocol: tcp, to: 10.0.0.1}").find("port") != std::string::npos);
    CHECK(publish("{protocol: tcp, port: 65536, to: 10.0.0.1}").find("65535") != std::string::npos);
    CHECK(publish("{protocol: tcp, port: 443, to: web}").find("IPv4 address of a machine") != std::string::npos);
    CHECK(publish("{protocol: tcp, port: 443, to: 127.0.0.1}").find("IPv4 address of a machine") != std::string::npos);
    CHECK(publish("{protocol: tcp, port: 443, to: \"2001:db8::1\"}").find("IPv4") != std::string::npos);
    CHECK(publish("{protocol: udp, port: 68, to: 10.0.0.1}").find("DHCP") != std::string::npos);
    CHECK(publish("{protocol: tcp, port: 1, to: 10.0.0.1, sources: [x]}").find("policy.yaml:3") == 0);
    CHECK(publish("{protocol: tcp, port: 443, to: 10.0.0.1}\n  - {protocol: tcp, port: 443, to: 10.0.0.2}")
              .find("published at line 3, too") != std::string::npos);
}

TEST_CASE("a rule that lets machines without heartbeat pass is warned of, with its line") {
    const auto parsed = parse_policy(rule("    action: accept\n    source: {minimum: green}\n"), "policy.yaml");
    REQUIRE(parsed);
    REQUIRE(parsed->warnings.size() == 1);
    CHECK(parsed->warnings[0].find("line 2: rule 'a' lets machines without heartbeat pass") == 0);
    CHECK(parse_policy(rule("    action: accept\n    source: {require_heartbeat: true}\n"), "p")->warnings.empty());
    CHECK(parse_policy(rule("    action: accept\n    from: wan\n"), "p")->warnings.empty());

    // Which zones there are the dataplane tells.
    google::protobuf::RepeatedPtrField<v1::Zone> told;
    for (const auto& [name, role] :
         {std::pair{"lan", v1::ZONE_ROLE_ATTACHED}, {"campus", v1::ZONE_ROLE_ROUTED}, {"uplink", v1::ZONE_ROLE_WAN}}) {
        v1::Zone& zone = *told.Add();
        zone.set_name(name);
        zone.set_role(role);
    }
    const heartgate::control::Zones zones{told};
    CHECK(parse_policy(rule("    action: accept\n    from: uplink\n"), "p", zones)->warnings.empty());
    const std::string strict = "    action: accept\n    source: {require_heartbeat: true}\n";
    CHECK(parse_policy(rule(strict + "    from: lan\n"), "p", zones)->warnings.empty());
    for (const std::string from : {"campus", "any"}) {
        const auto weak = parse_policy(rule(strict + "    from: " + from + "\n"), "p", zones);
        REQUIRE(weak->warnings.size() == 1);
        CHECK(weak->warnings[0] ==
              "line 2: rule 'a' lets machines of campus pass by their IP address alone, since a layer 3 switch is in "
              "between: who takes another's address there has its health");
    }
}

TEST_CASE("an endpoint is cut off by the first rule to the WAN whose condition it fails") {
    const WanRules rules{office()};
    const std::vector<IpAddress> desktop{*IpAddress::from_text("10.0.0.5")};
    CHECK_FALSE(rules.decide(kGreen, desktop).cut_off());
    CHECK(rules.decide(kYellow, desktop) == heartgate::control::WanDecision{CutOffCause::kColour, "internet"});
    CHECK(rules.decide(kRed, desktop) == heartgate::control::WanDecision{CutOffCause::kColour, "updates"});
    CHECK(rules.decide({.colour = Colour::kGreen, .presence = Presence::kMissing}, desktop).cause ==
          CutOffCause::kMissing);
    CHECK(rules.decide({.colour = Colour::kGreen, .presence = Presence::kAsleep}, desktop).cause ==
          CutOffCause::kNoHeartbeat);
    CHECK(rules.decide({}, desktop).cause == CutOffCause::kNoHeartbeat);
}

TEST_CASE("isolation needs no rule") {
    EndpointState state = kGreen;
    state.isolated = true;
    CHECK(WanRules{}.decide(state, {}).cause == CutOffCause::kIsolated);
}

TEST_CASE("a drop rule for everything ends the search without a cut-off by health") {
    const WanRules rules{office()};
    const std::vector<IpAddress> printer{*IpAddress::from_text("10.0.9.9")};
    CHECK_FALSE(rules.decide(kYellow, printer).cut_off());
}

TEST_CASE("only rules from the LAN to the WAN count") {
    const auto policy = parse_policy(
        "rules:\n"
        "  - {name: in, from: wan, to: lan, action: accept, source: {minimum: green, require_heartbeat: true}}\n"
        "  - {name: out, from: lan, to: wan, action: accept}\n",
        "p");
    REQUIRE(policy);
    CHECK_FALSE(WanRules{policy->policy}.decide(kRed, {}).cut_off());
}

TEST_CASE("isolate_on decides which colours isolate") {
    const WanRules rules{parse_policy("rules: []\nisolate_on: [yellow]\n", "p").value().policy};
    CHECK(rules.isolates(Colour::kYellow));
    CHECK_FALSE(rules.isolates(Colour::kRed));
    CHECK_FALSE(rules.isolates(Colour::kGreen));
    CHECK_FALSE(rules.isolates(Colour::kUnknown));
}

TEST_CASE("a network of one family contains no address of the other") {
    using heartgate::control::IpNetwork;
    CHECK(IpNetwork::from_text("0.0.0.0/0")->contains(*IpAddress::from_text("10.1.2.3")));
    CHECK_FALSE(IpNetwork::from_text("::/0")->contains(*IpAddress::from_text("10.1.2.3")));
    CHECK_FALSE(IpNetwork::from_text("0.0.0.0/0")->contains(*IpAddress::from_text("2001:db8::1")));
    CHECK(IpNetwork::from_text("2001:db8::/33")->contains(*IpAddress::from_text("2001:db8:7fff::1")));
    CHECK_FALSE(IpNetwork::from_text("2001:db8::/33")->contains(*IpAddress::from_text("2001:db8:8000::1")));
    CHECK(IpNetwork::from_text("10.0.0.0/8")->text() == "10.0.0.0/8");
}
