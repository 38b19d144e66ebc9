// SPDX-License-Identifier: Apache-2.0
#include "controlplane/listener/listener.h"

#include <spdlog/spdlog.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <thread>

namespace heartgate::control::listener {

Expected<std::unique_ptr<Listener>> Listener::create(const ListenerConfig& config) {
    auto acceptor =
        Acceptor::bind(config.listen, config.port, {config.max_connections, config.max_connections_per_source});
    if (!acceptor) return tl::unexpected(acceptor.error());
    return std::unique_ptr<Listener>(new Listener(config, std::move(*acceptor)));
}

Listener::Listener(const ListenerConfig& config, std::unique_ptr<Acceptor> acceptor)
    : relay_(loop_, config.daemon_socket, trust_), server_(relay_, trust_), acceptor_(std::move(acceptor)) {}

Listener::~Listener() = default;

Expected<void> Listener::run(const std::function<void()>& ready) {
    ready_ = ready;
    const auto work = boost::asio::make_work_guard(loop_);
    boost::asio::post(
        loop_, [this] { relay_.start([this](const v1::ListenerIdentity& identity) { on_identity(identity); }); });
    loop_.run();
    acceptor_->stop();
    relay_.stop();
    // Calls that came in meanwhile are posted to the loop and must be answered there before the server can end.
    loop_.restart();
    std::thread closing([this] {
        server_.shut_down();
        loop_.stop();
    });
    loop_.run();
    closing.join();
    return result_;
}

void Listener::stop() { loop_.stop(); }

void Listener::fail(Error problem) {
    result_ = tl::unexpected(std::move(problem));
    loop_.stop();
}

void Listener::on_identity(const v1::ListenerIdentity& identity) {
    const bool first = !server_.running();
    if (auto served = server_.serve_as(identity); !served) {
        if (first) return fail(served.error());
        return spdlog::error("new certificate not taken: {}", served.error().message);
    }
    if (!first) return;
    const std::uint64_t now = monotonic_ns();
    const auto started = acceptor_->start([this](int descriptor) { server_.take(descriptor); },
                                          [this](std::string_view cause, const std::string& peer) {
                                              relay_.refused(std::string(cause), {}, parse_peer(peer), {});
                                          });
    if (!started) return fail(started.error());
    spdlog::info("ready: endpoints are accepted on port {}", acceptor_->port());
    relay_.serving(now);
    if (ready_) ready_();
}

}  // namespace heartgate::control::listener
