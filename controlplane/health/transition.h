// SPDX-License-Identifier: Apache-2.0
// Whether a change of an endpoint's state takes something away or gives something: that decides what comes first, the
// ring or the database.
#pragma once

#include "dataplane/contract/endpoint_word.h"
#include "dataplane/contract/heartbeat_condition.h"

namespace heartgate::control {

enum class Transition : std::uint8_t {
    kNone,
    kIsolating,  // something that passed is dropped now: ring first, then the database
    kReleasing,  // nothing less passes, something more: database first
    kNeutral,    // another word with the same effect: ring first
};

[[nodiscard]] constexpr Transition transition(const contract::EndpointState& from, const contract::EndpointState& to) {
    if (from == to) return Transition::kNone;
    bool more = false;
    for (const auto minimum : {contract::Minimum::kNone, contract::Minimum::kYellow, contract::Minimum::kGreen}) {
        for (const bool require : {false, true}) {
            const contract::HeartbeatCondition condition{.minimum = minimum, .require_heartbeat = require};
            const bool before = !from.isolated && contract::passes(condition, from);
            const bool after = !to.isolated && contract::passes(condition, to);
            if (before && !after) return Transition::kIsolating;
            more = more || (after && !before);
        }
    }
    return more ? Transition::kReleasing : Transition::kNeutral;
}

}  // namespace heartgate::control
