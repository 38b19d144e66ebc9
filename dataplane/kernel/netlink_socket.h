// SPDX-License-Identifier: Apache-2.0
// A routing netlink socket over libmnl: requests with their acknowledgement, dumps, notifications.
#pragma once

#include <libmnl/libmnl.h>

#include <array>
#include <cstdint>
#include <functional>
#include <memory>

namespace heartgate::dataplane {

// A request under construction: header, family header, attributes.
class NetlinkRequest {
public:
    NetlinkRequest(std::uint16_t type, std::uint16_t flags) noexcept : header_{mnl_nlmsg_put_header(buffer_.data())} {
        header_->nlmsg_type = type;
        header_->nlmsg_flags = static_cast<std::uint16_t>(NLM_F_REQUEST | flags);
    }
    NetlinkRequest(const NetlinkRequest&) = delete;
    NetlinkRequest& operator=(const NetlinkRequest&) = delete;

    template <class Body>
    Body& body() noexcept {
        return *static_cast<Body*>(mnl_nlmsg_put_extra_header(header_, sizeof(Body)));
    }
    void attribute(std::uint16_t type, const void* data, std::size_t size) noexcept {
        mnl_attr_put(header_, type, size, data);
    }
    [[nodiscard]] nlmsghdr* header() noexcept { return header_; }

private:
    alignas(nlmsghdr) std::array<char, 512> buffer_{};
    nlmsghdr* header_;
};

class NetlinkSocket {
public:
    using Handler = std::function<void(const nlmsghdr&)>;

    // `groups`: RTMGRP_* to be notified of, 0: none. In the calling thread's network namespace. Throws
    // std::runtime_error.
    explicit NetlinkSocket(unsigned groups);

    [[nodiscard]] int descriptor() const noexcept { return mnl_socket_get_fd(socket_.get()); }

    // Sends with NLM_F_ACK and waits for the answer: 0 or an errno.
    int request(NetlinkRequest& request) noexcept;
    // Sends without waiting; 0 or an errno.
    int send(NetlinkRequest& request) noexcept;
    // Asks for a dump and hands each message over, 0 or an errno; EINTR: it changed meanwhile, ask again.
    int dump(NetlinkRequest& request, const Handler& handler);
    // Hands over what has arrived, without waiting: 0, EAGAIN: nothing, ENOBUFS: notifications were lost.
    int receive(const Handler& handler);

private:
    int collect(std::uint32_t sequence, const Handler& handler, int flags);

    struct Close {
        void operator()(mnl_socket* socket) const noexcept { mnl_socket_close(socket); }
    };
    std::unique_ptr<mnl_socket, Close> socket_;
    std::uint32_t sequence_ = 0;
    alignas(nlmsghdr) std::array<char, 32768> buffer_{};
};

}  // namespace heartgate::dataplane
