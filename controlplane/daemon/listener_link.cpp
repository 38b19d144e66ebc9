// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/listener_link.h"

#include <fmt/format.h>
#include <grp.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/error.hpp>
#include <cerrno>
#include <cstring>

namespace heartgate::control {
namespace {

constexpr std::size_t kMostBytes = 128UL << 10U;
constexpr std::size_t kMostQueued = 64UL << 20U;  // directives for many endpoints at once

Expected<void> set_owner(const std::string& path, const std::string& group, unsigned mode) {
    if (chmod(path.c_str(), mode) != 0) {
        return error(ErrorKind::kInternal, fmt::format("{}: mode cannot be set: {}", path, std::strerror(errno)));
    }
    const auto id = group_id(group);
    if (!id) return tl::unexpected(id.error());
    if (chown(path.c_str(), static_cast<uid_t>(-1), *id) != 0) {
        return error(ErrorKind::kInternal,
                     fmt::format("{}: cannot be given to group '{}': {}", path, group, std::strerror(errno)));
    }
    return {};
}

}  // namespace

Expected<gid_t> group_id(const std::string& group) {
    if (group.empty()) return static_cast<gid_t>(-1);
    const struct group* entry = getgrnam(group.c_str());
    if (entry != nullptr) return entry->gr_gid;
    return error(ErrorKind::kInvalidArgument,
                 fmt::format("listener_socket.group: there is no group '{}' on this machine: `groupadd --system {}`",
                             group, group));
}

ListenerLink::ListenerLink(boost::asio::io_context& loop, Hooks hooks) : hooks_{std::move(hooks)}, acceptor_{loop} {}

Expected<void> ListenerLink::listen(const std::string& path, const std::string& group, unsigned mode) {
    const boost::asio::local::stream_protocol::endpoint endpoint{path};
    ::unlink(path.c_str());
    boost::system::error_code failure;
    acceptor_.open(endpoint.protocol(), failure);
    const mode_t mask = umask(0077);
    if (!failure) acceptor_.bind(endpoint, failure);
    umask(mask);
    if (!failure) acceptor_.listen(boost::asio::socket_base::max_listen_connections, failure);
    if (failure) {
        return error(ErrorKind::kInternal, fmt::format("{}: cannot listen: {}", path, failure.message()));
    }
    if (auto owned = set_owner(path, group, mode); !owned) return owned;
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
