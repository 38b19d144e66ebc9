// SPDX-License-Identifier: Apache-2.0
// Enrolment and the heartbeat stream over real TLS on loopback.
#include <algorithm>
#include <catch2/catch.hpp>
#include <ctime>

#include "controlplane/agent/grpc/grpc_enrolment.h"
#include "controlplane/agent/grpc/grpc_transport.h"
#include "controlplane/pki/key.h"
#include "tests/unit/agent/fake_gateway.h"

namespace heartgate::control::agent {
namespace {

using namespace test;

Expected<Identity> try_to_enrol(const FakeGateway& gateway, const std::string& token) {
    GrpcEnrolment transport;
    return enrol(token, pki::make_key().value(), {gateway.address()}, {"host", "machine", std::time(nullptr)},
                 transport);
}

class Listener final : public TransportListener {
public:
    void on_directive(std::uint64_t stream, const v1::Directive& directive) override {
        const std::lock_guard lock{mutex_};
        directives_.emplace_back(stream, directive);
        changed_.notify_all();
    }
    void on_closed(std::uint64_t stream, CloseCause cause, const std::string&) override {
        const std::lock_guard lock{mutex_};
        closed_.emplace_back(stream, cause);
        changed_.notify_all();
    }
    bool wait_for_directive() {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, std::chrono::seconds{10}, [&] { return !directives_.empty(); });
    }
    std::vector<std::pair<std::uint64_t, CloseCause>> wait_for_close() {
        std::unique_lock lock{mutex_};
        changed_.wait_for(lock, std::chrono::seconds{20}, [&] { return !closed_.empty(); });
        return closed_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::pair<std::uint64_t, v1::Directive>> directives_;
    std::vector<std::pair<std::uint64_t, CloseCause>> closed_;
};

v1::Heartbeat heartbeat(std::uint64_t sequence, v1::Colour colour = v1::GREEN) {
    v1::Heartbeat result;
    result.set_boot(1);
    result.set_sequence(sequence);
    result.set_colour(colour);
    return result;
}

TEST_CASE("a token of the gateway's CA enrols and the certificate is for our key") {
    FakeGateway gateway;
    const auto identity = try_to_enrol(gateway, gateway.token());
    REQUIRE(identity);
    CHECK(gateway.tokens() == std::vector{std::string(48, 'a')});
    CHECK(identity->ca_pem == gateway.ca().ca_pem());
    const auto validity = certificate_validity(identity->certificate_pem);
    REQUIRE(validity);
    CHECK(validity->not_after_unix_s > std::time(nullptr) + 23 * 3600);
    CHECK(validity->renew_at_unix_s() < validity->not_after_unix_s);
    CHECK(validity->renew_at_unix_s() > validity->not_before_unix_s);
}

TEST_CASE("a server of another CA than the token's hears no secret") {
    FakeGateway real;
    FakeGateway impostor;
    const auto identity = try_to_enrol(impostor, real.token());
    REQUIRE_FALSE(identity);
    CHECK(identity.error().kind == ErrorKind::kUnauthenticated);
    CHECK(identity.error().message.find(impostor.address().text()) == 0);
    CHECK(impostor.tokens().empty());
    CHECK(try_to_enrol(real, real.token()));  // the same token is good where it belongs
}

TEST_CASE("where nobody answers, the message says so and names the address") {
    GrpcEnrolment transport;
    const auto chain = transport.server_chain({"127.0.0.1", 1});
    REQUIRE_FALSE(chain);
    CHECK(chain.error().kind == ErrorKind::kUnavailable);
    CHECK(chain.error().message.find("127.0.0.1:1") != std::string::npos);
}

TEST_CASE("a renewal keeps the key and is for who has a certificate only") {
    FakeGateway gateway;
    const Identity identity = try_to_enrol(gateway, gateway.token()).value();
    GrpcEnrolment transport;
    const auto renewed = renew(identity, {gateway.address()}, transport);
    REQUIRE(renewed);
    CHECK(renewed->key_pem == identity.key_pem);
    CHECK(renewed->certificate_pem != identity.certificate_pem);
    Identity nobody = identity;
    nobody.certificate_pem.clear();
    const auto refused = renew(nobody, {gateway.address()}, transport);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == ErrorKind::kUnauthenticated);
}

TEST_CASE("what waits for the connection is the newest and what was detected before it") {
    FakeGateway gateway;
    Listener listener;
    GrpcTransport transport{listener};
    transport.set_identity(try_to_enrol(gateway, gateway.token()).value());
    transport.open(1, gateway.address());
    transport.send(heartbeat(1));
    transport.send(heartbeat(2));
    v1::Heartbeat detection = heartbeat(3, v1::YELLOW);
    detection.set_detected_monotonic_ns(7);
    transport.send(detection);
    transport.send(heartbeat(4, v1::YELLOW));
    transport.send(heartbeat(5));
    REQUIRE(gateway.wait([](const auto& received) { return !received.empty() && received.back().sequence() == 5; }));
    std::vector<std::uint64_t> sequences;
    for (const v1::Heartbeat& received : gateway.heartbeats()) sequences.push_back(received.sequence());
    CHECK(std::is_sorted(sequences.begin(), sequences.end()));
    CHECK(std::count(sequences.begin(), sequences.end(), 3) == 1);
    transport.abort();
    transport.wait_for_end(Milliseconds{10'000});
}

TEST_CASE("heartbeats go up, directives come down, a goodbye arrives before the stream ends") {
    FakeGateway gateway;
    Listener listener;
    GrpcTransport transport{listener};
    transport.set_identity(try_to_enrol(gateway, gateway.token()).value());
    transport.open(1, gateway.address());
    transport.send(heartbeat(1));
    REQUIRE(listener.wait_for_directive());
    transport.send(heartbeat(2, v1::YELLOW));
    REQUIRE(gateway.wait([](const auto& received) { return received.size() == 2; }));
    v1::Heartbeat goodbye = heartbeat(3, v1::YELLOW);
    goodbye.set_goodbye(true);
    transport.finish(goodbye);
    transport.wait_for_end(Milliseconds{10'000});
    REQUIRE(gateway.wait_for_end());
    CHECK(gateway.heartbeats().back().goodbye());
    CHECK(gateway.heartbeats().back().colour() == v1::YELLOW);
    REQUIRE(listener.wait_for_close().size() == 1);
}

TEST_CASE("of many heartbeats in a row the last arrives, none out of order") {
    FakeGateway gateway;
    Listener listener;
    GrpcTransport transport{listener};
    transport.set_identity(try_to_enrol(gateway, gateway.token()).value());
    transport.open(1, gateway.address());
    for (std::uint64_t i = 1; i <= 1000; ++i) transport.send(heartbeat(i));
    REQUIRE(gateway.wait([](const auto& received) { return !received.empty() && received.back().sequence() == 1000; }));
    const auto received = gateway.heartbeats();
    for (std::size_t i = 1; i < received.size(); ++i) CHECK(received[i].sequence() > received[i - 1].sequence());
    transport.abort();
    CHECK(listener.wait_for_close().size() == 1);
    transport.wait_for_end(Milliseconds{10'000});
}

TEST_CASE("a stream to a server of another CA is closed without a heartbeat getting through") {
    FakeGateway real;
    FakeGateway impostor;
    Listener listener;
    GrpcTransport transport{listener};
    transport.set_identity(try_to_enrol(real, real.token()).value());
    transport.open(7, impostor.address());
    transport.send(heartbeat(1));
    const auto closed = listener.wait_for_close();
    REQUIRE(closed.size() == 1);
    CHECK(closed[0].first == 7);
    CHECK(closed[0].second == CloseCause::kUnreachable);
    CHECK(impostor.heartbeats().empty());
    transport.wait_for_end(Milliseconds{10'000});
}

TEST_CASE("an endpoint's certificate makes nobody a gateway, although the same CA signed it") {
    FakeGateway gateway;
    const Identity endpoint = try_to_enrol(gateway, gateway.token()).value();
    int port = 0;
    grpc::SslServerCredentialsOptions options;
    options.pem_key_cert_pairs.push_back({endpoint.key_pem, endpoint.certificate_pem + gateway.ca().ca_pem()});
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(options), &port);
    v1::HeartbeatService::Service service;
    builder.RegisterService(&service);
    const auto server = builder.BuildAndStart();
    const Gateway impostor{"127.0.0.1", static_cast<std::uint16_t>(port)};

    GrpcEnrolment enrolment;
    const auto refused =
        enrol(gateway.token(), endpoint.key_pem, {impostor}, {"h", "m", std::time(nullptr)}, enrolment);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == ErrorKind::kUnauthenticated);

    Listener listener;
    GrpcTransport transport{listener};
    transport.set_identity(endpoint);
    transport.open(1, impostor);
    transport.send(heartbeat(1));
    const auto closed = listener.wait_for_close();
    REQUIRE(closed.size() == 1);
    CHECK(closed[0].second == CloseCause::kUnreachable);  // not UNIMPLEMENTED: it was never spoken to
    transport.wait_for_end(Milliseconds{10'000});
    server->Shutdown(std::chrono::system_clock::now());
}

}  // namespace
}  // namespace heartgate::control::agent
