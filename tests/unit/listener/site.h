// SPDX-License-Identifier: Apache-2.0
// A listener with its heartgated (a fake one) and authority on the loopback, and endpoints that speak to it over real
// TLS.
#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <optional>
#include <string>
#include <thread>

#include "controlplane/listener/listener.h"
#include "controlplane/pki/certificate_authority.h"
#include "heartgate/v1/enrolment.grpc.pb.h"
#include "heartgate/v1/heartbeat.grpc.pb.h"
#include "tests/unit/listener/fake_daemon.h"
#include "tests/unit/pki/temporary_directory.h"

namespace heartgate::testing {

constexpr auto kUuid = "0b4f2f4e-4d5a-4c39-9a53-0c2a1f0e8d11";

struct Credentials {
    std::string key_pem;
    std::string certificate_pem;
    std::string serial;
};

class Site {
public:
    explicit Site(control::listener::ListenerConfig limits = {});
    ~Site();

    Credentials credentials(std::chrono::seconds validity = std::chrono::hours(24),
                            std::int64_t now = control::pki::unix_now_s()) const;
    // A channel that trusts this site's authority, with a client certificate or without.
    std::shared_ptr<grpc::Channel> channel(const std::optional<Credentials>& own) const;

    v1::DaemonToListener trust(std::vector<std::string> revoked = {}, std::uint32_t accept_expired_s = 0) const;
    v1::DaemonToListener identity() const;
    std::uint16_t port() const { return listener->port(); }

    TemporaryDirectory directory;
    control::pki::CertificateAuthority authority;
    FakeDaemon daemon;
    std::unique_ptr<control::listener::Listener> listener;

private:
    std::thread thread_;
};

// An endpoint's session, bounded in time.
class Session {
public:
    explicit Session(const std::shared_ptr<grpc::Channel>& channel);
    bool send(const v1::Heartbeat& heartbeat) { return stream_->Write(heartbeat); }
    std::optional<v1::Directive> receive();
    grpc::Status end();    // waits until the gateway has ended it
    grpc::Status close();  // ends it from the endpoint's side

private:
    grpc::ClientContext context_;
    std::unique_ptr<v1::HeartbeatService::Stub> stub_;
    std::unique_ptr<grpc::ClientReaderWriter<v1::Heartbeat, v1::Directive>> stream_;
};

v1::Heartbeat green(std::uint64_t sequence = 1);

inline bool is_heartbeat(const v1::ListenerToDaemon& message) { return message.has_heartbeat(); }
inline FakeDaemon::Predicate refusal(const std::string& cause) {
    return [cause](const v1::ListenerToDaemon& message) { return message.refusal().cause() == cause; };
}

}  // namespace heartgate::testing
