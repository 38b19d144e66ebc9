// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/core/agent.h"

#include <catch2/catch.hpp>

#include "tests/unit/agent/fakes.h"

namespace heartgate::control::agent {
namespace {

using namespace test;

struct Machine {
    explicit Machine(const heartgate::agent::v1::AgentState& state = {})
        : agent{Config{}, state, {"boot-1", 1000}, {clock, transport, notifier, [] { return 0.0; }}} {
        agent.set_facts({"DESKTOP-SJAJN20", "anna", "Debian", {}});
        agent.set_watchers({.watching = true});
        agent.enrolled(2'000'000'000);
        agent.advance();
    }
    void directed(const v1::Directive& directive) { agent.directive(transport.streams.back(), directive); }
    const v1::Heartbeat& last() const { return transport.sent.back(); }
    std::vector<NoticeKind> kinds() const {
        std::vector<NoticeKind> result;
        for (const Notice& notice : notifier.told) result.push_back(notice.kind);
        return result;
    }

    ManualClock clock;
    RecordingTransport transport;
    RecordingNotifier notifier;
    Agent agent;
};

TEST_CASE("the first heartbeat says who and how") {
    const Machine machine;
    REQUIRE(machine.transport.sent.size() == 1);
    CHECK(machine.last().colour() == v1::GREEN);
    CHECK(machine.last().host() == "DESKTOP-SJAJN20");
    CHECK(machine.last().user() == "anna");
    CHECK(machine.last().agent_version() == HEARTGATE_VERSION);
    REQUIRE(machine.last().reasons_size() == 1);
    CHECK(machine.last().reasons(0).code() == v1::UNPROTECTED);
}

TEST_CASE("nothing is said before there is a certificate, and what was found meanwhile is in the first heartbeat") {
    ManualClock clock;
    RecordingTransport transport;
    RecordingNotifier notifier;
    Agent agent{Config{}, {}, {"boot-1", 1000}, {clock, transport, notifier, [] { return 0.0; }}};
    agent.set_watchers({.watching = true});
    agent.detected(eicar_at("/a"), 7);
    agent.advance();
    CHECK(transport.streams.empty());
    agent.enrolled(0);
    agent.advance();
    REQUIRE(transport.sent.size() == 1);
    CHECK(transport.sent[0].colour() == v1::YELLOW);
}

TEST_CASE("a detection is sent before detected() returns and the user is told; so is each step after it") {
    Machine machine;
    machine.directed({});
    REQUIRE(machine.agent.detected(eicar_at("/a"), 42));
    REQUIRE(machine.transport.sent.size() == 2);
    CHECK(machine.last().colour() == v1::YELLOW);
    CHECK(machine.last().detected_monotonic_ns() == 42);
    CHECK(machine.last().reasons(0).path() == "/a");
    CHECK_FALSE(machine.agent.detected(eicar_at("/a"), 43));
    CHECK(machine.transport.sent.size() == 2);

    machine.agent.not_cleaned(eicar_at("/a"), "it is immutable");
    CHECK(machine.last().colour() == v1::RED);
    machine.agent.cleaned(eicar_at("/a"), "");
    CHECK(machine.last().colour() == v1::YELLOW);
    CHECK(machine.last().reasons(0).code() == v1::DWELL_TIME);

    const Milliseconds next = machine.agent.advance();
    CHECK(next <= machine.clock.now().monotonic + 10s);
    machine.clock.pass(10s);
    machine.agent.advance();
    CHECK(machine.last().colour() == v1::GREEN);
    CHECK(machine.kinds() == std::vector{NoticeKind::kDetected, NoticeKind::kNotCleaned, NoticeKind::kCleaned});
}

TEST_CASE("the state is there to be written after each step and brings a restarted agent back where it was") {
    Machine machine;
    REQUIRE(machine.agent.take_state());
    CHECK_FALSE(machine.agent.take_state());
    machine.agent.detected(eicar_at("/a"), 1);
    const auto state = machine.agent.take_state();
    REQUIRE(state);
    const std::uint64_t last_sequence = machine.last().sequence();

    const Machine restarted{*state};
    CHECK(restarted.last().colour() == v1::YELLOW);
    CHECK(restarted.last().boot() == 1000);
    CHECK(restarted.last().sequence() > last_sequence);
    REQUIRE(restarted.agent.unclean().size() == 1);
}

TEST_CASE("the user is told once when the gateway cuts the machine off, and once when it is released") {
    Machine machine;
    v1::Directive directive;
    machine.directed(directive);
    CHECK(machine.notifier.told.empty());
    directive.set_cut_off(true);
    directive.set_rule("internet");
    directive.set_why("Malware was found");
    directive.set_what_to_do("Wait until it is removed");
    directive.set_whom_to_call("help desk, 4711");
    machine.directed(directive);
    machine.directed(directive);
    REQUIRE(machine.kinds() == std::vector{NoticeKind::kCutOff});
    const std::string& text = machine.notifier.told[0].text;
    for (const char* part : {"internet", "Malware was found.", "Wait until it is removed.", "help desk, 4711"}) {
        CHECK(text.find(part) != std::string::npos);
    }
    CHECK(machine.agent.status().cut_off());
    CHECK(machine.agent.status().whom_to_call() == "help desk, 4711");

    directive.Clear();
    machine.directed(directive);
    CHECK(machine.kinds() == std::vector{NoticeKind::kCutOff, NoticeKind::kReleased});
    CHECK_FALSE(machine.agent.status().cut_off());
}

TEST_CASE("the gateway's interval is kept within 100 ms and 60 s") {
    Machine machine;
    v1::Directive directive;
    directive.set_interval_ms(1);
    machine.directed(directive);
    CHECK(machine.last().interval_ms() == 100);
    directive.set_interval_ms(4'000'000'000);
    machine.directed(directive);
    CHECK(machine.last().interval_ms() == 60'000);
    directive.set_interval_ms(0);
    machine.directed(directive);
    CHECK(machine.last().interval_ms() == 60'000);
}

TEST_CASE("a change of the interfaces is reported at once; a lost address begins a new stream") {
    Machine machine;
    machine.directed({});
    v1::Interface lan;
    lan.set_name("eth0");
    lan.add_addresses("\x0a\x01\x01\x01");
    machine.agent.set_facts({"DESKTOP-SJAJN20", "anna", "Debian", {lan}});
    REQUIRE(machine.transport.sent.size() == 2);
    CHECK(machine.last().interfaces(0).name() == "eth0");
    CHECK(machine.transport.streams.size() == 1);

    lan.set_addresses(0, "\x0a\x01\x01\x02");
    machine.agent.set_facts({"DESKTOP-SJAJN20", "anna", "Debian", {lan}});
    machine.agent.advance();
    CHECK(machine.transport.aborted == 1);
    REQUIRE(machine.transport.streams.size() == 2);
    CHECK(machine.last().interfaces(0).addresses(0) == "\x0a\x01\x01\x02");
}

TEST_CASE("a renewal that the gateway wishes for is taken up once, and the new certificate is used at once") {
    Machine machine;
    v1::Directive directive;
    directive.set_renew_certificate(true);
    machine.directed(directive);
    CHECK(machine.agent.take_renewal_wish());
    CHECK_FALSE(machine.agent.take_renewal_wish());
    machine.agent.enrolled(2'100'000'000);
    machine.agent.advance();
    CHECK(machine.transport.streams.size() == 2);
    CHECK(machine.agent.status().certificate_not_after_unix_s() == 2'100'000'000);
}

TEST_CASE("texts for the user carry no control characters from file names or from the wire") {
    const Notice notice = detected_notice(eicar_at("/tmp/\x1b[2J\xe2\x80\xae\xff"));
    CHECK(notice.text.find('\x1b') == std::string::npos);
    CHECK(notice.text.find("\xe2\x80\xae") == std::string::npos);
    CHECK(notice.text.find('\xff') == std::string::npos);
    CHECK(notice.text.find("/tmp/?[2J??") != std::string::npos);
    v1::Directive directive;
    directive.set_why("a\nb");
    CHECK(cut_off_notice(directive).text.find("a?b.") != std::string::npos);
}

}  // namespace
}  // namespace heartgate::control::agent
