// SPDX-License-Identifier: Apache-2.0
// The small parts: limits of heartbeats, peers' addresses, the bounded log, the configuration.
#include <catch2/catch.hpp>
#include <fstream>
#include <functional>

#include "controlplane/listener/config.h"
#include "controlplane/listener/heartbeat_check.h"
#include "controlplane/listener/peer_address.h"
#include "controlplane/listener/refusal_log.h"
#include "heartgate/v1/heartbeat.pb.h"
#include "tests/unit/pki/temporary_directory.h"

using namespace heartgate::control::listener;  // NOLINT(google-build-using-namespace)
namespace v1 = heartgate::v1;

namespace {

// Every field at the largest value that heartbeat.proto allows.
v1::Heartbeat largest() {
    v1::Heartbeat heartbeat;
    heartbeat.set_colour(v1::RED);
    heartbeat.set_interval_ms(60'000);
    heartbeat.set_host(std::string(255, 'h'));
    heartbeat.set_user(std::string(255, 'u'));
    heartbeat.set_agent_version(std::string(32, 'v'));
    heartbeat.set_os(std::string(64, 'o'));
    for (int i = 0; i < 16; ++i) {
        v1::Reason* reason = heartbeat.add_reasons();
        reason->set_code(v1::UNPROTECTED);
        reason->set_finding(std::string(128, 'f'));
        reason->set_path(std::string(1024, 'p'));
        reason->set_sha256(std::string(32, 's'));
        reason->set_detector(std::string(32, 'd'));
    }
    for (int i = 0; i < 32; ++i) {
        v1::Interface* interface = heartbeat.add_interfaces();
        interface->set_name(std::string(32, 'n'));
        interface->set_mac(std::string(6, 'm'));
        for (int k = 0; k < 16; ++k) interface->add_addresses(std::string(16, 'a'));
    }
    return heartbeat;
}

}  // namespace

TEST_CASE("the largest heartbeat that the contract allows is taken") {
    CHECK_FALSE(check_heartbeat(largest()));
    CHECK(largest().ByteSizeLong() < kMaxHeartbeatBytes);
}

TEST_CASE("one step beyond any limit of a heartbeat is refused") {
    const std::vector<std::pair<std::string, std::function<void(v1::Heartbeat&)>>> steps{
        {"unknown colour", [](auto& h) { h.set_colour(v1::COLOUR_UNSPECIFIED); }},
        {"unknown colour", [](auto& h) { h.set_colour(static_cast<v1::Colour>(4)); }},
        {"unknown colour", [](auto& h) { h.set_colour(static_cast<v1::Colour>(-1)); }},
        {"interval out of range", [](auto& h) { h.set_interval_ms(60'001); }},
        {"interval out of range", [](auto& h) { h.set_interval_ms(99); }},
        {"oversized field", [](auto& h) { h.mutable_host()->push_back('x'); }},
        {"oversized field", [](auto& h) { h.mutable_user()->push_back('x'); }},
        {"oversized field", [](auto& h) { h.mutable_agent_version()->push_back('x'); }},
        {"oversized field", [](auto& h) { h.mutable_os()->push_back('x'); }},
        {"oversized field", [](auto& h) { *h.add_reasons() = h.reasons(0); }},
        {"oversized field", [](auto& h) { *h.add_interfaces() = h.interfaces(0); }},
        {"oversized field", [](auto& h) { h.mutable_reasons(15)->mutable_path()->push_back('x'); }},
        {"oversized field", [](auto& h) { h.mutable_reasons(15)->mutable_finding()->push_back('x'); }},
        {"oversized field", [](auto& h) { h.mutable_reasons(15)->mutable_detector()->push_back('x'); }},
        {"malformed hash", [](auto& h) { h.mutable_reasons(15)->mutable_sha256()->pop_back(); }},
        {"unknown reason", [](auto& h) { h.mutable_reasons(15)->set_code(v1::REASON_UNSPECIFIED); }},
        {"unknown reason", [](auto& h) { h.mutable_reasons(15)->set_code(static_cast<v1::ReasonCode>(99)); }},
        {"unknown reason", [](auto& h) { h.mutable_reasons(15)->set_code(v1::NETWORK_EVIDENCE); }},
        {"oversized field", [](auto& h) { h.mutable_interfaces(31)->mutable_name()->push_back('x'); }},
        {"malformed address", [](auto& h) { h.mutable_interfaces(31)->mutable_mac()->push_back('x'); }},
        {"malformed address", [](auto& h) { h.mutable_interfaces(31)->mutable_addresses(15)->pop_back(); }},
        {"oversized field", [](auto& h) { h.mutable_interfaces(31)->add_addresses(std::string(4, 'a')); }},
    };
    for (std::size_t i = 0; i < steps.size(); ++i) {
        CAPTURE(i);
        v1::Heartbeat heartbeat = largest();
        steps[i].second(heartbeat);
        const auto problem = check_heartbeat(heartbeat);
        REQUIRE(problem);
        CHECK(problem->cause == steps[i].first);
        CHECK_THAT(problem->message, Catch::Contains("allowed"));
    }
}

TEST_CASE("a peer's address is read in each of gRPC's spellings") {
    CHECK(parse_peer("ipv4:192.0.2.7:4711").text == "192.0.2.7");
    CHECK(parse_peer("ipv4:192.0.2.7:4711").port == 4711);
    CHECK(parse_peer("ipv4:192.0.2.7:4711").bytes == "\xC0" + std::string("\0\2\7", 3));
    for (const auto* text : {"ipv6:[2001:db8::7]:4711", "ipv6:%5B2001:db8::7%5D:4711"}) {
        CHECK(parse_peer(text).text == "2001:db8::7");
        CHECK(parse_peer(text).port == 4711);
        CHECK(parse_peer(text).bytes.size() == 16);
    }
    CHECK(parse_peer("ipv6:[fe80::7%25hg-lan]:1").text == "fe80::7");
    for (const auto* text : {"", "ipv4:", "unix:/run/x", "ipv4:192.0.2.7", "ipv6:[::1"})
        CHECK(parse_peer(text).bytes.empty());
}

TEST_CASE("refusals are logged once per cause and peer, and not without end") {
    RefusalLog log;
    const auto now = RefusalLog::Clock::now();
    CHECK(log.decide("expired", "192.0.2.7", now).log);
    CHECK_FALSE(log.decide("expired", "192.0.2.7", now).log);
    const auto other = log.decide("expired", "192.0.2.8", now);
    CHECK(other.log);
    CHECK(other.left_out == 1);
    CHECK(log.decide("revoked", "192.0.2.7", now).log);
    CHECK_FALSE(log.decide("expired", "192.0.2.7", now + std::chrono::seconds(59)).log);
    CHECK(log.decide("expired", "192.0.2.7", now + std::chrono::seconds(60)).log);
    int lines = 0;
    for (int i = 0; i < 10'000; ++i)
        lines += log.decide("expired", std::to_string(i), now + std::chrono::seconds(70)).log ? 1 : 0;
    CHECK(lines == 10);
}

TEST_CASE("a wrong configuration is named by file, line, key, and what is allowed") {
    const heartgate::testing::TemporaryDirectory directory;
    const auto path = (directory.path() / "listener.yaml").string();
    const auto load = [&](const std::string& text) {
        std::ofstream(path) << text;
        return load_config(path);
    };
    const auto good = load(
        "daemon_socket: /tmp/x.sock\nlisten: [192.0.2.9, '2001:db8::9']\nport: 1234\n"
        "limits: {connections: 10, connections_per_source: 2}\n");
    REQUIRE(good);
    CHECK(good->daemon_socket == "/tmp/x.sock");
    CHECK(good->listen == std::vector<std::string>{"192.0.2.9", "2001:db8::9"});
    CHECK(good->port == 1234);
    CHECK(good->max_connections == 10);
    CHECK(good->max_connections_per_source == 2);
    CHECK(load("")->port == 8347);

    const auto message = [&](const std::string& text) {
        const auto config = load(text);
        REQUIRE_FALSE(config);
        return config.error().message;
    };
    CHECK_THAT(message("port: 70000\n"), Catch::Contains(path + ":1") && Catch::Contains("port"));
    CHECK_THAT(message("port: 1\nlisten: [nowhere]\n"), Catch::Contains(path + ":2") && Catch::Contains("listen"));
    CHECK_THAT(message("listen: []\n"), Catch::Contains("listen"));
    CHECK_THAT(message("ports: 1\n"), Catch::Contains("ports"));
    CHECK_THAT(message("daemon_socket: run/x.sock\n"), Catch::Contains("an absolute path"));
    CHECK_THAT(message("listen: [192.0.2.9, 192.0.2.9]\n"), Catch::Contains("twice"));
    CHECK_FALSE(load_config("/nonexistent/listener.yaml"));
}

TEST_CASE("the example configuration is valid and shows the defaults") {
    const auto config = load_config(HEARTGATE_SOURCE "/packaging/examples/listener.yaml");
    REQUIRE(config);
    const ListenerConfig defaults;
    CHECK(config->daemon_socket == defaults.daemon_socket);
    CHECK(config->listen == defaults.listen);
    CHECK(config->port == defaults.port);
    CHECK(config->max_connections == defaults.max_connections);
    CHECK(config->max_connections_per_source == defaults.max_connections_per_source);
}
