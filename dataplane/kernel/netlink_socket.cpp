// SPDX-License-Identifier: Apache-2.0
#include "dataplane/kernel/netlink_socket.h"

#include <fmt/format.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <stdexcept>

namespace heartgate::dataplane {

namespace {

int call_handler(const nlmsghdr* message, void* handler) {
    (*static_cast<const NetlinkSocket::Handler*>(handler))(*message);
    return MNL_CB_OK;
}

}  // namespace

NetlinkSocket::NetlinkSocket(unsigned groups) : socket_{mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC)} {
    if (!socket_ || mnl_socket_bind(socket_.get(), groups, MNL_SOCKET_AUTOPID) < 0) {
        throw std::runtime_error{
            fmt::format("netlink socket: {}; is NETLINK_ROUTE permitted here?", std::strerror(errno))};
    }
    // Bursts of notifications; losing some costs a full dump.
    const int size = 4 << 20;
    if (groups != 0 && setsockopt(descriptor(), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)) != 0) {
        setsockopt(descriptor(), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));  // without CAP_NET_ADMIN; best effort
    }
}

int NetlinkSocket::send(NetlinkRequest& request) noexcept {
    request.header()->nlmsg_seq = ++sequence_;
    return mnl_socket_sendto(socket_.get(), request.header(), request.header()->nlmsg_len) < 0 ? errno : 0;
}

int NetlinkSocket::collect(std::uint32_t sequence, const Handler& handler, int flags) {
    for (;;) {
        const ssize_t size = recv(descriptor(), buffer_.data(), buffer_.size(), flags);
        if (size < 0) {
            if (errno == EINTR) continue;
            return errno;
        }
        auto* data = const_cast<void*>(static_cast<const void*>(&handler));
        const int result = mnl_cb_run(buffer_.data(), static_cast<std::size_t>(size), sequence, 0, &call_handler, data);
        // EPROTO: another sequence number, the late answer to an earlier request.
        if (result == MNL_CB_ERROR && errno != EPROTO) return errno;
        if (result == MNL_CB_STOP) return 0;
    }
}

int NetlinkSocket::request(NetlinkRequest& request) noexcept {
    request.header()->nlmsg_flags |= NLM_F_ACK;
    if (const int failure = send(request)) return failure;
    return collect(
        sequence_, [](const nlmsghdr&) {}, 0);
}

int NetlinkSocket::dump(NetlinkRequest& request, const Handler& handler) {
    request.header()->nlmsg_flags |= NLM_F_DUMP;
    if (const int failure = send(request)) return failure;
    return collect(sequence_, handler, 0);
}

int NetlinkSocket::receive(const Handler& handler) {
    const int result = collect(0, handler, MSG_DONTWAIT);
    return result == EAGAIN ? 0 : result;
}

}  // namespace heartgate::dataplane
