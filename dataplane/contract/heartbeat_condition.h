// SPDX-License-Identifier: Apache-2.0
// The table of heartbeat conditions (minimum and require_heartbeat against colour and presence), once for both
// processes: the gate decides packets with it, heartgated words its directives with it. Isolation is not in here:
// an isolated endpoint reaches the allowed list alone, whatever a condition says.
#pragma once

#include <cstdint>

#include "dataplane/contract/endpoint_word.h"

namespace heartgate::contract {

// Values equal those of heartgate.v1.Minimum.
enum class Minimum : std::uint8_t { kNone = 0, kYellow = 1, kGreen = 2 };

// What a rule asks of the endpoint on one side of a flow.
struct HeartbeatCondition {
    Minimum minimum = Minimum::kNone;
    bool require_heartbeat = false;

    friend constexpr bool operator==(const HeartbeatCondition&, const HeartbeatCondition&) = default;
};

// The colour that counts: a permit outranks it. A heartbeat without a known colour cannot happen; it counts as RED.
[[nodiscard]] constexpr Colour effective_colour(const EndpointState& state) {
    if (state.permitted) return Colour::kGreen;
    if (state.colour == Colour::kUnknown && state.presence != Presence::kNone) return Colour::kRed;
    return state.colour;
}

[[nodiscard]] constexpr bool colour_passes(Minimum minimum, const EndpointState& state) {
    switch (effective_colour(state)) {
        case Colour::kUnknown:  // never had a heartbeat: that is require_heartbeat's matter
        case Colour::kGreen:
            return true;
        case Colour::kYellow:
            return minimum != Minimum::kGreen;
        case Colour::kRed:
            return minimum == Minimum::kNone;
    }
    return false;
}

[[nodiscard]] constexpr bool presence_passes(const HeartbeatCondition& condition, const EndpointState& state) {
    switch (state.presence) {
        case Presence::kConnected:
            return true;
        case Presence::kMissing:
            return condition.minimum == Minimum::kNone && !condition.require_heartbeat;
        case Presence::kAsleep:
        case Presence::kNone:
            return !condition.require_heartbeat;
    }
    return false;
}

// Both are checked, the stricter wins.
[[nodiscard]] constexpr bool passes(const HeartbeatCondition& condition, const EndpointState& state) {
    return colour_passes(condition.minimum, state) && presence_passes(condition, state);
}

}  // namespace heartgate::contract
