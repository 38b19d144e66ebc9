// SPDX-License-Identifier: Apache-2.0
#include "controlplane/health/endpoint_health.h"

#include <catch2/catch.hpp>

#include "controlplane/health/transition.h"

namespace {

using heartgate::contract::Colour;
using heartgate::contract::EndpointState;
using heartgate::contract::Presence;
using heartgate::control::EndpointHealth;
using heartgate::control::HeartbeatReport;
using heartgate::control::Instant;
using heartgate::control::transition;
using heartgate::control::Transition;
using namespace std::chrono_literals;

constexpr Instant kStart{1000s};

HeartbeatReport report(std::uint64_t sequence, Colour colour = Colour::kGreen, std::uint64_t boot = 7) {
    return {.order = {.boot = boot, .sequence = sequence}, .colour = colour, .interval = 15s};
}
HeartbeatReport goodbye(std::uint64_t sequence, Colour colour = Colour::kGreen) {
    HeartbeatReport last = report(sequence, colour);
    last.goodbye = true;
    return last;
}

// An endpoint that was heard at kStart on stream 1, by a gateway that has been listening for long.
EndpointHealth heard(Colour colour = Colour::kGreen) {
    EndpointHealth health;
    health.heartbeat(kStart, 1, report(1, colour));
    return health;
}

constexpr std::optional<Instant> kLongSince{Instant{1s}};

}  // namespace

TEST_CASE("an endpoint without a heartbeat has neither colour nor presence, whatever traffic is seen") {
    EndpointHealth health;
    health.traffic(kStart);
    health.tick(kStart + 1h, kLongSince);
    CHECK(health.colour() == Colour::kUnknown);
    CHECK(health.presence() == Presence::kNone);
}

TEST_CASE("the colour is that of the last accepted heartbeat") {
    EndpointHealth health = heard();
    CHECK(health.colour() == Colour::kGreen);
    CHECK(health.presence() == Presence::kConnected);
    health.heartbeat(kStart + 1s, 1, report(2, Colour::kYellow));
    CHECK(health.colour() == Colour::kYellow);
    health.heartbeat(kStart + 2s, 1, report(3, Colour::kRed));
    CHECK(health.colour() == Colour::kRed);
    health.heartbeat(kStart + 3s, 1, report(4));
    CHECK(health.colour() == Colour::kGreen);
}

TEST_CASE("a replayed, older or colourless heartbeat is refused and changes nothing") {
    EndpointHealth health = heard(Colour::kRed);
    CHECK(health.heartbeat(kStart + 1s, 1, report(1)).refusal == EndpointHealth::Refusal::kOlder);
    CHECK(health.heartbeat(kStart + 1s, 1, report(0)).refusal == EndpointHealth::Refusal::kOlder);
    CHECK(health.heartbeat(kStart + 1s, 2, report(99, Colour::kGreen, 6)).refusal == EndpointHealth::Refusal::kOlder);
    CHECK(health.heartbeat(kStart + 1s, 1, report(9, Colour::kUnknown)).refusal ==
          EndpointHealth::Refusal::kUnknownColour);
    CHECK(health.colour() == Colour::kRed);
    CHECK(health.order().sequence == 1);
    CHECK(health.stream() == 1);
}

TEST_CASE("a reboot starts its sequence anew and is newer all the same") {
    EndpointHealth health;
    health.heartbeat(kStart, 1, report(500));
    CHECK(health.heartbeat(kStart + 1s, 2, report(1, Colour::kYellow, 8)).refusal == EndpointHealth::Refusal::kNone);
    CHECK(health.colour() == Colour::kYellow);
}

TEST_CASE("the newer stream wins and the older one is closed, without an alarm for a dead TCP connection") {
    EndpointHealth health = heard();
    const auto outcome = health.heartbeat(kStart + 5s, 2, report(2));
    CHECK(outcome.close_stream == 1);
    CHECK_FALSE(outcome.duplicate);
    CHECK(health.stream() == 2);
    CHECK_FALSE(health.heartbeat(kStart + 10s, 2, report(3)).duplicate);
    health.stream_closed(1);
    CHECK(health.stream() == 2);
}

TEST_CASE("two live sessions of one certificate raise an alarm") {
    SECTION("an older one goes on beside the newer one") {
        EndpointHealth health = heard();
        health.heartbeat(kStart + 5s, 2, report(1, Colour::kGreen, 6));
        CHECK(health.heartbeat(kStart + 6s, 1, report(2)).duplicate);
        CHECK_FALSE(health.heartbeat(kStart + 7s, 1, report(3)).duplicate);
    }
    SECTION("two take turns in winning") {
        EndpointHealth health = heard();
        bool duplicate = false;
        for (unsigned turn = 0; turn < 8; ++turn) {
            duplicate |= health.heartbeat(kStart + turn * 1s, 2 + turn, report(2 + turn)).duplicate;
        }
        CHECK(duplicate);
    }
}

