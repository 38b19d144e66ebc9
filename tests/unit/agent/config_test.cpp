// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/core/config.h"

#include <catch2/catch.hpp>

namespace heartgate::control::agent {
namespace {

using namespace std::chrono_literals;

std::string problem(const std::string& text) {
    const auto config = parse_config(text, "agent.yaml");
    REQUIRE_FALSE(config);
    return config.error().message;
}

TEST_CASE("an empty configuration is a whole one") {
    const Config config = parse_config("", "agent.yaml").value();
    REQUIRE(config.gateways.size() == 2);
    CHECK(config.gateways[0].text() == "192.0.2.1:8347");
    CHECK(config.gateways[1].text() == "[2001:db8::1]:8347");
    CHECK(config.interval == 15s);
    CHECK(config.timing.dwell == 10s);
    CHECK(config.watch.empty());
    CHECK(config.notify == std::vector<std::string>{"wall"});
    CHECK(config.quarantine_directory == "/var/lib/heartgate-agent/quarantine");
}

TEST_CASE("the example that is shipped says what the defaults are") {
    const auto config = read_config(HEARTGATE_SOURCE_ROOT "/packaging/examples/agent.yaml");
    REQUIRE(config);
    const Config defaults = parse_config("", "agent.yaml").value();
    CHECK(config->gateways == defaults.gateways);
    CHECK(config->interval == defaults.interval);
    CHECK(config->timing.dwell == defaults.timing.dwell);
    CHECK(config->timing.repeat_within == defaults.timing.repeat_within);
    CHECK(config->timing.repeat_dwell == defaults.timing.repeat_dwell);
    CHECK(config->clean_delay == defaults.clean_delay);
    CHECK(config->notify == defaults.notify);
    CHECK(config->signatures_max_age == defaults.signatures_max_age);
    CHECK(config->control_socket == defaults.control_socket);
}

TEST_CASE("a laboratory machine's configuration") {
    const Config config = parse_config(
                              "gateway: {addresses: [\"2001:db8::9\"], port: 9000}\n"
                              "state_directory: /tmp/lab/a/\n"
                              "interval_ms: 500\nwatch: [/tmp/lab/home]\ndwell_s: 2\nrepeat_yellow_s: 250ms\n"
                              "notify: []\nhost: DESKTOP-SJAJN20\n",
                              "agent.yaml")
                              .value();
    REQUIRE(config.gateways.size() == 1);
    CHECK(config.gateways[0].text() == "[2001:db8::9]:9000");
    CHECK(config.state_directory == "/tmp/lab/a");
    CHECK(config.quarantine_directory == "/tmp/lab/a/quarantine");
    CHECK(config.interval == 500ms);
    CHECK(config.timing.dwell == 2s);
    CHECK(config.timing.repeat_dwell == 250ms);
    CHECK(config.notify.empty());
}

TEST_CASE("mistakes name file, line and key, what was found and what is allowed") {
    CHECK(problem("interval_ms: 500\nintervall: 3\n").find("agent.yaml:2: intervall: unknown key") == 0);
    CHECK(problem("interval_ms: 99\n").find("agent.yaml:1: interval_ms: found") == 0);
    CHECK(problem("watch: home\n").find("agent.yaml:1: watch: found") == 0);
    CHECK(problem("watch: [home]\n").find("an absolute path") != std::string::npos);
    CHECK(problem("gateway: {addresses: []}\n").find("at least one address") != std::string::npos);
    CHECK(problem("gateway: {addresses: [gateway.example]}\n").find("an IPv4 or IPv6 address") != std::string::npos);
    CHECK(problem("gateway: {address: 192.0.2.1}\n").find("gateway.address: unknown key") != std::string::npos);
    CHECK(problem("interval_ms: [\n").find("agent.yaml:") == 0);
}

}  // namespace
}  // namespace heartgate::control::agent
