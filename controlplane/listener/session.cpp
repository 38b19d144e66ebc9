// SPDX-License-Identifier: Apache-2.0
#include "controlplane/listener/session.h"

#include <fmt/format.h>
#include <grpc/grpc_security_constants.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <algorithm>
#include <mutex>

#include "controlplane/listener/heartbeat_check.h"
#include "controlplane/pki/certificate_authority.h"

namespace heartgate::control::listener {
namespace {

using Reactor = grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>;

class EndpointSession final : public Reactor, public Stream, public std::enable_shared_from_this<EndpointSession> {
public:
    EndpointSession(Relay& relay, const TrustHolder& trust, RateTable& rate, std::string leaf_pem, PeerAddress peer,
                    pki::PeerIdentity identity)
        : relay_(relay),
          trust_(trust),
          rate_(rate),
          id_(relay.next_stream()),
          leaf_pem_(std::move(leaf_pem)),
          peer_(std::move(peer)),
          identity_(std::move(identity)) {}

    void start() {
        self_ = shared_from_this();  // until OnDone
        v1::StreamOpened opened;
        opened.set_stream(id_);
        opened.set_endpoint_id(identity_.endpoint_id);
        opened.set_serial(identity_.serial);
        opened.set_peer_address(peer_.bytes);
        opened.set_peer_port(peer_.port);
        opened.set_certificate_not_after_unix_s(identity_.not_after_unix_s);
        opened.set_opened_monotonic_ns(monotonic_ns());
        relay_.stream_opened(self_, std::move(opened));
        read_next();
    }

    void OnReadDone(bool ok) override {
        const std::uint64_t received_ns = monotonic_ns();
        if (!ok) return finish(grpc::Status::OK);  // the endpoint closed its side, or the connection is gone
        if (const auto result = trust_.get()->check_again(identity_, pki::unix_now_s());
            result != pki::ChainResult::kOk)
            return refuse(grpc::StatusCode::UNAUTHENTICATED, std::string(pki::to_string(result)),
                          fmt::format("certificate: {}", pki::to_string(result)));
        if (!rate_.allow(identity_.endpoint_id, received_ns))
            return refuse(grpc::StatusCode::RESOURCE_EXHAUSTED, "too many heartbeats",
                          "more than 20 heartbeats per second; keep to interval_ms");
        if (incoming_.Length() > kMaxHeartbeatBytes)
            return refuse(grpc::StatusCode::INVALID_ARGUMENT, "oversized message",
                          fmt::format("heartbeat of {} bytes; allowed are {}", incoming_.Length(), kMaxHeartbeatBytes));
        v1::HeartbeatReceived received;
        if (!grpc::SerializationTraits<v1::Heartbeat>::Deserialize(&incoming_, received.mutable_heartbeat()).ok())
            return refuse(grpc::StatusCode::INVALID_ARGUMENT, "malformed message", "the heartbeat could not be parsed");
        if (auto problem = check_heartbeat(received.heartbeat()))
            return refuse(grpc::StatusCode::INVALID_ARGUMENT, std::move(problem->cause), std::move(problem->message));
        received.set_stream(id_);
        received.set_received_monotonic_ns(received_ns);
        relay_.heartbeat(std::move(received));
        incoming_.Clear();
        read_next();
    }

    void OnWriteDone(bool ok) override {
        const std::lock_guard lock(mutex_);
        writing_ = false;
        if (ok && pending_ && !finished_) write_pending();
    }

    void OnDone() override {
        relay_.stream_closed(id_);
        const auto last = std::move(self_);
    }

    void send(const v1::Directive& directive) override {
        const std::lock_guard lock(mutex_);
        if (finished_) return;
        const bool renew = directive.renew_certificate() || (pending_ && pending_->renew_certificate());
        pending_ = directive;
        pending_->set_renew_certificate(renew);
        if (!writing_) write_pending();
    }

    void end(int status, const std::string& reason) override {
        finish(grpc::Status(static_cast<grpc::StatusCode>(status), reason));
    }

    pki::ChainResult judge(const pki::ChainVerifier& verifier) const override {
        return verifier.verify(leaf_pem_, pki::unix_now_s()).result;
    }

private:
    void read_next() {
        const std::lock_guard lock(mutex_);
        if (!finished_) StartRead(&incoming_);
    }

    void write_pending() {  // with the lock held
        outgoing_.Clear();  // gRPC refuses to serialise into a buffer that holds the last message
        bool own_buffer = false;
        grpc::SerializationTraits<v1::Directive>::Serialize(*pending_, &outgoing_, &own_buffer);
        pending_.reset();
        writing_ = true;
        StartWrite(&outgoing_);
    }

    void finish(const grpc::Status& status) {
        const std::lock_guard lock(mutex_);
        if (finished_) return;
        finished_ = true;
        Finish(status);
    }

    void refuse(grpc::StatusCode status, std::string cause, std::string message) {
        finish(grpc::Status(status, message));
        relay_.refused(std::move(cause), std::move(message), peer_, identity_.endpoint_id);
    }

    Relay& relay_;
    const TrustHolder& trust_;
    RateTable& rate_;  // shared by all streams
    const std::uint64_t id_;
    const std::string leaf_pem_;
    const PeerAddress peer_;
    const pki::PeerIdentity identity_;
    std::shared_ptr<EndpointSession> self_;
    grpc::ByteBuffer incoming_;  // gRPC runs one read at a time

    std::mutex mutex_;  // gRPC's threads and the event loop write and finish
    std::optional<v1::Directive> pending_;
    grpc::ByteBuffer outgoing_;
    bool writing_ = false;
    bool finished_ = false;
};

// A stream that is refused before it begins.
class RefusedSession final : public Reactor {
public:
    explicit RefusedSession(const grpc::Status& status) { Finish(status); }
    void OnDone() override { delete this; }
};

}  // namespace

std::string peer_certificate(const grpc::ServerContextBase& context) {
    const auto auth = context.auth_context();
    if (!auth) return {};
    const auto values = auth->FindPropertyValues(GRPC_X509_PEM_CERT_PROPERTY_NAME);
    return values.empty() ? std::string() : std::string(values.front().data(), values.front().size());
}

Reactor* HeartbeatEndpoint::Session(grpc::CallbackServerContext* context) {
    PeerAddress peer = parse_peer(context->peer());
    std::string leaf = peer_certificate(*context);
    pki::ChainVerdict verdict = trust_.get()->verify(leaf, pki::unix_now_s());
    if (verdict.result != pki::ChainResult::kOk) {
        const std::string cause(pki::to_string(verdict.result));
        relay_.refused(cause, fmt::format("certificate: {}", cause), std::move(peer), verdict.identity.endpoint_id);
        return new RefusedSession(
            grpc::Status(grpc::StatusCode::UNAUTHENTICATED, fmt::format("certificate: {}; enrol or renew", cause)));
    }
    const auto session = std::make_shared<EndpointSession>(relay_, trust_, heartbeats_, std::move(leaf),
                                                           std::move(peer), std::move(verdict.identity));
    session->start();
    return session.get();
}

}  // namespace heartgate::control::listener
