// SPDX-License-Identifier: Apache-2.0
// The site that most tests of heartgated begin with.
#pragma once

#include <catch2/catch.hpp>
#include <string>

#include "tests/unit/daemon/daemon_world.h"

namespace heartgate::control::test {

// One enrolled endpoint, GREEN on stream 1, everything attached and acknowledged.
struct Office : World {
    Office() {
        connect_listener();
        start_dataplane();
        id = enrol("adserver");
        listener->open(1, id, "10.0.0.5");
        listener->beat(1, heartbeat(1, v1::GREEN));
        REQUIRE(until([this] { return colour() == contract::Colour::kGreen; }));
    }
    [[nodiscard]] contract::Colour colour() const {
        const auto state = dataplane->rings.state(1);
        return state ? state->colour : contract::Colour::kUnknown;
    }
    [[nodiscard]] bool isolated() const {
        const auto state = dataplane->rings.state(1);
        return state && state->isolated;
    }
    std::string id;
};

// Events of this kind so far.
inline std::size_t count(World& world, v1::EventKind kind) {
    std::size_t result = 0;
    v1::ListEventsRequest request;
    request.set_limit(1000);
    world.daemon->list_events(request, [&](const Expected<v1::ListEventsResponse>& answer) {
        for (const v1::Event& event : answer->events()) result += event.kind() == kind ? 1 : 0;
    });
    return result;
}

}  // namespace heartgate::control::test
