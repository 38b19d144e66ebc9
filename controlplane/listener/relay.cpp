// SPDX-License-Identifier: Apache-2.0
#include "controlplane/listener/relay.h"

#include <fmt/format.h>
#include <grpcpp/support/status_code_enum.h>
#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <ctime>
#include <unordered_set>
#include <utility>

#include "controlplane/pki/certificate_authority.h"

namespace heartgate::control::listener {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kCallTimeout = 10 * kSecond;
constexpr std::uint64_t kFirstHeartbeatTimeout = 30 * kSecond;
constexpr std::uint64_t kUnreadTime = 5 * kSecond;  // for how long heartgated may leave a frame unread
constexpr std::size_t kMaxCalls = 1000;
constexpr auto kNoDaemon = "the gateway's control plane is not there at the moment; try again in a few seconds";

v1::ListenerToDaemon opened_message(const v1::StreamOpened& opened) {
    v1::ListenerToDaemon message;
    *message.mutable_stream_opened() = opened;
    return message;
}

v1::ListenerToDaemon heartbeat_message(const v1::HeartbeatReceived& heartbeat) {
    v1::ListenerToDaemon message;
    *message.mutable_heartbeat() = heartbeat;
    return message;
}

v1::ListenerToDaemon closed_message(std::uint64_t stream) {
    v1::ListenerToDaemon message;
    message.mutable_stream_closed()->set_stream(stream);
    return message;
}

v1::EnrolmentAnswer failed_answer(grpc::StatusCode status, const std::string& why) {
    v1::EnrolmentAnswer answer;
    answer.set_status(static_cast<std::uint32_t>(status));
    answer.set_error(why);
    return answer;
}

}  // namespace

std::uint64_t monotonic_ns() {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * kSecond + static_cast<std::uint64_t>(now.tv_nsec);
}

Relay::Relay(boost::asio::io_context& loop, const std::string& daemon_socket, TrustHolder& trust)
    : loop_(loop),
      trust_(trust),
      link_(loop, daemon_socket,
            {.connected = [this] { on_connected(); },
             .lost = [this] { on_lost(); },
             .received = [this](v1::DaemonToListener&& message) { on_message(std::move(message)); }}),
      sweeper_(loop) {}

void Relay::start(IdentityHandler identity) {
    identity_handler_ = std::move(identity);
    link_.start();
    sweep();
}

void Relay::stop() {
    link_.stop();
    sweeper_.cancel();
    fail_calls("the gateway's listener is stopping; try again in a few seconds");
    for (auto& [id, open] : streams_) open.stream->end(grpc::StatusCode::UNAVAILABLE, "the listener is stopping");
    streams_.clear();
}

void Relay::serving(std::uint64_t since_monotonic_ns) {
    serving_since_ns_ = since_monotonic_ns;
    send_hello();
}

void Relay::send_hello() {
    v1::ListenerToDaemon message;
    message.mutable_hello()->set_version(HEARTGATE_VERSION);
    message.mutable_hello()->set_ready_monotonic_ns(serving_since_ns_);
    link_.send(message);
}

void Relay::stream_opened(std::shared_ptr<Stream> stream, v1::StreamOpened opened) {
    boost::asio::post(loop_, [this, stream = std::move(stream), opened = std::move(opened)]() mutable {
        link_.send(opened_message(opened));
        const std::uint64_t id = opened.stream();
        streams_.insert_or_assign(
            id, OpenStream{.stream = std::move(stream), .opened = std::move(opened), .last = {}, .delivered = false});
    });
}

void Relay::heartbeat(v1::HeartbeatReceived heartbeat) {
    boost::asio::post(loop_, [this, heartbeat = std::move(heartbeat)]() mutable {
        const auto found = streams_.find(heartbeat.stream());
        if (found == streams_.end()) return;
        found->second.delivered = link_.connected();
        const v1::ListenerToDaemon message = heartbeat_message(heartbeat);
        link_.send(message);
        found->second.last = std::move(heartbeat);
    });
}

void Relay::stream_closed(std::uint64_t stream) {
    boost::asio::post(loop_, [this, stream] {
        const auto found = streams_.find(stream);
        if (found == streams_.end()) return;
        OpenStream& open = found->second;
        link_.send(closed_message(stream));
        if (open.last) {
            Farewell farewell{std::move(open.opened), std::move(*open.last), monotonic_ns()};
            if (link_.connected())
                recent_.push_back(std::move(farewell));
            else if (!open.delivered)
                remember(std::move(farewell));
        }
        streams_.erase(found);
    });
}

void Relay::refused(std::string cause, std::string message, PeerAddress peer, std::string endpoint_id) {
    if (const auto decision = refusal_log_.decide(cause, peer.text, RefusalLog::Clock::now()); decision.log)
        spdlog::warn(
            "refused {}{}: {}{}", peer.text.empty() ? "a peer" : peer.text,
            endpoint_id.empty() ? "" : " (" + endpoint_id + ")", message.empty() ? cause : message,
            decision.left_out == 0 ? std::string() : fmt::format(" ({} more refusals not logged)", decision.left_out));
    boost::asio::post(loop_,
                      [this, cause = std::move(cause), peer = std::move(peer.bytes), id = std::move(endpoint_id)] {
                          v1::ListenerToDaemon frame;
                          frame.mutable_refusal()->set_cause(cause);
                          frame.mutable_refusal()->set_peer_address(peer);
                          frame.mutable_refusal()->set_endpoint_id(id);
                          link_.send(frame);
                      });
}

