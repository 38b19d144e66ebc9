// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/policy_yaml.h"

#include <fmt/format.h>

#include <map>

#include "controlplane/common/yaml_reader.h"
#include "controlplane/policy/definitions.h"
#include "controlplane/policy/publish.h"

namespace heartgate::control {
namespace {

constexpr std::size_t kMostBytes = 1UL << 20U;
constexpr std::size_t kMostRules = 10'000;
constexpr std::size_t kMostName = 63;
constexpr std::size_t kMostAllowed = 1'000;
constexpr int kMostAllowedPairs = 4'096;  // as the dataplane takes them
constexpr std::string_view kActions = "accept, drop or reject";

constexpr std::size_t kLongestZone = 12;

bool printable(const std::string& text) {
    for (const char byte : text) {
        if (static_cast<unsigned char>(byte) < 0x20 || byte == 0x7f) return false;
    }
    return !text.empty();
}

std::string read_zone(const YamlNode& node) {
    if (!node.present()) return {};
    constexpr std::string_view kAllowed = "the name of a zone, such as lan or wan, or any";
    std::string zone = node.text(kAllowed);
    if (zone == "any") return {};
    if (zone.size() > kLongestZone || !printable(zone)) node.fail(kAllowed);  // which there are the dataplane knows
    return zone;
}

void read_condition(const YamlNode& node, v1::HeartbeatCondition& condition) {
    node.expect_keys({"minimum", "require_heartbeat"});
    if (const YamlNode minimum = node.child("minimum"); minimum.present()) {
        const std::string value = minimum.text("green, yellow or none");
        if (value == "green") {
            condition.set_minimum(v1::MINIMUM_GREEN);
        } else if (value == "yellow") {
            condition.set_minimum(v1::MINIMUM_YELLOW);
        } else if (value != "none") {
            minimum.fail("green, yellow or none");
        }
    }
    condition.set_require_heartbeat(node.child("require_heartbeat").boolean_or(false));
}

// `allowed`: the words among accept, drop and reject that are right here.
v1::Action read_action(const YamlNode& node, std::string_view allowed) {
    static const std::map<std::string, v1::Action, std::less<>> kVerbs{
        {"accept", v1::ACCEPT}, {"drop", v1::DROP}, {"reject", v1::REJECT}};
    const auto verb = kVerbs.find(node.text(allowed));
    if (verb == kVerbs.end() || allowed.find(verb->first) == std::string_view::npos) node.fail(allowed);
    return verb->second;
}

using Networks = google::protobuf::RepeatedPtrField<std::string>;
using Services = google::protobuf::RepeatedPtrField<v1::Service>;

void read_networks(const YamlNode& node, const Definitions& names, Networks& networks) {
    for (const YamlNode& entry : node.elements("a list of networks")) {
        for (std::string& network : names.networks(entry)) networks.Add(std::move(network));
    }
}

// Any service is what a list without one stands for.
void read_services(const YamlNode& node, const Definitions& names, Services& services) {
    bool any = false;
    for (const YamlNode& entry : node.elements("a list of services")) {
        for (v1::Service& service : names.services(entry)) {
            any = any || service.protocol() == 0;
            services.Add(std::move(service));
        }
    }
    if (any) services.Clear();
}

v1::Rule read_rule(const YamlNode& node, const Definitions& names, std::uint32_t id) {
    node.expect_keys({"name", "from", "to", "from_networks", "to_networks", "services", "action", "source",
                      "destination", "otherwise"});
    v1::Rule rule;
    rule.set_id(id);
    const YamlNode name = node.required("name", "a name, unique, of 1 to 63 bytes");
    rule.set_name(name.text("a name, unique, of 1 to 63 bytes"));
    if (rule.name().size() > kMostName || !printable(rule.name())) name.fail("a name, unique, of 1 to 63 bytes");
    rule.set_from_zone(read_zone(node.child("from")));
    rule.set_to_zone(read_zone(node.child("to")));
    read_networks(node.child("from_networks"), names, *rule.mutable_from_networks());
    read_networks(node.child("to_networks"), names, *rule.mutable_to_networks());
    read_services(node.child("services"), names, *rule.mutable_services());
    rule.set_action(read_action(node.required("action", kActions), kActions));
    if (const YamlNode otherwise = node.child("otherwise"); otherwise.present()) {
        if (rule.action() != v1::ACCEPT) otherwise.complain("only a rule with action accept has it");
        rule.set_otherwise(read_action(otherwise, "drop or reject"));
    }
    for (const char* side : {"source", "destination"}) {
        const YamlNode condition = node.child(side);
        if (!condition.present()) continue;
        if (rule.action() != v1::ACCEPT) {
            condition.complain("only a rule with action accept has heartbeat conditions");
        }
        read_condition(condition, *(side[0] == 's' ? rule.mutable_source() : rule.mutable_destination()));
    }
    return rule;
}

void read_isolate_on(const YamlNode& node, v1::Policy& policy) {
    if (!node.present()) {
        policy.add_isolate_on(v1::RED);
        return;
    }
    for (const YamlNode& entry : node.elements("a list of colours: red, yellow")) {
        const std::string colour = entry.text("red or yellow");
        if (colour != "red" && colour != "yellow") entry.fail("red or yellow");
        policy.add_isolate_on(colour == "red" ? v1::RED : v1::YELLOW);
    }
}

void read_allowed(const YamlNode& node, const Definitions& names, v1::Policy& policy) {
    const auto entries = node.elements("a list of {network, service}");
    if (entries.size() > kMostAllowed) node.complain(fmt::format("at most {} destinations are allowed", kMostAllowed));
    for (const YamlNode& entry : entries) {
        entry.expect_keys({"network", "service"});
        const YamlNode network = entry.required("network", kNetworkForms);
        const YamlNode service = entry.required("service", "a service as in the rules");
        for (const std::string& one : names.networks(network)) {
            for (const v1::Service& what : names.services(service)) {
                auto& allowed = *policy.add_allowed();
                allowed.set_network(one);
                *allowed.mutable_service() = what;
            }
        }
        if (policy.allowed_size() > kMostAllowedPairs) {
            entry.complain(fmt::format("more than {} pairs of network and service up to here", kMostAllowedPairs));
        }
    }
}

ParsedPolicy read_policy(const YamlNode& root, const Zones& zones) {
    root.expect_keys({"rules", "networks", "services", "isolate_on", "allowed", "publish", "whom_to_call"});
    Definitions names;
    names.read_networks(root.child("networks"));
    names.read_services(root.child("services"));
    ParsedPolicy parsed;
    const YamlNode list = root.required("rules", "a list of rules (may be empty: everything is dropped)");
    const auto rules = list.elements("a list of rules");
    if (rules.size() > kMostRules) list.complain(fmt::format("{} rules; allowed: {}", rules.size(), kMostRules));
    std::map<std::string, int> lines;  // of each name
    for (const YamlNode& entry : rules) {
        v1::Rule rule = read_rule(entry, names, static_cast<std::uint32_t>(parsed.policy.rules_size()) + 1);
        const auto [first, unique] = lines.emplace(rule.name(), entry.line());
        if (!unique) {
            entry.child("name").complain(
                fmt::format("'{}' is the name of the rule at line {}, too; allowed: unique "
                            "names",
                            rule.name(), first->second));
        }
        if (rule.action() == v1::ACCEPT && !zones.wan(rule.from_zone()) && !rule.source().require_heartbeat()) {
            parsed.warnings.push_back(
                fmt::format("line {}: rule '{}' lets machines without heartbeat pass: an endpoint "
                            "that changes its MAC address escapes its health there; "
                            "source.require_heartbeat: true prevents it",
                            entry.line(), rule.name()));
        }
        const std::string routed = zones.routed(rule.from_zone());
        if (rule.action() == v1::ACCEPT && !routed.empty()) {
            parsed.warnings.push_back(fmt::format(
                "line {}: rule '{}' lets machines of {} pass by their IP address alone, since a layer 3 switch "
                "is in between: who takes another's address there has its health",
                entry.line(), rule.name(), routed));
        }
        *parsed.policy.add_rules() = std::move(rule);
    }
    read_isolate_on(root.child("isolate_on"), parsed.policy);
    read_allowed(root.child("allowed"), names, parsed.policy);
    for (std::string& warning : read_publish(root.child("publish"), names, zones, parsed.policy)) {
        parsed.warnings.push_back(std::move(warning));
    }
    const YamlNode whom = root.child("whom_to_call");
    parsed.policy.set_whom_to_call(whom.text_or(""));
    if (!parsed.policy.whom_to_call().empty() &&
        (parsed.policy.whom_to_call().size() > 255 || !printable(parsed.policy.whom_to_call()))) {
        whom.fail("one line of at most 255 bytes");
    }
    return parsed;
}

}  // namespace

Expected<ParsedPolicy> parse_policy(const std::string& yaml, const std::string& file_name, const Zones& zones) {
    if (yaml.size() > kMostBytes) {
        return error(ErrorKind::kInvalidArgument, fmt::format("{}: the policy has {} bytes; allowed: at most {}",
                                                              file_name, yaml.size(), kMostBytes));
    }
    return from_yaml_text(yaml, file_name, [&zones](const YamlNode& root) { return read_policy(root, zones); });
}

}  // namespace heartgate::control
