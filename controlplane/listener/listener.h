// SPDX-License-Identifier: Apache-2.0
// The program's parts put together: relay, server and acceptor on one event loop.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>

#include "controlplane/listener/acceptor.h"
#include "controlplane/listener/config.h"
#include "controlplane/listener/relay.h"
#include "controlplane/listener/server.h"
#include "controlplane/listener/trust_holder.h"

namespace heartgate::control::listener {

class Listener {
public:
    // Binds the addresses; endpoints are accepted once heartgated has given certificate and trust.
    static Expected<std::unique_ptr<Listener>> create(const ListenerConfig& config);
    ~Listener();

    // Runs until stop(). The callback runs once, when endpoints are accepted. An error if serving is not possible.
    Expected<void> run(const std::function<void()>& ready = {});
    void stop();  // from any thread

    [[nodiscard]] std::uint16_t port() const { return acceptor_->port(); }

private:
    Listener(const ListenerConfig& config, std::unique_ptr<Acceptor> acceptor);
    void on_identity(const v1::ListenerIdentity& identity);
    void fail(Error problem);

    boost::asio::io_context loop_{1};
    TrustHolder trust_;
    Relay relay_;
    Server server_;
    std::unique_ptr<Acceptor> acceptor_;
    std::function<void()> ready_;
    Expected<void> result_;
};

}  // namespace heartgate::control::listener