TEST_CASE("three missed intervals with traffic are MISSING, without traffic ASLEEP") {
    EndpointHealth health = heard();
    const bool traffic = GENERATE(true, false);
    if (traffic) health.traffic(kStart + 16s);
    health.tick(kStart + 45s - 1ms, kLongSince);
    CHECK(health.presence() == Presence::kConnected);
    health.tick(kStart + 45s, kLongSince);
    CHECK(health.presence() == (traffic ? Presence::kMissing : Presence::kAsleep));
    CHECK(health.colour() == Colour::kGreen);
}

TEST_CASE("traffic before the first missed heartbeat does not make a sleeping machine MISSING") {
    EndpointHealth health = heard();
    health.traffic(kStart + 15s);
    health.tick(kStart + 60s, kLongSince);
    CHECK(health.presence() == Presence::kAsleep);
}

TEST_CASE("the agent's own interval counts") {
    EndpointHealth health;
    HeartbeatReport fast = report(1);
    fast.interval = 100ms;
    health.heartbeat(kStart, 1, fast);
    health.traffic(kStart + 250ms);
    health.tick(kStart + 299ms, kLongSince);
    CHECK(health.presence() == Presence::kConnected);
    health.tick(kStart + 300ms, kLongSince);
    CHECK(health.presence() == Presence::kMissing);
}

TEST_CASE("MISSING ends with a heartbeat and with nothing else") {
    EndpointHealth health = heard();
    health.traffic(kStart + 44s);
    health.tick(kStart + 45s, kLongSince);
    REQUIRE(health.presence() == Presence::kMissing);
    health.tick(kStart + 10h, kLongSince);
    CHECK(health.presence() == Presence::kMissing);
    health.heartbeat(kStart + 11h, 2, report(2));
    CHECK(health.presence() == Presence::kConnected);
}

TEST_CASE("a goodbye keeps the colour and makes it ASLEEP") {
    const Colour colour = GENERATE(Colour::kGreen, Colour::kYellow, Colour::kRed);
    EndpointHealth health = heard(colour);
    health.heartbeat(kStart + 1s, 1, goodbye(2, colour));
    health.stream_closed(1);
    health.tick(kStart + 1h, kLongSince);
    CHECK(health.presence() == Presence::kAsleep);
    CHECK(health.colour() == colour);
}

TEST_CASE("a goodbye followed by traffic is MISSING after a grace of 20 seconds") {
    EndpointHealth health = heard();
    health.heartbeat(kStart, 1, goodbye(2));
    health.traffic(kStart + 3s);
    health.tick(kStart + 3s, kLongSince);
    health.traffic(kStart + 22s);
    health.tick(kStart + 22s, kLongSince);
    CHECK(health.presence() == Presence::kAsleep);
    health.traffic(kStart + 23s);
    health.tick(kStart + 23s, kLongSince);
    CHECK(health.presence() == Presence::kMissing);
}

TEST_CASE("packets still on their way at a goodbye do not begin the grace") {
    EndpointHealth health = heard();
    health.heartbeat(kStart, 1, goodbye(2));
    health.traffic(kStart + 2s);
    health.tick(kStart + 2s, kLongSince);
    health.traffic(kStart + 8h);  // switched on again: its own grace
    health.tick(kStart + 8h, kLongSince);
    CHECK(health.presence() == Presence::kAsleep);
}

TEST_CASE("pausing does not renew the grace") {
    EndpointHealth health = heard();
    health.heartbeat(kStart, 1, goodbye(2));
    health.traffic(kStart + 3s);
    health.tick(kStart + 3s, kLongSince);
    health.traffic(kStart + 1h);
    health.tick(kStart + 1h, kLongSince);
    CHECK(health.presence() == Presence::kMissing);
}

TEST_CASE("a machine that went quiet and sends again without a heartbeat is MISSING after three intervals at most") {
    EndpointHealth health;
    HeartbeatReport fast = report(1);
    fast.interval = 500ms;
    health.heartbeat(kStart, 1, fast);
    health.tick(kStart + 2s, kLongSince);
    REQUIRE(health.presence() == Presence::kAsleep);
    health.traffic(kStart + 10s);
    health.tick(kStart + 10s, kLongSince);
    CHECK(health.presence() == Presence::kAsleep);
    health.traffic(kStart + 11500ms);
    health.tick(kStart + 11500ms, kLongSince);
    CHECK(health.presence() == Presence::kMissing);
}

