// SPDX-License-Identifier: Apache-2.0
// The listener outlives heartgated.
#include <catch2/catch.hpp>

#include "tests/unit/listener/site.h"

using namespace heartgate;           // NOLINT(google-build-using-namespace)
using namespace heartgate::testing;  // NOLINT(google-build-using-namespace)

namespace {

bool is_replayed(const v1::ListenerToDaemon& message) { return message.has_replayed(); }

FakeDaemon::Predicate sequence(std::uint64_t number) {
    return
        [number](const v1::ListenerToDaemon& message) { return message.heartbeat().heartbeat().sequence() == number; };
}

}  // namespace

TEST_CASE("a heartgated that comes back hears each open stream with its last heartbeat, then Replayed") {
    Site site;
    Session session(site.channel(site.credentials()));
    REQUIRE(session.send(green(1)));
    const auto stream = site.daemon.wait_for(sequence(1)).heartbeat().stream();
    site.daemon.go();
    REQUIRE(session.send(green(2)));
    REQUIRE(session.send(green(3)));
    site.daemon.come();
    site.daemon.wait_for(is_replayed);

    // The heartbeats may have been read before or after the reconnect; the last one arrives either way.
    site.daemon.wait_for(sequence(3));
    const auto heard = site.daemon.heard();
    REQUIRE(heard.size() >= 3);
    CHECK(heard[0].has_hello());
    CHECK(heard[0].hello().ready_monotonic_ns() > 0);
    CHECK(heard[1].stream_opened().stream() == stream);
    CHECK(heard[2].heartbeat().stream() == stream);

    // The stream is the same one, and works on.
    REQUIRE(session.send(green(4)));
    CHECK(site.daemon.wait_for(sequence(4)).heartbeat().stream() == stream);
    CHECK(session.close().ok());
}

TEST_CASE("what a machine said before it left is heard, even if heartgated was away at the time") {
    Site site;
    Session session(site.channel(site.credentials()));
    REQUIRE(session.send(green(1)));
    const auto stream = site.daemon.wait_for(sequence(1)).heartbeat().stream();
    site.daemon.go();
    v1::Heartbeat red = green(2);
    red.set_colour(v1::RED);
    REQUIRE(session.send(red));
    REQUIRE(session.close().ok());
    site.daemon.come();
    site.daemon.wait_for([stream](const auto& message) { return message.stream_closed().stream() == stream; });
    CHECK(site.daemon.wait_for(sequence(2)).heartbeat().heartbeat().colour() == v1::RED);
}

TEST_CASE("what a machine said just before heartgated died is said again") {
    Site site;
    Session session(site.channel(site.credentials()));
    v1::Heartbeat red = green(2);
    red.set_colour(v1::RED);
    REQUIRE(session.send(red));
    site.daemon.wait_for(sequence(2));
    REQUIRE(session.close().ok());
    site.daemon.wait_for([](const auto& message) { return message.has_stream_closed(); });
    site.daemon.go();
    site.daemon.come();
    CHECK(site.daemon.wait_for(sequence(2)).heartbeat().heartbeat().colour() == v1::RED);
    site.daemon.wait_for([](const auto& message) { return message.has_stream_closed(); });
}

TEST_CASE("endpoints can begin sessions while heartgated is away") {
    Site site;
    site.daemon.go();
    Session session(site.channel(site.credentials()));
    REQUIRE(session.send(green(5)));
    site.daemon.come();
    CHECK(site.daemon.wait_for(sequence(5)).heartbeat().heartbeat().host() == "adserver");
}
