// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/core/health.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include "tests/unit/agent/fakes.h"

namespace heartgate::control::agent {
namespace {

using namespace test;

bool has(const Report& report, v1::ReasonCode code) {
    return std::any_of(report.reasons.begin(), report.reasons.end(), [&](const auto& r) { return r.code() == code; });
}

struct Machine {
    Machine() { health.set_watchers({.watching = true, .only_built_in = false}, clock.now()); }
    v1::Colour colour() { return health.report().colour; }
    void pass(Milliseconds time) {
        clock.pass(time);
        health.advance(clock.now());
    }
    void find_and_clean(const std::string& path) {
        health.detected(eicar_at(path), clock.now());
        health.cleaned(path, clock.now());
    }
    void restart() {
        heartgate::agent::v1::AgentState state;
        health.save(state, clock.now());
        health = Health{HealthTiming{}};
        health.restore(state, clock.now());
        health.set_watchers({.watching = true, .only_built_in = false}, clock.now());
    }

    ManualClock clock;
    Health health{HealthTiming{}};
};

TEST_CASE("a watched machine without findings is GREEN and has no reasons") {
    Machine machine;
    CHECK(machine.colour() == v1::GREEN);
    CHECK(machine.health.report().reasons.empty());
}

TEST_CASE("from detection over clean-up and dwell time back to GREEN") {
    Machine machine;
    REQUIRE(machine.health.detected(eicar_at("/home/a/x.com"), machine.clock.now()));
    const Report found = machine.health.report();
    CHECK(found.colour == v1::YELLOW);
    REQUIRE(found.reasons.size() == 1);
    CHECK(found.reasons[0].code() == v1::MALWARE_DETECTED);
    CHECK(found.reasons[0].finding() == "Eicar-Test-Signature");
    CHECK(found.reasons[0].path() == "/home/a/x.com");
    CHECK(found.reasons[0].sha256() == std::string(32, 's'));
    CHECK(found.reasons[0].detector() == "eicar");
    CHECK(found.reasons[0].since_unix_ms() == machine.clock.now().unix_ms);

    machine.pass(1h);
    CHECK(machine.colour() == v1::YELLOW);  // time alone cleans nothing

    REQUIRE(machine.health.cleaned("/home/a/x.com", machine.clock.now()));
    CHECK(has(machine.health.report(), v1::DWELL_TIME));
    CHECK(machine.health.next_change() == machine.clock.now().monotonic + 10s);
    machine.pass(9'999ms);
    CHECK(machine.colour() == v1::YELLOW);
    machine.pass(1ms);
    CHECK(machine.colour() == v1::GREEN);
}

TEST_CASE("the same file is one finding however often it is written while it is handled") {
    Machine machine;
    CHECK(machine.health.detected(eicar_at("/a"), machine.clock.now()));
    CHECK_FALSE(machine.health.detected(eicar_at("/a"), machine.clock.now()));
    CHECK(machine.health.unclean().size() == 1);
}

TEST_CASE("a file that cannot be removed is RED until it is gone, then dwells like any other") {
    Machine machine;
    machine.health.detected(eicar_at("/a"), machine.clock.now());
    REQUIRE(machine.health.not_cleaned("/a"));
    CHECK(machine.colour() == v1::RED);
    CHECK(has(machine.health.report(), v1::MALWARE_NOT_CLEANED));
    CHECK_FALSE(machine.health.not_cleaned("/a"));
    machine.pass(24h);
    CHECK(machine.colour() == v1::RED);
    machine.health.cleaned("/a", machine.clock.now());
    CHECK(machine.colour() == v1::YELLOW);
    machine.pass(10s);
    CHECK(machine.colour() == v1::GREEN);
}

TEST_CASE("the dwell time starts with the end of the last finding") {
    Machine machine;
    machine.find_and_clean("/a");
    machine.pass(9s);
    machine.find_and_clean("/b");
    machine.pass(9s);
    CHECK(machine.colour() == v1::YELLOW);
    machine.pass(1s);
    CHECK(machine.colour() == v1::GREEN);
}

TEST_CASE("the same malware again within 10 minutes of its end keeps the machine YELLOW for 30") {
    Machine machine;
    machine.find_and_clean("/a");
    machine.pass(10s);
    REQUIRE(machine.colour() == v1::GREEN);
    machine.pass(9min);
    machine.find_and_clean("/elsewhere");
    machine.pass(29min + 59s);
    CHECK(machine.colour() == v1::YELLOW);
    machine.pass(1s);
    CHECK(machine.colour() == v1::GREEN);
}

TEST_CASE("after more than 10 minutes, or with another name, it is an ordinary finding") {
    Machine machine;
    machine.find_and_clean("/a");
    machine.pass(10s);
    machine.pass(10min + 1ms);
    machine.find_and_clean("/a");
    machine.pass(10s);
    CHECK(machine.colour() == v1::GREEN);
    Detection other = eicar_at("/a");
    other.finding = "Other";
    machine.health.detected(other, machine.clock.now());
    machine.health.cleaned("/a", machine.clock.now());
    machine.pass(10s);
    CHECK(machine.colour() == v1::GREEN);
}

TEST_CASE("several files of one incident are no repetition") {
    Machine machine;
    machine.find_and_clean("/download.part");
    machine.pass(2s);
    machine.find_and_clean("/download");
    machine.find_and_clean("/download.part");
    machine.pass(10s);
    CHECK(machine.colour() == v1::GREEN);
}

TEST_CASE("a restart makes no machine GREEN: open findings are open again, the dwell time goes on") {
    Machine machine;
    machine.health.detected(eicar_at("/open"), machine.clock.now());
    machine.health.detected(eicar_at("/stuck"), machine.clock.now());
    machine.health.not_cleaned("/stuck");
    machine.restart();
    CHECK(machine.colour() == v1::RED);
    CHECK(machine.health.unclean().size() == 2);
    machine.health.cleaned("/open", machine.clock.now());
    machine.health.cleaned("/stuck", machine.clock.now());
    machine.pass(9s);
    machine.restart();
    machine.pass(9s);
    CHECK(machine.colour() == v1::YELLOW);
    machine.pass(1s);
    CHECK(machine.colour() == v1::GREEN);
}

TEST_CASE("a restart makes no RED machine YELLOW") {
    Machine machine;
    machine.health.detected(eicar_at("/stuck"), machine.clock.now());
    machine.health.not_cleaned("/stuck");
    machine.restart();
    CHECK(machine.colour() == v1::RED);
    CHECK(has(machine.health.report(), v1::MALWARE_NOT_CLEANED));
    REQUIRE(machine.health.cleaned("/stuck", machine.clock.now()));
    CHECK(machine.colour() == v1::YELLOW);
}

TEST_CASE("the long time after a repetition survives a restart, and setting the calendar does not end it early") {
    Machine machine;
    machine.find_and_clean("/a");
    machine.pass(10s);
    machine.restart();  // what is past is remembered, too
    machine.find_and_clean("/a");
    machine.pass(10min);
    machine.restart();
    machine.pass(19min);
    CHECK(machine.colour() == v1::YELLOW);
    heartgate::agent::v1::AgentState state;
    machine.health.save(state, machine.clock.now());
    machine.clock.set_calendar(machine.clock.now().unix_ms + 86'400'000);
    Health later{HealthTiming{}};
    later.restore(state, machine.clock.now());
    CHECK(later.next_change() == machine.clock.now().monotonic + 10s);
}

TEST_CASE("no live detector means YELLOW; the built-in matcher alone is GREEN with a mark") {
    Machine machine;
    machine.health.set_watchers({.watching = false, .only_built_in = false}, machine.clock.now());
    CHECK(machine.colour() == v1::YELLOW);
    CHECK(has(machine.health.report(), v1::DETECTOR_NOT_RUNNING));
    machine.health.set_watchers({.watching = true, .only_built_in = false, .detectors_answer = false},
                                machine.clock.now());
    CHECK(machine.colour() == v1::YELLOW);
    machine.health.set_watchers({.watching = true, .unwatched = "/mnt/stick", .only_built_in = false},
                                machine.clock.now());
    CHECK(machine.colour() == v1::YELLOW);
    CHECK(has(machine.health.report(), v1::DETECTOR_NOT_RUNNING));
    CHECK(machine.health.report().reasons.front().path() == "/mnt/stick");
    machine.health.set_watchers({.watching = true, .only_built_in = true}, machine.clock.now());
    CHECK(machine.colour() == v1::GREEN);
    CHECK(has(machine.health.report(), v1::UNPROTECTED));
    CHECK_FALSE(machine.health.set_watchers({.watching = true, .only_built_in = true}, machine.clock.now()));
}

TEST_CASE("old signatures are stale once the machine was online for two hours, and stay so until renewed") {
    Machine machine;
    const Watchers old{.watching = true, .only_built_in = false, .signatures_old = true};
    machine.health.set_watchers(old, machine.clock.now());
    machine.pass(24h);
    CHECK(machine.colour() == v1::GREEN);  // it could not have renewed them
    machine.health.set_online(true, machine.clock.now());
    machine.pass(2h - 1ms);
    CHECK(machine.colour() == v1::GREEN);
    machine.pass(1ms);
    CHECK(machine.colour() == v1::YELLOW);
    CHECK(has(machine.health.report(), v1::SIGNATURES_STALE));
    machine.health.set_online(false, machine.clock.now());
    CHECK(machine.colour() == v1::YELLOW);
    machine.health.set_watchers({.watching = true, .only_built_in = false}, machine.clock.now());
    CHECK(machine.colour() == v1::GREEN);
}

TEST_CASE("a flood of findings fits into one heartbeat, the worst first") {
    Machine machine;
    machine.health.set_watchers({.watching = false}, machine.clock.now());
    for (int i = 0; i < 200; ++i) machine.find_and_clean("/dwelling/" + std::to_string(i));
    for (int i = 0; i < 50; ++i) machine.health.detected(eicar_at("/open/" + std::to_string(i)), machine.clock.now());
    machine.health.detected(eicar_at("/stuck"), machine.clock.now());
    machine.health.not_cleaned("/stuck");
    const Report report = machine.health.report();
    CHECK(report.reasons.size() <= 16);
    CHECK(report.reasons[0].code() == v1::MALWARE_NOT_CLEANED);
    CHECK(has(report, v1::DETECTOR_NOT_RUNNING));
    CHECK(has(report, v1::UNPROTECTED));
}

TEST_CASE("names and paths of findings are bounded and valid UTF-8 in the report, exact in the saved state") {
    Machine machine;
    const std::string path = "/tmp/\xff" + std::string(3000, 'p');
    machine.health.detected({std::string(500, 'n'), path, "", "clamd"}, machine.clock.now());
    const Report report = machine.health.report();
    CHECK(report.reasons[0].path().size() == 1024);
    CHECK(report.reasons[0].path().substr(0, 6) == "/tmp/?");
    CHECK(report.reasons[0].finding().size() == 128);
    machine.restart();
    CHECK(machine.health.unclean()[0].path == path);
}

}  // namespace
}  // namespace heartgate::control::agent
