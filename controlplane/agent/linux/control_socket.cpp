// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/linux/control_socket.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <array>
#include <cerrno>
#include <cstring>

#include "controlplane/agent/linux/files.h"

namespace heartgate::control::agent {
namespace {

using heartgate::agent::v1::ControlReply;
using heartgate::agent::v1::ControlRequest;

constexpr std::size_t kMostBytes = 131'072;

UniqueFd unix_socket() {
    UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const timeval most{5, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
    return fd;
}

Expected<sockaddr_un> address_of(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        return error(ErrorKind::kInvalidArgument,
                     fmt::format("control_socket: {} is longer than {} bytes", path, sizeof address.sun_path - 1));
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    return address;
}

bool transfer(int fd, void* data, std::size_t length, ssize_t (*step)(int, void*, std::size_t)) {
    auto* bytes = static_cast<char*>(data);
    while (length != 0) {
        const ssize_t done = step(fd, bytes, length);
        if (done <= 0) return false;
        bytes += done;
        length -= static_cast<std::size_t>(done);
    }
    return true;
}

bool send_frame(int fd, std::string body) {
    const auto step = [](int to, void* data, std::size_t length) { return ::send(to, data, length, MSG_NOSIGNAL); };
    std::uint32_t length = htonl(static_cast<std::uint32_t>(body.size()));
    return transfer(fd, &length, sizeof length, step) && transfer(fd, body.data(), body.size(), step);
}

bool receive_frame(int fd, std::string& body) {
    const auto step = [](int from, void* data, std::size_t length) { return ::recv(from, data, length, 0); };
    std::uint32_t length = 0;
    if (!transfer(fd, &length, sizeof length, step) || ntohl(length) > kMostBytes) return false;
    body.resize(ntohl(length));
    return transfer(fd, body.data(), body.size(), step);
}

bool may_order(int connection) {
    ucred peer{};
    socklen_t length = sizeof peer;
    return ::getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length) == 0 &&
           (peer.uid == 0 || peer.uid == ::geteuid());
}

}  // namespace

ControlSocket::ControlSocket(std::string path, Handler handler, UniqueFd socket, UniqueFd stop)
    : path_{std::move(path)}, handler_{std::move(handler)}, socket_{std::move(socket)}, stop_{std::move(stop)} {
    thread_ = std::thread{[this] { run(); }};
}

Expected<std::unique_ptr<ControlSocket>> ControlSocket::listen(const std::string& path, Handler handler) {
    const auto address = address_of(path);
    if (!address) return tl::unexpected{address.error()};
    ControlRequest request;
    request.mutable_status();
    if (ask_agent(path, request)) {
        return error(ErrorKind::kFailedPrecondition,
                     fmt::format("another heartgate-agent answers at {}; stop it, or give this one its own "
                                 "'control_socket' and 'state_directory'",
                                 path));
    }
    const std::string parent = path.substr(0, path.rfind('/'));
    if (!parent.empty() && ::mkdir(parent.c_str(), 0755) != 0 && errno != EEXIST) {
        return tl::unexpected{system_error("cannot make the directory", parent)};
    }
    ::unlink(path.c_str());
    UniqueFd socket = unix_socket();
    if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0 ||
        ::chmod(path.c_str(), 0666) != 0 || ::listen(socket.get(), 16) != 0) {
        return tl::unexpected{system_error("cannot listen at", path)};
    }
    return std::unique_ptr<ControlSocket>{
        new ControlSocket{path, std::move(handler), std::move(socket), UniqueFd{::eventfd(0, EFD_CLOEXEC)}}};
}

ControlSocket::~ControlSocket() {
    const std::uint64_t one = 1;
    (void)!::write(stop_.get(), &one, sizeof one);  // an eventfd takes it
    thread_.join();
    ::unlink(path_.c_str());
}

void ControlSocket::run() {
    std::array<pollfd, 2> waiting{{{socket_.get(), POLLIN, 0}, {stop_.get(), POLLIN, 0}}};
    while (true) {
        if (::poll(waiting.data(), waiting.size(), -1) < 0 && errno != EINTR) return;
        if (waiting[1].revents != 0) return;
        if ((waiting[0].revents & POLLIN) == 0) continue;
        const UniqueFd connection{::accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC)};
        if (connection.valid()) serve(connection.get());
    }
}

void ControlSocket::serve(int connection) const {
    const timeval most{1, 0};
    ::setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    ::setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
    std::string body;
    ControlRequest request;
    ControlReply reply;
    if (!receive_frame(connection, body)) return;
    if (!request.ParseFromString(body) || request.request_case() == ControlRequest::REQUEST_NOT_SET) {
        reply.set_error("this agent does not know the request; are program and agent of the same version?");
    } else if (!request.has_status() && !may_order(connection)) {
        reply.set_error("only root may order this");
    } else {
        reply = handler_(request);
    }
    (void)send_frame(connection, reply.SerializeAsString());  // who asked may have left
}

Expected<ControlReply> ask_agent(const std::string& path, const ControlRequest& request) {
    const auto address = address_of(path);
    if (!address) return tl::unexpected{address.error()};
    const UniqueFd fd = unix_socket();
    const auto no_agent = [&](const char* what) {
        return error(
            ErrorKind::kUnavailable,
            fmt::format("no heartgate-agent answers at {}: {}; start it with `heartgate-agent run`, or name its "
                        "configuration with --config",
                        path, what));
    };
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&*address), sizeof *address) != 0) {
        return no_agent(std::strerror(errno));
    }
    std::string body;
    ControlReply reply;
    if (!send_frame(fd.get(), request.SerializeAsString()) || !receive_frame(fd.get(), body) ||
        !reply.ParseFromString(body)) {
        return no_agent("it hung up");
    }
    if (!reply.error().empty()) return error(ErrorKind::kFailedPrecondition, reply.error());
    return reply;
}

}  // namespace heartgate::control::agent
