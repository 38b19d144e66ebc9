// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/wan_rules.h"

#include <algorithm>

namespace heartgate::control {
namespace {

using contract::EndpointState;
using contract::Presence;

CutOffCause cause_of(const contract::HeartbeatCondition& condition, const EndpointState& state) {
    if (!contract::colour_passes(condition.minimum, state)) return CutOffCause::kColour;
    return state.presence == Presence::kMissing ? CutOffCause::kMissing : CutOffCause::kNoHeartbeat;
}

}  // namespace

WanRules::WanRules(const v1::Policy& policy, const Zones& zones) {
    isolate_on_ = 0;
    for (const int colour : policy.isolate_on()) isolate_on_ |= 1U << static_cast<unsigned>(colour);
    for (const v1::Rule& rule : policy.rules()) {
        if (zones.wan(rule.from_zone()) || !(rule.to_zone().empty() || zones.wan(rule.to_zone()))) continue;
        Rule compiled{.name = rule.name(),
                      .from = {},
                      .source = {.minimum = static_cast<contract::Minimum>(rule.source().minimum()),
                                 .require_heartbeat = rule.source().require_heartbeat()},
                      .accept = rule.action() == v1::ACCEPT,
                      .ends_search = rule.to_networks().empty() && rule.services().empty()};
        for (const std::string& text : rule.from_networks()) {
            if (const auto network = IpNetwork::from_text(text)) compiled.from.push_back(*network);
        }
        rules_.push_back(std::move(compiled));
    }
}

WanDecision WanRules::decide(const EndpointState& state, const std::vector<IpAddress>& addresses) const {
    if (state.isolated) return {.cause = CutOffCause::kIsolated, .rule = {}};
    for (const Rule& rule : rules_) {
        const bool concerned =
            rule.from.empty() || std::any_of(rule.from.begin(), rule.from.end(), [&](const IpNetwork& network) {
                return std::any_of(addresses.begin(), addresses.end(),
                                   [&](const IpAddress& address) { return network.contains(address); });
            });
        if (!concerned) continue;
        if (rule.accept && !contract::passes(rule.source, state)) return {cause_of(rule.source, state), rule.name};
        if (rule.ends_search) break;
    }
    return {};
}

}  // namespace heartgate::control
