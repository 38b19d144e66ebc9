// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/listener_link.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/error.hpp>

#include "controlplane/daemon/unix_listen.h"

namespace heartgate::control {
namespace {

constexpr std::size_t kMostBytes = 128UL << 10U;
constexpr std::size_t kMostQueued = 64UL << 20U;  // directives for many endpoints at once

}  // namespace

ListenerLink::ListenerLink(boost::asio::io_context& loop, Hooks hooks) : hooks_{std::move(hooks)}, acceptor_{loop} {}

Expected<void> ListenerLink::listen(const std::string& path, const std::string& group, unsigned mode) {
    if (auto listening = listen_at(acceptor_, path, group, mode); !listening) return listening;
    accept();
    return {};
}

void ListenerLink::stop() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    if (socket_) socket_->close();
    socket_.reset();
}

void ListenerLink::set_identity(const v1::ListenerIdentity& identity) {
    *identity_.mutable_identity() = identity;
    if (connected()) send(identity_);
}

void ListenerLink::set_trust(const v1::Trust& trust) {
    *trust_.mutable_trust() = trust;
    if (connected()) send(trust_);
}

void ListenerLink::send(const v1::DaemonToListener& message) {
    const std::shared_ptr<FramedSocket> socket = socket_;
    if (!socket) return;
    if (message.ByteSizeLong() <= kMostBytes) {
        socket->send(message.SerializeAsString());
        return;
    }
    // The listener would close the connection on it, and with it cut everybody off.
    if (message.has_directive() && message.directive().directive().refuse_size() > 0) {
        v1::DaemonToListener shorter = message;
        shorter.mutable_directive()->mutable_directive()->clear_refuse();
        send(shorter);
        return;
    }
    spdlog::error("a message of {} bytes for heartgate-listener is not sent; allowed: {}", message.ByteSizeLong(),
                  kMostBytes);
}

void ListenerLink::accept() {
    acceptor_.async_accept([this](const boost::system::error_code& failure, FramedSocket::Socket socket) {
        if (failure == boost::asio::error::operation_aborted) return;
        if (failure) {
            spdlog::error("listener socket: {}", failure.message());
        } else {
            welcome(std::move(socket));
        }
        accept();
    });
}

void ListenerLink::welcome(FramedSocket::Socket socket) {
    if (socket_) {
        spdlog::warn("another listener has connected; the former connection is closed");
        socket_->close();
        socket_.reset();
        hooks_.lost("another one has connected");
    }
    replayed_ = false;
    socket_ = std::make_shared<FramedSocket>(std::move(socket), kMostBytes, kMostQueued);
    socket_->start([this](std::string_view frame) { received(frame); },
                   [this](const std::string& why) {
                       socket_.reset();
                       spdlog::warn("the connection to heartgate-listener is lost: {}", why);
                       hooks_.lost(why);
                   });
    send(identity_);
    send(trust_);
}

void ListenerLink::received(std::string_view frame) {
    if (!message_.ParseFromArray(frame.data(), static_cast<int>(frame.size()))) {
        spdlog::error("heartgate-listener sent a message of {} bytes that cannot be decoded", frame.size());
        return;
    }
    switch (message_.message_case()) {
        case v1::ListenerToDaemon::kHeartbeat:
            hooks_.heartbeat(message_.heartbeat(), !replayed_);
            break;
        case v1::ListenerToDaemon::kStreamOpened:
            hooks_.opened(message_.stream_opened());
            break;
        case v1::ListenerToDaemon::kStreamClosed:
            hooks_.closed(message_.stream_closed().stream());
            break;
        case v1::ListenerToDaemon::kEnrolment:
            hooks_.enrolment(message_.enrolment());
            break;
        case v1::ListenerToDaemon::kRefusal:
            hooks_.refusal(message_.refusal());
            break;
        case v1::ListenerToDaemon::kHello:
            hooks_.hello(message_.hello());
            break;
        case v1::ListenerToDaemon::kReplayed:
            replayed_ = true;
            hooks_.replayed();
            break;
        case v1::ListenerToDaemon::MESSAGE_NOT_SET:
            spdlog::error("heartgate-listener sent a message of an unknown kind: install the same version of both");
            break;
    }
}

}  // namespace heartgate::control
