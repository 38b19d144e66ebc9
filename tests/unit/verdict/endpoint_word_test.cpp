// SPDX-License-Identifier: Apache-2.0
#include "dataplane/contract/endpoint_word.h"

#include <catch2/catch.hpp>

using heartgate::contract::Colour;
using heartgate::contract::EndpointState;
using heartgate::contract::EndpointWord;
using heartgate::contract::Presence;

TEST_CASE("an endpoint word gives back every state that was put in") {
    for (const Colour colour : {Colour::kUnknown, Colour::kGreen, Colour::kYellow, Colour::kRed}) {
        for (const Presence presence : {Presence::kNone, Presence::kConnected, Presence::kMissing, Presence::kAsleep}) {
            for (const bool isolated : {false, true}) {
                for (const bool permitted : {false, true}) {
                    const EndpointState state{colour, presence, isolated, permitted};
                    CHECK(EndpointWord{}.next(state).state() == state);
                }
            }
        }
    }
}

TEST_CASE("an endpoint word never repeats a version when its state changes back") {
    const EndpointState green{.colour = Colour::kGreen};
    const EndpointState red{.colour = Colour::kRed, .isolated = true};
    const EndpointWord first = EndpointWord{}.next(green);
    const EndpointWord again = first.next(red).next(green);
    CHECK(first.state() == again.state());
    CHECK_FALSE(first == again);
}