void Relay::enrolment(v1::EnrolmentCall call, AnswerHandler answer) {
    boost::asio::post(loop_, [this, call = std::move(call), answer = std::move(answer)]() mutable {
        if (!link_.connected()) return answer(failed_answer(grpc::StatusCode::UNAVAILABLE, kNoDaemon));
        if (calls_.size() >= kMaxCalls)
            return answer(failed_answer(grpc::StatusCode::RESOURCE_EXHAUSTED,
                                        "too many enrolments at once; try again in a few seconds"));
        const std::uint64_t id = next_call_++;
        call.set_call(id);
        calls_.emplace(id, PendingCall{std::move(answer), monotonic_ns() + kCallTimeout});
        v1::ListenerToDaemon message;
        *message.mutable_enrolment() = std::move(call);
        link_.send(message);
    });
}

void Relay::on_connected() {
    // What heartgated missed while it was away: each stream with its last heartbeat, once.
    send_hello();
    for (const auto& [id, open] : streams_) {
        if (open.last) farewells_.erase(open.opened.endpoint_id());  // it has come back and said something newer
    }
    for (const auto& [endpoint, farewell] : farewells_) {
        link_.send(opened_message(farewell.opened));
        link_.send(heartbeat_message(farewell.last));
        link_.send(closed_message(farewell.opened.stream()));
    }
    farewells_.clear();
    for (auto& [id, open] : streams_) {
        link_.send(opened_message(open.opened));
        if (!open.last) continue;
        link_.send(heartbeat_message(*open.last));
        open.delivered = true;
    }
    v1::ListenerToDaemon message;
    message.mutable_replayed();
    link_.send(message);
    if (!streams_.empty()) spdlog::info("replayed {} streams to heartgated", streams_.size());
}

void Relay::on_lost() {
    fail_calls(kNoDaemon);
    // Frames written shortly before may not have been read: the last heartbeats count as unseen until replayed.
    for (auto& [id, open] : streams_) open.delivered = false;
    for (Farewell& farewell : recent_) remember(std::move(farewell));
    recent_.clear();
}

void Relay::on_message(v1::DaemonToListener&& message) {
    switch (message.message_case()) {
        case v1::DaemonToListener::kIdentity:
            identity_ = std::move(*message.mutable_identity());
            return offer_identity();
        case v1::DaemonToListener::kTrust:
            return on_trust(message.trust());
        case v1::DaemonToListener::kDirective:
            if (const auto found = streams_.find(message.directive().stream()); found != streams_.end())
                found->second.stream->send(message.directive().directive());
            return;
        case v1::DaemonToListener::kClose:
            return on_close(message.close());
        case v1::DaemonToListener::kEnrolment:
            if (auto call = calls_.extract(message.enrolment().call())) call.mapped().answer(message.enrolment());
            return;
        case v1::DaemonToListener::MESSAGE_NOT_SET:
            return;
    }
}

void Relay::offer_identity() {
    if (identity_ && trust_.get()) identity_handler_(*identity_);
}

void Relay::on_trust(const v1::Trust& trust) {
    std::unordered_set<std::string> revoked(trust.revoked_serials().begin(), trust.revoked_serials().end());
    auto verifier =
        pki::ChainVerifier::create(trust.ca_pem(), std::chrono::seconds(trust.accept_expired_s()), std::move(revoked));
    if (!verifier) {
        spdlog::error("heartgated sent a trust that cannot be used: {}; the one before stays",
                      verifier.error().message);
        return;
    }
    trust_.set(std::move(*verifier));
    const auto current = trust_.get();
    std::size_t ended = 0;
    for (auto& [id, open] : streams_) {
        const pki::ChainResult result = open.stream->judge(*current);
        if (result == pki::ChainResult::kOk) continue;
        ++ended;
        open.stream->end(grpc::StatusCode::UNAUTHENTICATED, fmt::format("certificate: {}", pki::to_string(result)));
    }
    if (ended > 0) spdlog::info("new trust: {} streams ended", ended);
    offer_identity();
}

void Relay::on_close(const v1::CloseStream& close) {
    const auto found = streams_.find(close.stream());
    if (found == streams_.end()) return;
    const bool known =
        close.status() >= grpc::StatusCode::CANCELLED && close.status() <= grpc::StatusCode::UNAUTHENTICATED;
    found->second.stream->end(known ? static_cast<int>(close.status()) : grpc::StatusCode::UNKNOWN, close.reason());
}

void Relay::remember(Farewell farewell) {
    std::string endpoint = farewell.opened.endpoint_id();
    farewells_.insert_or_assign(std::move(endpoint), std::move(farewell));
}

void Relay::fail_calls(const std::string& why) {
    for (auto& [id, call] : std::exchange(calls_, {})) call.answer(failed_answer(grpc::StatusCode::UNAVAILABLE, why));
}

void Relay::sweep() {
    const std::uint64_t now = monotonic_ns();
    std::erase_if(calls_, [now](auto& entry) {
        if (entry.second.deadline_ns > now) return false;
        entry.second.answer(failed_answer(grpc::StatusCode::UNAVAILABLE,
                                          "the gateway's control plane did not answer in time; try again"));
        return true;
    });
    for (auto& [id, open] : streams_) {
        if (!open.last && now - open.opened.opened_monotonic_ns() > kFirstHeartbeatTimeout)
            open.stream->end(grpc::StatusCode::DEADLINE_EXCEEDED, "no heartbeat within 30 seconds");
    }
    while (!recent_.empty() && now - recent_.front().closed_ns > kUnreadTime) recent_.pop_front();
    sweeper_.expires_after(std::chrono::seconds(1));
    sweeper_.async_wait([this](const boost::system::error_code& problem) {
        if (!problem) sweep();
    });
}

}  // namespace heartgate::control::listener
