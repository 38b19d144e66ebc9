// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/core/session.h"

#include <catch2/catch.hpp>

#include "tests/unit/agent/fakes.h"

namespace heartgate::control::agent {
namespace {

using namespace test;

struct Line {
    explicit Line(double random = 0.0)
        : session{transport, sequence, {{"192.0.2.1", 8347}, {"2001:db8::1", 8347}}, 15s, [random] { return random; }} {
        v1::Heartbeat green;
        green.set_colour(v1::GREEN);
        session.say(green, 0, clock.now());
        session.start();
    }
    void pass_and_poll(Milliseconds time) {
        clock.pass(time);
        session.poll(clock.now());
    }
    // Lets the time pass that poll() asks for.
    Milliseconds wait() {
        const Milliseconds next = session.poll(clock.now());
        const Milliseconds time = next - clock.now().monotonic;
        pass_and_poll(std::max(time, 0ms));
        return time;
    }
    std::uint64_t stream() const { return transport.streams.back(); }

    ManualClock clock;
    RecordingTransport transport;
    Sequence sequence{{}, {"boot-1", 1'763'000'000}};
    Session session;
};

TEST_CASE("a stream begins with a heartbeat and repeats it every interval") {
    Line line;
    CHECK(line.session.poll(line.clock.now()) > line.clock.now().monotonic);
    REQUIRE(line.transport.sent.size() == 1);
    CHECK(line.transport.sent[0].colour() == v1::GREEN);
    CHECK(line.transport.sent[0].boot() == 1'763'000'000);
    CHECK(line.transport.sent[0].interval_ms() == 15'000);
    CHECK(line.session.directive(line.stream()));
    line.pass_and_poll(14'999ms);
    CHECK(line.transport.sent.size() == 1);
    line.pass_and_poll(1ms);
    REQUIRE(line.transport.sent.size() == 2);
    CHECK(line.transport.sent[1].sequence() > line.transport.sent[0].sequence());
    CHECK(line.transport.sent[1].detected_monotonic_ns() == 0);
}

TEST_CASE("a change is sent at once, with the time of its detection, and the interval starts anew") {
    Line line;
    line.session.poll(line.clock.now());
    line.session.directive(line.stream());
    line.clock.pass(10s);
    v1::Heartbeat yellow;
    yellow.set_colour(v1::YELLOW);
    line.session.say(yellow, 123, line.clock.now());
    REQUIRE(line.transport.sent.size() == 2);
    CHECK(line.transport.sent[1].colour() == v1::YELLOW);
    CHECK(line.transport.sent[1].detected_monotonic_ns() == 123);
    line.pass_and_poll(14s);
    CHECK(line.transport.sent.size() == 2);
    line.pass_and_poll(1s);
    REQUIRE(line.transport.sent.size() == 3);
    CHECK(line.transport.sent[2].colour() == v1::YELLOW);
}

TEST_CASE("what was detected and cleaned while no gateway answered is reported first, until one has answered") {
    Line line;
    line.session.poll(line.clock.now());
    line.session.directive(line.stream());
    line.session.closed(line.stream(), CloseCause::kUnreachable, line.clock.now());
    const std::size_t before = line.transport.sent.size();
    v1::Heartbeat detected;
    detected.set_colour(v1::YELLOW);
    detected.set_host("old name");
    detected.add_reasons()->set_code(v1::MALWARE_DETECTED);
    line.session.say(detected, 123, line.clock.now());
    v1::Heartbeat cleaned;
    cleaned.set_colour(v1::YELLOW);
    cleaned.set_host("new name");
    cleaned.add_reasons()->set_code(v1::DWELL_TIME);
    line.session.say(cleaned, 0, line.clock.now());
    CHECK(line.transport.sent.size() == before);

    for (std::size_t attempt = 0; attempt < 2; ++attempt) {
        line.pass_and_poll(15s);
        REQUIRE(line.transport.sent.size() == before + 2 * attempt + 2);
        const v1::Heartbeat& first = line.transport.sent[before + 2 * attempt];
        const v1::Heartbeat& second = line.transport.sent[before + 2 * attempt + 1];
        CHECK(first.reasons(0).code() == v1::MALWARE_DETECTED);
        CHECK(first.detected_monotonic_ns() == 123);
        CHECK(first.host() == "new name");
        CHECK(second.reasons(0).code() == v1::DWELL_TIME);
        CHECK(second.detected_monotonic_ns() == 0);
        CHECK(second.sequence() > first.sequence());
        if (attempt == 1) line.session.directive(line.stream());
        line.session.closed(line.stream(), CloseCause::kUnreachable, line.clock.now());
    }
    line.pass_and_poll(15s);
    REQUIRE(line.transport.sent.size() == before + 5);
    CHECK(line.transport.sent.back().reasons(0).code() == v1::DWELL_TIME);
}

TEST_CASE("what is RED by the time a stream opens is not said to have been YELLOW first") {
    Line line;
    v1::Heartbeat state;
    state.set_colour(v1::YELLOW);
    line.session.say(state, 123, line.clock.now());
    state.set_colour(v1::RED);
    line.session.say(state, 0, line.clock.now());
    line.session.poll(line.clock.now());
    REQUIRE(line.transport.sent.size() == 1);
    CHECK(line.transport.sent[0].colour() == v1::RED);
    CHECK(line.transport.sent[0].detected_monotonic_ns() == 123);
}

TEST_CASE("after a good stream broke the first attempt is quick, after short ones the waits double") {
    for (const double random : {0.0, 0.999}) {
        Line line{random};
        Milliseconds bound = 200ms;
        line.session.poll(line.clock.now());
        for (int i = 0; i < 12; ++i) {
            line.session.directive(line.stream());
            REQUIRE(line.session.closed(line.stream(), CloseCause::kUnreachable, line.clock.now()));
            const Milliseconds waited = line.wait();
            CHECK(waited >= bound / 2);
            CHECK(waited <= bound);
            bound = std::min(bound * 2, Milliseconds{15'000});
        }
        line.session.directive(line.stream());
        line.pass_and_poll(Session::kProven);
        line.session.closed(line.stream(), CloseCause::kUnreachable, line.clock.now());
        CHECK(line.wait() <= 200ms);
        CHECK(line.transport.gateways.back() == line.transport.gateways.front());
    }
}

TEST_CASE("waits grow while nobody answers and never exceed 15 seconds") {
    Line line{0.999};
    line.session.poll(line.clock.now());
    Milliseconds longest = 0ms;
    for (int i = 0; i < 40; ++i) {
        line.session.closed(line.stream(), CloseCause::kUnreachable, line.clock.now());
        longest = std::max(longest, line.wait());
    }
    CHECK(longest > 14s);
    CHECK(longest <= 15s);
    CHECK(line.transport.gateways[0] == "192.0.2.1:8347");
    CHECK(line.transport.gateways[1] == "[2001:db8::1]:8347");
    CHECK(line.transport.gateways[2] == "192.0.2.1:8347");
}

TEST_CASE("a gateway that says nothing is given up after 10 seconds and the other one is tried") {
    Line line;
    line.session.poll(line.clock.now());
    line.pass_and_poll(10s);
    CHECK(line.transport.aborted == 1);
    line.pass_and_poll(15s);
    REQUIRE(line.transport.gateways.size() == 2);
    CHECK(line.transport.gateways[1] == "[2001:db8::1]:8347");
}

TEST_CASE("a newer session of the same certificate, or a refusal, makes the next attempt wait seconds") {
    for (const CloseCause cause : {CloseCause::kNewerSession, CloseCause::kRefused, CloseCause::kUnauthenticated}) {
        Line line;
        line.session.poll(line.clock.now());
        line.session.directive(line.stream());
        line.session.closed(line.stream(), cause, line.clock.now());
        CHECK(line.wait() >= Session::kRefusedWait / 2);
    }
}

TEST_CASE("what an older stream still says is ignored") {
    Line line;
    line.session.poll(line.clock.now());
    const std::uint64_t old = line.stream();
    line.session.directive(old);
    line.session.reconnect(line.clock.now());
    line.session.poll(line.clock.now());
    CHECK_FALSE(line.session.directive(old));
    CHECK_FALSE(line.session.closed(old, CloseCause::kUnreachable, line.clock.now()));
    CHECK(line.transport.streams.size() == 2);
}

TEST_CASE("the interval that the gateway asks for is used and announced at once") {
    Line line;
    line.session.poll(line.clock.now());
    line.session.directive(line.stream());
    line.session.set_interval(500ms, line.clock.now());
    REQUIRE(line.transport.sent.size() == 2);
    CHECK(line.transport.sent[1].interval_ms() == 500);
    line.pass_and_poll(500ms);
    CHECK(line.transport.sent.size() == 3);
}

TEST_CASE("a goodbye is the last word") {
    Line line;
    line.session.poll(line.clock.now());
    line.session.goodbye();
    REQUIRE(line.transport.finished);
    CHECK(line.transport.sent.back().goodbye());
    CHECK(line.transport.sent.back().colour() == v1::GREEN);
    line.pass_and_poll(1h);
    CHECK(line.transport.sent.size() == 2);
}

TEST_CASE("numbers go on after a restart or a crash, whatever the calendar says, and start over with a new boot") {
    heartgate::agent::v1::AgentState state;
    Sequence first{state, {"boot-1", 1000}};
    first.save(state);
    std::uint64_t last = 0;
    for (int i = 0; i < 1000; ++i) last = first.next();

    Sequence restarted{state, {"boot-1", 900}};  // crashed: nothing was saved since
    CHECK(restarted.boot() == 1000);
    CHECK(restarted.next() > last);

    restarted.save(state);
    const Sequence rebooted{state, {"boot-2", 950}};
    CHECK(rebooted.boot() == 1001);
    const Sequence later{state, {"boot-3", 2000}};
    CHECK(later.boot() == 2000);
}

TEST_CASE("a block of numbers is reserved before it is used up") {
    heartgate::agent::v1::AgentState state;
    Sequence sequence{state, {"boot-1", 1000}};
    sequence.save(state);
    CHECK_FALSE(sequence.reserve());
    std::uint64_t last = 0;
    while (!sequence.reserve()) last = sequence.next();
    CHECK(last < state.sequence_reserved());
    sequence.save(state);
    CHECK(state.sequence_reserved() > last + 1000);
}

}  // namespace
}  // namespace heartgate::control::agent
