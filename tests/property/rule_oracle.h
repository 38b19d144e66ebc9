// SPDX-License-Identifier: Apache-2.0
// First match by looking at each rule in turn: what a policy means, too slow for packets.
#pragma once

#include <algorithm>
#include <vector>

#include "dataplane/policy/compiled_policy.h"
#include "dataplane/policy/gate.h"

namespace heartgate::dataplane::test {

inline bool contains(const std::vector<Network>& list, const IpAddress& address) {
    return list.empty() ||
           std::any_of(list.begin(), list.end(), [&](const Network& one) { return one.contains(address); });
}

inline bool matches(const std::vector<Service>& list, const Question& question) {
    return list.empty() || std::any_of(list.begin(), list.end(), [&](const Service& one) {
               return (one.protocol == 0 || one.protocol == question.protocol) &&
                      question.destination_port >= one.port_from && question.destination_port <= one.port_to;
           });
}

inline const CompiledPolicy::Rule* first_match(const CompiledPolicy& policy, const Question& question) {
    const auto in = [](const std::optional<Zone>& zone, Zone one) { return !zone || *zone == one; };
    for (const CompiledPolicy::Rule& rule : policy.rules()) {
        if (in(rule.from_zone, question.from) && in(rule.to_zone, question.to) &&
            contains(rule.from, question.source) && contains(rule.to, question.destination) &&
            matches(rule.services, question)) {
            return &rule;
        }
    }
    return nullptr;
}

}  // namespace heartgate::dataplane::test
