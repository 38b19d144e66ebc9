// SPDX-License-Identifier: Apache-2.0
// The agent's side of the wire against the listener itself.
#include <catch2/catch.hpp>
#include <condition_variable>

#include "controlplane/agent/grpc/grpc_enrolment.h"
#include "controlplane/agent/grpc/grpc_transport.h"
#include "controlplane/pki/key.h"
#include "tests/unit/listener/site.h"

namespace heartgate::control::agent {
namespace {

using heartgate::testing::is_heartbeat;
using heartgate::testing::kUuid;
using heartgate::testing::Site;

// heartgated's answer to enrolments: any token is good.
void answer_enrolments(Site& site) {
    site.daemon.on_message([&site](const v1::ListenerToDaemon& message) {
        if (!message.has_enrolment()) return;
        const auto& call = message.enrolment();
        const std::string& csr = call.has_enrol() ? call.enrol().csr_der() : call.renew().csr_der();
        const auto certificate = site.authority.issue_endpoint(csr, kUuid, std::chrono::hours{24});
        v1::DaemonToListener answer;
        answer.mutable_enrolment()->set_call(call.call());
        auto& response = *answer.mutable_enrolment()->mutable_response();
        response.set_endpoint_id(kUuid);
        response.set_certificate_pem(certificate->certificate_pem);
        response.set_ca_pem(site.authority.ca_pem());
        site.daemon.send(answer);
    });
}

class Heard final : public TransportListener {
public:
    void on_directive(std::uint64_t, const v1::Directive& directive) override {
        const std::lock_guard lock{mutex_};
        directives_.push_back(directive);
        changed_.notify_all();
    }
    void on_closed(std::uint64_t, CloseCause cause, const std::string&) override {
        const std::lock_guard lock{mutex_};
        causes_.push_back(cause);
        changed_.notify_all();
    }
    std::vector<v1::Directive> wait_for_directives(std::size_t count) {
        std::unique_lock lock{mutex_};
        changed_.wait_for(lock, std::chrono::seconds{10}, [&] { return directives_.size() >= count; });
        return directives_;
    }
    std::vector<CloseCause> wait_for_close() {
        std::unique_lock lock{mutex_};
        changed_.wait_for(lock, std::chrono::seconds{10}, [&] { return !causes_.empty(); });
        return causes_;
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<v1::Directive> directives_;
    std::vector<CloseCause> causes_;
};

TEST_CASE("an agent enrols at the listener, reports, hears directives, renews and says goodbye") {
    Site site;
    answer_enrolments(site);
    const Gateway gateway{"127.0.0.1", site.port()};
    const std::string token = "hgt1." + std::string(48, 'a') + "." + site.authority.fingerprint();
    GrpcEnrolment enrolment;
    const auto identity =
        enrol(token, pki::make_key().value(), {gateway}, {"host", "id", pki::unix_now_s()}, enrolment);
    REQUIRE(identity);
    REQUIRE(renew(*identity, {gateway}, enrolment));

    Heard heard;
    GrpcTransport transport{heard};
    transport.set_identity(*identity);
    transport.open(1, gateway);
    v1::Heartbeat heartbeat;
    heartbeat.set_boot(1);
    heartbeat.set_sequence(1);
    heartbeat.set_interval_ms(500);
    heartbeat.set_colour(v1::YELLOW);
    heartbeat.set_detected_monotonic_ns(77);
    transport.send(heartbeat);
    const auto received = site.daemon.wait_for(is_heartbeat);
    CHECK(received.heartbeat().heartbeat().detected_monotonic_ns() == 77);

    for (const bool cut_off : {true, false}) {
        v1::DaemonToListener message;
        message.mutable_directive()->set_stream(received.heartbeat().stream());
        message.mutable_directive()->mutable_directive()->set_cut_off(cut_off);
        site.daemon.send(message);
        const auto directives = heard.wait_for_directives(cut_off ? 1 : 2);
        REQUIRE_FALSE(directives.empty());
        CHECK(directives.back().cut_off() == cut_off);
    }

    heartbeat.set_sequence(2);
    heartbeat.set_goodbye(true);
    transport.finish(heartbeat);
    transport.wait_for_end(Milliseconds{10'000});
    site.daemon.wait_for([](const auto& m) { return m.has_heartbeat() && m.heartbeat().heartbeat().goodbye(); });
    CHECK(heard.wait_for_close().size() == 1);
}

TEST_CASE("a stream that heartgated closes for a newer session, or for lack of trust, says why") {
    Site site;
    answer_enrolments(site);
    const Gateway gateway{"127.0.0.1", site.port()};
    const auto credentials = site.credentials();
    Heard heard;
    GrpcTransport transport{heard};
    transport.set_identity({credentials.key_pem, credentials.certificate_pem, site.authority.ca_pem()});
    transport.open(1, gateway);
    v1::Heartbeat heartbeat;
    heartbeat.set_boot(1);
    heartbeat.set_sequence(1);
    heartbeat.set_interval_ms(500);
    heartbeat.set_colour(v1::GREEN);
    transport.send(heartbeat);
    const auto received = site.daemon.wait_for(is_heartbeat);

    const auto [status, cause] = GENERATE(
        table<grpc::StatusCode, CloseCause>({{grpc::StatusCode::ABORTED, CloseCause::kNewerSession},
                                             {grpc::StatusCode::UNAUTHENTICATED, CloseCause::kUnauthenticated}}));
    v1::DaemonToListener close;
    close.mutable_close()->set_stream(received.heartbeat().stream());
    close.mutable_close()->set_status(static_cast<std::uint32_t>(status));
    close.mutable_close()->set_reason("because");
    site.daemon.send(close);
    CHECK(heard.wait_for_close() == std::vector{cause});
    transport.wait_for_end(Milliseconds{10'000});
}

}  // namespace
}  // namespace heartgate::control::agent
