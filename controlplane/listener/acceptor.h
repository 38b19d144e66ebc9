// SPDX-License-Identifier: Apache-2.0
// Accepts TCP connections and hands them to gRPC, so that limits hold before any handshake and the addresses need not
// be assigned yet when the program starts. One thread of its own: a flood of connections delays no heartbeat.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "controlplane/common/error.h"

namespace heartgate::control::listener {

struct AcceptorLimits {
    std::uint32_t connections = 0;
    std::uint32_t connections_per_source = 0;
};

class Acceptor {
public:
    // Takes the descriptor over. Called on the acceptor's thread.
    using Handler = std::function<void(int descriptor)>;
    // "too many connections" with the peer in gRPC's spelling. Called on the acceptor's thread.
    using RefusedHandler = std::function<void(std::string_view cause, const std::string& peer)>;

    // Binds, without listening yet. The error says which address and why.
    static Expected<std::unique_ptr<Acceptor>> bind(const std::vector<std::string>& addresses, std::uint16_t port,
                                                    AcceptorLimits limits);
    Acceptor(const Acceptor&) = delete;
    Acceptor& operator=(const Acceptor&) = delete;
    ~Acceptor();

    Expected<void> start(Handler handler, RefusedHandler refused);
    void stop();  // joins the thread; open connections stay

    [[nodiscard]] std::uint16_t port() const { return port_; }  // of the first address

private:
    // A connection that gRPC has: a duplicate of its descriptor, whose hang-up tells that gRPC has closed it.
    struct Connection {
        std::string source;
    };

    explicit Acceptor(AcceptorLimits limits) : limits_(limits) {}
    void run();
    void accept_from(int listening);
    void take(int descriptor);
    void forget(int duplicate);

    AcceptorLimits limits_;
    std::vector<int> listening_;
    std::uint16_t port_ = 0;
    int epoll_ = -1;
    int stop_event_ = -1;
    Handler handler_;
    RefusedHandler refused_;
    std::unordered_map<int, Connection> connections_;  // by duplicate descriptor
    std::unordered_map<std::string, std::uint32_t> per_source_;
    std::thread thread_;
};

}  // namespace heartgate::control::listener
