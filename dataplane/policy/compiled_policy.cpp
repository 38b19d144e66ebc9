// SPDX-License-Identifier: Apache-2.0
// heartgate.v1.Policy -> rules that can be matched without text. Everything is checked again: the policy comes from
// another process.
#include "dataplane/policy/compiled_policy.h"

#include <fmt/format.h>
#include <heartgate/v1/policy.pb.h>

#include <utility>

#include "dataplane/policy/gate.h"

namespace heartgate::dataplane {

namespace {

using Error = tl::unexpected<std::string>;

// Empty: any.
tl::expected<std::optional<Zone>, std::string> zone(const std::string& name, const ZoneTable& zones) {
    if (name.empty()) return std::nullopt;
    if (const auto known = zones.named(name)) return known;
    return Error{fmt::format("found zone '{}'; allowed: {}, or nothing for any", name, zones.names())};
}

tl::expected<Network, std::string> network(const std::string& text) {
    if (const auto parsed = Network::parse(text)) return *parsed;
    return Error{fmt::format("found network '{}'; allowed: CIDR such as 192.0.2.0/24 or 2001:db8::/32", text)};
}

tl::expected<std::vector<Network>, std::string> networks(const google::protobuf::RepeatedPtrField<std::string>& texts) {
    if (texts.size() > CompiledPolicy::kMostMatches) {
        return Error{fmt::format("found {} networks; allowed: {}", texts.size(), CompiledPolicy::kMostMatches)};
    }
    std::vector<Network> list;
    list.reserve(static_cast<std::size_t>(texts.size()));
    for (const std::string& text : texts) {
        const auto one = network(text);
        if (!one) return Error{one.error()};
        list.push_back(*one);
    }
    return list;
}

tl::expected<Service, std::string> service(const v1::Service& from) {
    const std::uint32_t to = from.port_to() == 0 && from.port_from() == 0 ? 0xffffU : from.port_to();
    if (from.protocol() > 255 || to > 0xffffU || from.port_from() > to) {
        return Error{
            fmt::format("found service protocol {} ports {} to {}; allowed: protocol 0 to 255, ports in "
                        "order up to 65535",
                        from.protocol(), from.port_from(), from.port_to())};
    }
    return Service{.protocol = static_cast<std::uint8_t>(from.protocol()),
                   .port_from = static_cast<std::uint16_t>(from.port_from()),
                   .port_to = static_cast<std::uint16_t>(to)};
}

tl::expected<contract::HeartbeatCondition, std::string> condition(const v1::HeartbeatCondition& from) {
    if (from.minimum() < v1::MINIMUM_NONE || from.minimum() > v1::MINIMUM_GREEN) {
        return Error{fmt::format("found minimum {}; allowed: 0 (none), 1 (yellow), 2 (green)",
                                 static_cast<int>(from.minimum()))};
    }
    return contract::HeartbeatCondition{.minimum = static_cast<contract::Minimum>(from.minimum()),
                                        .require_heartbeat = from.require_heartbeat()};
}

tl::expected<CompiledPolicy::Action, std::string> action(const v1::Rule& rule) {
    using Action = CompiledPolicy::Action;
    if (rule.otherwise() != v1::ACTION_UNSPECIFIED && rule.action() != v1::ACCEPT) {
        return Error{"found otherwise beside another action than accept; allowed: with accept alone"};
    }
    if (rule.otherwise() == v1::ACCEPT || rule.otherwise() < 0 || rule.otherwise() > v1::REJECT) {
        return Error{
            fmt::format("found otherwise {}; allowed: 0 or 2 (drop), 3 (reject)", static_cast<int>(rule.otherwise()))};
    }
    switch (rule.action()) {
        case v1::ACCEPT:
            return Action::kAccept;
        case v1::DROP:
            return Action::kDrop;
        case v1::REJECT:
            return Action::kReject;
        default:
            return Error{fmt::format("found action {}; allowed: 1 (accept), 2 (drop), 3 (reject)",
                                     static_cast<int>(rule.action()))};
    }
}

tl::expected<CompiledPolicy::Rule, std::string> compile(const v1::Rule& from, const ZoneTable& zones) {
    const auto verb = action(from);
    if (!verb) return Error{verb.error()};
    const auto from_zone = zone(from.from_zone(), zones);
    if (!from_zone) return Error{"from_zone: " + from_zone.error()};
    const auto to_zone = zone(from.to_zone(), zones);
    if (!to_zone) return Error{"to_zone: " + to_zone.error()};
    auto sources = networks(from.from_networks());
    if (!sources) return Error{"from_networks: " + sources.error()};
    auto destinations = networks(from.to_networks());
    if (!destinations) return Error{"to_networks: " + destinations.error()};
    const auto source = condition(from.source());
    if (!source) return Error{"source: " + source.error()};
    const auto destination = condition(from.destination());
    if (!destination) return Error{"destination: " + destination.error()};
    CompiledPolicy::Rule rule{.id = from.id(),
                              .action = *verb,
                              .answer = from.action() == v1::REJECT || from.otherwise() == v1::REJECT,
                              .from_zone = *from_zone,
                              .to_zone = *to_zone,
                              .source = *source,
                              .destination = *destination,
                              .from = std::move(*sources),
                              .to = std::move(*destinations),
                              .services = {}};
    if (from.services_size() > CompiledPolicy::kMostMatches) {
        return Error{
            fmt::format("services: found {}; allowed: {}", from.services_size(), CompiledPolicy::kMostMatches)};
    }
    for (const v1::Service& one : from.services()) {
        const auto compiled = service(one);
        if (!compiled) return Error{"services: " + compiled.error()};
        rule.services.push_back(*compiled);
    }
    return rule;
}

bool admits(const std::vector<Network>& sources, const IpAddress& source) noexcept {
    return sources.empty() ||
           std::any_of(sources.begin(), sources.end(), [&](const Network& one) { return one.contains(source); });
}

}  // namespace

tl::expected<std::unique_ptr<CompiledPolicy>, std::string> CompiledPolicy::build(const v1::Policy& policy,
                                                                                 const ZoneTable& zones) {
    if (policy.rules_size() > kMostRules) {
        return Error{fmt::format("policy: found {} rules; allowed: {}", policy.rules_size(), kMostRules)};
    }
    if (policy.allowed_size() > kMostMatches) {
        return Error{
            fmt::format("policy: found {} allowed destinations; allowed: {}", policy.allowed_size(), kMostMatches)};
    }
    std::unique_ptr<CompiledPolicy> compiled{new CompiledPolicy};
    compiled->revision_ = policy.revision();
    compiled->rules_.reserve(static_cast<std::size_t>(policy.rules_size()));
    for (const v1::Rule& from : policy.rules()) {
        const std::size_t position = compiled->rules_.size() + 1;
        if (from.id() != position) {
            return Error{fmt::format("policy: rule '{}': found id {}; allowed: its position, {}", from.name(),
                                     from.id(), position)};
        }
        auto rule = compile(from, zones);
        if (!rule) return Error{fmt::format("policy: rule {} '{}': {}", from.id(), from.name(), rule.error())};
        compiled->rules_.push_back(std::move(*rule));
    }
    for (const v1::AllowedDestination& from : policy.allowed()) {
        const auto to = network(from.network());
        if (!to) return Error{"policy: allowed: " + to.error()};
        const auto what = service(from.service());
        if (!what) return Error{"policy: allowed: " + what.error()};
        compiled->allowed_.push_back({.network = *to, .service = *what});
    }
    auto published = PublishedServices::build(policy);
    if (!published) return Error{published.error()};
    compiled->published_ = std::move(*published);
    if (const auto indexed = compiled->index(); !indexed) return Error{indexed.error()};
    return compiled;
}

tl::expected<void, std::string> CompiledPolicy::index() {
    std::vector<RuleIndex::Pattern> patterns;
    patterns.reserve(rules_.size());
    for (const Rule& rule : rules_) {
        patterns.push_back({.from_zone = rule.from_zone,
                            .to_zone = rule.to_zone,
                            .from = rule.from,
                            .to = rule.to,
                            .services = rule.services});
    }
    auto rules = RuleIndex::build(patterns);
    if (!rules) return Error{"policy: rules: " + rules.error()};
    rule_index_ = std::move(*rules);

    patterns.clear();
    for (const Allowed& one : allowed_) {
        patterns.push_back(
            {.from_zone = {}, .to_zone = {}, .from = {}, .to = {&one.network, 1}, .services = {&one.service, 1}});
    }
    auto allowed = RuleIndex::build(patterns);
    if (!allowed) return Error{"policy: allowed: " + allowed.error()};
    allowed_index_ = std::move(*allowed);
    return {};
}

const CompiledPolicy::Rule* CompiledPolicy::match(const Question& question) const noexcept {
    const std::uint32_t position = rule_index_.first(question);
    return position == 0 ? nullptr : &rules_[position - 1];
}

bool CompiledPolicy::publishes(const Question& question) const noexcept {
    const PublishedService* service = published(question.protocol, question.asked, question.asked_port);
    return service != nullptr && service->to == question.destination && service->to_port == question.destination_port &&
           (!question.from.is_wan() || admits(service->sources, question.source));
}

bool CompiledPolicy::allowed(const Question& question) const noexcept { return allowed_index_.first(question) != 0; }

}  // namespace heartgate::dataplane
