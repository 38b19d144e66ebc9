// SPDX-License-Identifier: Apache-2.0
// Heartbeat sessions over real TLS: which are taken, which are refused, and what heartgated hears of them.
#include <catch2/catch.hpp>
#include <ctime>

#include "controlplane/listener/relay.h"
#include "tests/unit/listener/site.h"

using namespace heartgate;           // NOLINT(google-build-using-namespace)
using namespace heartgate::testing;  // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;

TEST_CASE("a heartbeat reaches heartgated with who sent it, from where and when") {
    Site site;
    const auto credentials = site.credentials();
    const auto before = control::listener::monotonic_ns();
    Session session(site.channel(credentials));
    REQUIRE(session.send(green(7)));
    const auto opened = site.daemon.wait_for([](const auto& message) { return message.has_stream_opened(); });
    CHECK(opened.stream_opened().endpoint_id() == kUuid);
    CHECK(opened.stream_opened().serial() == credentials.serial);
    CHECK(opened.stream_opened().peer_address() == std::string("\x7f\0\0\1", 4));
    CHECK(opened.stream_opened().peer_port() > 0);
    const auto heartbeat = site.daemon.wait_for(is_heartbeat).heartbeat();
    CHECK(heartbeat.stream() == opened.stream_opened().stream());
    CHECK(heartbeat.heartbeat().sequence() == 7);
    CHECK(heartbeat.received_monotonic_ns() > before);
    CHECK(heartbeat.received_monotonic_ns() < control::listener::monotonic_ns());

    CHECK(session.close().ok());
    const auto closed = site.daemon.wait_for([](const auto& message) { return message.has_stream_closed(); });
    CHECK(closed.stream_closed().stream() == heartbeat.stream());
}

TEST_CASE("directives reach the endpoint, and heartgated can end its stream") {
    Site site;
    Session session(site.channel(site.credentials()));
    REQUIRE(session.send(green()));
    const auto stream = site.daemon.wait_for(is_heartbeat).heartbeat().stream();
    v1::DaemonToListener message;
    message.mutable_directive()->set_stream(stream);
    for (const char* why : {"malware was found", "it could not be removed"}) {
        message.mutable_directive()->mutable_directive()->set_why(why);
        site.daemon.send(message);
        const auto directive = session.receive();
        REQUIRE(directive);
        CHECK(directive->why() == why);
    }

    v1::DaemonToListener close;
    close.mutable_close()->set_stream(stream);
    close.mutable_close()->set_status(grpc::StatusCode::ABORTED);
    close.mutable_close()->set_reason("a newer session");
    site.daemon.send(close);
    const auto status = session.end();
    CHECK(status.error_code() == grpc::StatusCode::ABORTED);
    CHECK(status.error_message() == "a newer session");
}

TEST_CASE("a session without a good certificate is refused with its cause") {
    Site site;
    const Site other;
    const auto refused = [&](const std::optional<Credentials>& own, const std::string& cause) {
        Session session(site.channel(own));
        session.send(green());
        const auto status = session.end();
        CHECK(status.error_code() == grpc::StatusCode::UNAUTHENTICATED);
        CHECK_THAT(status.error_message(), Catch::Contains(cause));
        CHECK(site.daemon.wait_for(refusal(cause)).refusal().peer_address().size() == 4);
    };
    SECTION("no certificate") { refused(std::nullopt, "no certificate"); }
    SECTION("of another CA") { refused(other.credentials(), "other CA"); }
    SECTION("expired") { refused(site.credentials(1h, control::pki::unix_now_s() - 86400), "expired"); }
    SECTION("not yet valid") { refused(site.credentials(1h, control::pki::unix_now_s() + 86400), "not yet valid"); }
    for (const auto& message : site.daemon.heard()) {
        CHECK_FALSE(message.has_stream_opened());
        CHECK_FALSE(message.has_heartbeat());
    }
}

TEST_CASE("an expired certificate is accepted within the grace that heartgated grants") {
    Site site;
    site.daemon.send(site.trust({}, 30 * 86400));
    // Trust and what follows are handled in order; a closed stream that does not exist is no harm and no answer, so the
    // new trust is seen by trying.
    const auto expired = site.credentials(1h, control::pki::unix_now_s() - 86400);
    bool accepted = false;
    for (int i = 0; i < 50 && !accepted; ++i) {
        Session session(site.channel(expired));
        session.send(green());
        accepted = session.close().ok();
    }
    CHECK(accepted);
}