TEST_CASE("the gateway's own restart or deafness makes nobody MISSING") {
    EndpointHealth health{Colour::kGreen, Presence::kConnected, {.boot = 7, .sequence = 5}, 15s};
    health.traffic(kStart + 100s);
    SECTION("while the listener is away nothing is concluded") {
        health.tick(kStart + 10h, std::nullopt);
        CHECK(health.presence() == Presence::kConnected);
    }
    SECTION("colour and presence hold for three intervals from listener ready") {
        const Instant ready = kStart + 90s;
        health.traffic(ready + 40s);
        health.tick(ready + 45s - 1ms, ready);
        CHECK(health.presence() == Presence::kConnected);
        health.tick(ready + 45s, ready);
        CHECK(health.presence() == Presence::kMissing);
    }
    SECTION("a heartbeat before the deafness does not count as silence since then") {
        EndpointHealth talking = heard();
        talking.traffic(kStart + 1000s);
        talking.tick(kStart + 1000s, kStart + 960s);
        CHECK(talking.presence() == Presence::kConnected);
    }
}

TEST_CASE("after a restart the replayed last heartbeat of a stream is accepted, an attacker's replay is not") {
    EndpointHealth health{Colour::kYellow, Presence::kConnected, {.boot = 7, .sequence = 5}, 15s};
    CHECK(health.heartbeat(kStart, 1, report(5)).refusal == EndpointHealth::Refusal::kOlder);
    HeartbeatReport replayed = report(5, Colour::kYellow);
    replayed.replayed = true;
    CHECK(health.heartbeat(kStart, 1, replayed).refusal == EndpointHealth::Refusal::kNone);
    CHECK(health.stream() == 1);
}

TEST_CASE("a replay of what is known already brings nobody back") {
    for (const Presence presence : {Presence::kMissing, Presence::kAsleep, Presence::kConnected}) {
        EndpointHealth health{Colour::kGreen, presence, {.boot = 7, .sequence = 5}, 15s};
        HeartbeatReport replayed = report(5);
        replayed.replayed = true;
        health.heartbeat(kStart, 1, replayed);
        CHECK(health.presence() == presence);
        HeartbeatReport newer = report(6);
        newer.replayed = true;
        health.heartbeat(kStart, 1, newer);
        CHECK(health.presence() == Presence::kConnected);
    }
}

TEST_CASE("what was ASLEEP before a restart becomes MISSING only by traffic after it") {
    EndpointHealth health{Colour::kGreen, Presence::kAsleep, {.boot = 7, .sequence = 5}, 15s};
    health.traffic(kStart - 1s);
    health.tick(kStart + 1h, kStart);
    CHECK(health.presence() == Presence::kAsleep);
    health.traffic(kStart + 2h);
    health.tick(kStart + 2h, kStart);
    health.traffic(kStart + 2h + 20s);
    health.tick(kStart + 2h + 20s, kStart);
    CHECK(health.presence() == Presence::kMissing);
}

TEST_CASE("a transition is isolating as soon as one condition drops what it let pass") {
    const EndpointState green{.colour = Colour::kGreen, .presence = Presence::kConnected};
    const EndpointState yellow{.colour = Colour::kYellow, .presence = Presence::kConnected};
    const EndpointState missing{.colour = Colour::kGreen, .presence = Presence::kMissing};
    const EndpointState asleep{.colour = Colour::kGreen, .presence = Presence::kAsleep};
    const EndpointState isolated{.colour = Colour::kGreen, .presence = Presence::kConnected, .isolated = true};
    const EndpointState isolated_yellow{.colour = Colour::kYellow, .presence = Presence::kConnected, .isolated = true};
    CHECK(transition(green, green) == Transition::kNone);
    CHECK(transition(green, yellow) == Transition::kIsolating);
    CHECK(transition(yellow, green) == Transition::kReleasing);
    CHECK(transition(green, missing) == Transition::kIsolating);
    CHECK(transition(missing, green) == Transition::kReleasing);
    CHECK(transition(green, isolated) == Transition::kIsolating);
    CHECK(transition(isolated, green) == Transition::kReleasing);
    CHECK(transition(isolated, isolated_yellow) == Transition::kNeutral);
    CHECK(transition(asleep, yellow) == Transition::kIsolating);
    CHECK(transition({}, green) == Transition::kReleasing);
}
