// SPDX-License-Identifier: Apache-2.0
// What the listener knows: open streams with their last heartbeat, calls that wait for an answer, and the link to
// heartgated. All of it belongs to one event loop; gRPC's threads only post to it. Decides nothing about health.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "controlplane/listener/daemon_link.h"
#include "controlplane/listener/peer_address.h"
#include "controlplane/listener/refusal_log.h"
#include "controlplane/listener/stream.h"
#include "controlplane/listener/trust_holder.h"
#include "heartgate/v1/listener.pb.h"

namespace heartgate::control::listener {

std::uint64_t monotonic_ns();  // CLOCK_MONOTONIC

class Relay {
public:
    using IdentityHandler = std::function<void(const v1::ListenerIdentity&)>;
    using AnswerHandler = std::function<void(const v1::EnrolmentAnswer&)>;

    Relay(boost::asio::io_context& loop, const std::string& daemon_socket, TrustHolder& trust);

    // On the loop's thread. `identity` runs each time heartgated names what to serve with, once trust is known, too.
    void start(IdentityHandler identity);
    void stop();                                     // ends all streams and calls
    void serving(std::uint64_t since_monotonic_ns);  // endpoints are accepted from now on

    // From any thread.
    std::uint64_t next_stream() { return next_stream_.fetch_add(1); }
    void stream_opened(std::shared_ptr<Stream> stream, v1::StreamOpened opened);
    void heartbeat(v1::HeartbeatReceived heartbeat);
    void stream_closed(std::uint64_t stream);
    void refused(std::string cause, std::string message, PeerAddress peer, std::string endpoint_id);
    // The handler runs once, on the loop's thread: with heartgated's answer, or UNAVAILABLE without one in time.
    void enrolment(v1::EnrolmentCall call, AnswerHandler answer);

private:
    struct OpenStream {
        std::shared_ptr<Stream> stream;
        v1::StreamOpened opened;
        std::optional<v1::HeartbeatReceived> last;
        bool delivered = false;  // the last heartbeat was handed to a connected heartgated
    };
    // A stream that ended with a heartbeat that heartgated has not seen, or may not have: a machine that turned RED and
    // left is still RED.
    struct Farewell {
        v1::StreamOpened opened;
        v1::HeartbeatReceived last;
        std::uint64_t closed_ns = 0;
    };
    struct PendingCall {
        AnswerHandler answer;
        std::uint64_t deadline_ns = 0;
    };

    void on_connected();
    void on_lost();
    void on_message(v1::DaemonToListener&& message);
    void on_trust(const v1::Trust& trust);
    void on_close(const v1::CloseStream& close);
    void offer_identity();
    void send_hello();
    void sweep();
    void remember(Farewell farewell);
    void fail_calls(const std::string& why);

    boost::asio::io_context& loop_;
    TrustHolder& trust_;
    DaemonLink link_;
    boost::asio::steady_timer sweeper_;
    IdentityHandler identity_handler_;
    std::optional<v1::ListenerIdentity> identity_;
    std::uint64_t serving_since_ns_ = 0;
    std::atomic<std::uint64_t> next_stream_{1};
    std::uint64_t next_call_ = 1;
    std::unordered_map<std::uint64_t, OpenStream> streams_;
    std::unordered_map<std::string, Farewell> farewells_;  // by endpoint id: the newest of each
    std::deque<Farewell> recent_;  // the same, of the last seconds: written to heartgated, perhaps never read
    std::unordered_map<std::uint64_t, PendingCall> calls_;
    std::string trusted_ca_pem_;
    RefusalLog refusal_log_;
};

}  // namespace heartgate::control::listener
