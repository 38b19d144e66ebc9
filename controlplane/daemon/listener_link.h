// SPDX-License-Identifier: Apache-2.0
// The UNIX socket on which heartgate-listener connects: one connection, the newest wins. Decodes frames and hands them
// on; what they mean is HeartbeatIntake's and Enrolment's.
#pragma once

#include <heartgate/v1/listener.pb.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <functional>
#include <memory>
#include <string>

#include "controlplane/common/error.h"
#include "controlplane/common/framed_socket.h"

namespace heartgate::control {

class ListenerLink {
public:
    struct Hooks {
        std::function<void(const v1::ListenerHello&)> hello;
        std::function<void(const v1::StreamOpened&)> opened;
        std::function<void(const v1::HeartbeatReceived&, bool replayed)> heartbeat;
        std::function<void(std::uint64_t stream)> closed;
        std::function<void()> replayed;
        std::function<void(const v1::EnrolmentCall&)> enrolment;
        std::function<void(const v1::Refusal&)> refusal;
        std::function<void(const std::string& why)> lost;
    };

    ListenerLink(boost::asio::io_context& loop, Hooks hooks);
    ~ListenerLink() { stop(); }
    ListenerLink(const ListenerLink&) = delete;
    ListenerLink& operator=(const ListenerLink&) = delete;

    // `group`: a name, or empty. Takes the place of a socket that a predecessor left behind.
    [[nodiscard]] Expected<void> listen(const std::string& path, const std::string& group, unsigned mode);
    void stop();

    // Kept, and sent to whoever connects.
    void set_identity(const v1::ListenerIdentity& identity);
    void set_trust(const v1::Trust& trust);

    void send(const v1::DaemonToListener& message);
    [[nodiscard]] bool connected() const { return socket_ != nullptr; }
    [[nodiscard]] bool replayed() const { return connected() && replayed_; }

private:
    void accept();
    void welcome(FramedSocket::Socket socket);
    void received(std::string_view frame);

    Hooks hooks_;
    boost::asio::local::stream_protocol::acceptor acceptor_;
    std::shared_ptr<FramedSocket> socket_;
    v1::DaemonToListener identity_;
    v1::DaemonToListener trust_;
    v1::ListenerToDaemon message_;  // reused: no allocation per heartbeat
    bool replayed_ = false;
};

}  // namespace heartgate::control