TEST_CASE("a certificate revoked while its stream is open ends the stream") {
    Site site;
    const auto credentials = site.credentials();
    Session session(site.channel(credentials));
    Session bystander(site.channel(site.credentials()));
    REQUIRE(session.send(green()));
    REQUIRE(bystander.send(green(99)));
    site.daemon.wait_for([](const auto& m) { return m.heartbeat().heartbeat().sequence() == 1; });
    site.daemon.wait_for([](const auto& m) { return m.heartbeat().heartbeat().sequence() == 99; });
    site.daemon.send(site.trust({credentials.serial}));
    const auto status = session.end();
    CHECK(status.error_code() == grpc::StatusCode::UNAUTHENTICATED);
    CHECK_THAT(status.error_message(), Catch::Contains("revoked"));
    // The other goes on.
    REQUIRE(bystander.send(green(100)));
    site.daemon.wait_for([](const auto& m) { return m.heartbeat().heartbeat().sequence() == 100; });
}

TEST_CASE("a malformed heartbeat ends the stream and is never passed on") {
    Site site;
    const auto refused = [&](const v1::Heartbeat& heartbeat, const std::string& cause) {
        Session session(site.channel(site.credentials()));
        session.send(heartbeat);
        const auto status = session.end();
        CHECK(status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
        CHECK(site.daemon.wait_for(refusal(cause)).refusal().endpoint_id() == kUuid);
    };
    v1::Heartbeat heartbeat = green();
    SECTION("empty") { refused({}, "unknown colour"); }
    SECTION("unknown colour") {
        heartbeat.set_colour(static_cast<v1::Colour>(77));
        refused(heartbeat, "unknown colour");
    }
    SECTION("oversized message") {
        for (int i = 0; i < 70; ++i) heartbeat.add_reasons()->set_path(std::string(1000, 'x'));
        refused(heartbeat, "oversized message");
    }
    SECTION("oversized field") {
        heartbeat.set_host(std::string(256, 'x'));
        refused(heartbeat, "oversized field");
    }
    SECTION("interval out of range") {
        heartbeat.set_interval_ms(99);
        refused(heartbeat, "interval out of range");
    }
    for (const auto& message : site.daemon.heard()) CHECK_FALSE(message.has_heartbeat());
}

TEST_CASE("a message beyond gRPC's own limit ends the stream") {
    Site site;
    Session session(site.channel(site.credentials()));
    v1::Heartbeat heartbeat = green();
    heartbeat.set_host(std::string(300 * 1024, 'x'));
    session.send(heartbeat);
    CHECK(session.end().error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_CASE("a flood of heartbeats ends the stream") {
    Site site;
    Session session(site.channel(site.credentials()));
    for (std::uint64_t i = 1; i < 500; ++i) {
        if (!session.send(green(i))) break;
    }
    CHECK(session.end().error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
    site.daemon.wait_for(refusal("too many heartbeats"));
}

TEST_CASE("headers beyond the limit are refused and harm nobody else") {
    Site site;
    for (const std::size_t size : {3000UL, 5000UL, 9000UL, 20'000UL, 200'000UL}) {
        grpc::ClientContext context;
        context.set_deadline(std::chrono::system_clock::now() + 10s);
        context.AddMetadata("x-padding", std::string(size, 'x'));
        auto stub = v1::HeartbeatService::NewStub(site.channel(site.credentials()));
        auto stream = stub->Session(&context);
        stream->Write(green());
        stream->WritesDone();
        v1::Directive ignored;
        while (stream->Read(&ignored)) continue;
        CHECK(stream->Finish().ok() == (size < 4096));
    }
    Session session(site.channel(site.credentials()));
    REQUIRE(session.send(green(42)));
    site.daemon.wait_for([](const auto& m) { return m.heartbeat().heartbeat().sequence() == 42; });
}

TEST_CASE("a flood of heartbeats over many streams of one endpoint is a flood, too") {
    Site site;
    const auto channel = site.channel(site.credentials());
    std::uint64_t sequence = 0;
    bool refused = false;
    for (int stream = 0; stream < 40 && !refused; ++stream) {
        Session session(channel);
        for (int beat = 0; beat < 15; ++beat) {
            if (!session.send(green(++sequence))) break;
        }
        refused = session.close().error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
    }
    CHECK(refused);
    site.daemon.wait_for(refusal("too many heartbeats"));
}
