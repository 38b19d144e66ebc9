// SPDX-License-Identifier: Apache-2.0
// The HTTP server of the page (Boost.Beast). Whatever a client asks for, with whatever method, host and path, it gets
// the same page and is closed: there is nothing to reach through it. Bounded in connections, header size and time.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <map>
#include <string>

#include "controlplane/common/error.h"

namespace heartgate::control::page {

class PageServer {
public:
    static constexpr unsigned kMostConnections = 256;
    static constexpr unsigned kMostPerMachine = 8;
    static constexpr std::uint32_t kMostHeader = 8192;  // bytes

    PageServer(boost::asio::io_context& loop, std::string daemon_socket);
    PageServer(const PageServer&) = delete;
    PageServer& operator=(const PageServer&) = delete;

    // `address`: need not be assigned yet. `port`: 0 for any free one.
    [[nodiscard]] Expected<void> listen(const std::string& address, std::uint16_t port);
    [[nodiscard]] std::uint16_t port() const;
    void stop();

private:
    friend class Connection;

    void accept();
    [[nodiscard]] bool admit(const boost::asio::ip::address& machine);
    void left(const boost::asio::ip::address& machine);

    boost::asio::io_context& loop_;
    const std::string daemon_socket_;
    boost::asio::ip::tcp::acceptor acceptor_;
    std::map<boost::asio::ip::address, unsigned> connections_;
    unsigned total_ = 0;
};

}  // namespace heartgate::control::page
