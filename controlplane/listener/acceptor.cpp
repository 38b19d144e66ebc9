// SPDX-License-Identifier: Apache-2.0
#include "controlplane/listener/acceptor.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <spdlog/spdlog.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <cerrno>
#include <cstring>

namespace heartgate::control::listener {
namespace {

using boost::asio::ip::tcp;

constexpr int kBacklog = 1024;
constexpr int kDeadPeerMs = 30'000;  // a peer that acknowledges nothing for so long is gone

tl::unexpected<Error> failed(const std::string& address, std::uint16_t port, std::string_view doing) {
    const int code = errno;
    return error(
        ErrorKind::kUnavailable,
        fmt::format("cannot {} {} port {}: {}; correct listen or port in the configuration, or end what uses it", doing,
                    address, port, std::strerror(code)));
}

bool set_option(int descriptor, int level, int name, int value = 1) {
    return setsockopt(descriptor, level, name, &value, sizeof value) == 0;
}

std::string peer_of(int descriptor, std::string& source) {
    tcp::endpoint endpoint;
    auto size = static_cast<socklen_t>(endpoint.capacity());
    if (getpeername(descriptor, endpoint.data(), &size) != 0) return {};
    source = endpoint.address().to_string();
    return endpoint.address().is_v6() ? fmt::format("ipv6:[{}]:{}", source, endpoint.port())
                                      : fmt::format("ipv4:{}:{}", source, endpoint.port());
}

// Each connection takes two descriptors: as many as the system permits.
std::uint32_t permitted_connections(std::uint32_t wanted) {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return wanted;
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    constexpr rlim_t kOthers = 128;
    const rlim_t possible = limit.rlim_cur > 2 * kOthers ? (limit.rlim_cur - kOthers) / 2 : kOthers / 2;
    if (possible >= wanted) return wanted;
    spdlog::warn(
        "limits.connections: {} lowered to {}, since this process may open only {} files; raise it with LimitNOFILE",
        wanted, possible, limit.rlim_cur);
    return static_cast<std::uint32_t>(possible);
}

}  // namespace

Expected<std::unique_ptr<Acceptor>> Acceptor::bind(const std::vector<std::string>& addresses, std::uint16_t port,
                                                   AcceptorLimits limits) {
    limits.connections = permitted_connections(limits.connections);
    std::unique_ptr<Acceptor> acceptor(new Acceptor(limits));
    acceptor->epoll_ = epoll_create1(EPOLL_CLOEXEC);
    acceptor->stop_event_ = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    for (const std::string& address : addresses) {
        const tcp::endpoint wanted(boost::asio::ip::make_address(address), port);
        const bool six = wanted.address().is_v6();
        const int descriptor =
            socket(six ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP);
        if (descriptor < 0) return failed(address, port, "open a socket for");
        acceptor->listening_.push_back(descriptor);
        // The heartbeat address may be assigned after this program has started.
        if (!set_option(descriptor, SOL_SOCKET, SO_REUSEADDR) ||
            !(six ? set_option(descriptor, IPPROTO_IPV6, IPV6_FREEBIND) &&
                        set_option(descriptor, IPPROTO_IPV6, IPV6_V6ONLY)
                  : set_option(descriptor, IPPROTO_IP, IP_FREEBIND)) ||
            ::bind(descriptor, wanted.data(), static_cast<socklen_t>(wanted.size())) != 0)
            return failed(address, port, "listen on");
        if (acceptor->port_ != 0) continue;
        tcp::endpoint bound;
        auto size = static_cast<socklen_t>(bound.capacity());
        if (getsockname(descriptor, bound.data(), &size) != 0) return failed(address, port, "listen on");
        acceptor->port_ = bound.port();
    }
    return acceptor;
}

Acceptor::~Acceptor() {
    stop();
    for (const int descriptor : listening_) close(descriptor);
    for (const auto& [duplicate, connection] : connections_) close(duplicate);
    if (epoll_ >= 0) close(epoll_);
    if (stop_event_ >= 0) close(stop_event_);
}

Expected<void> Acceptor::start(Handler handler, RefusedHandler refused) {
    handler_ = std::move(handler);
    refused_ = std::move(refused);
    const auto watch = [this](int descriptor) {
        epoll_event event{.events = EPOLLIN, .data = {.fd = descriptor}};
        return epoll_ctl(epoll_, EPOLL_CTL_ADD, descriptor, &event) == 0;
    };
    if (!watch(stop_event_)) return failed("stop event,", port_, "watch");
    for (const int descriptor : listening_) {
        // Two programs may bind one port, but only one may listen.
        if (listen(descriptor, kBacklog) != 0 || !watch(descriptor))
            return failed("a configured address,", port_, "listen on");
    }
    thread_ = std::thread([this] { run(); });
    return {};
}

void Acceptor::stop() {
    if (!thread_.joinable()) return;
    const std::uint64_t one = 1;
    [[maybe_unused]] const auto written = write(stop_event_, &one, sizeof one);  // cannot fail for a fresh eventfd
    thread_.join();
}

void Acceptor::run() {
    std::array<epoll_event, 64> events{};
    for (;;) {
        const int count = epoll_wait(epoll_, events.data(), static_cast<int>(events.size()), -1);
        for (int i = 0; i < count; ++i) {
            const int descriptor = events[static_cast<std::size_t>(i)].data.fd;
            if (descriptor == stop_event_) return;
            if (std::ranges::find(listening_, descriptor) != listening_.end())
                accept_from(descriptor);
            else
                forget(descriptor);
        }
    }
}

void Acceptor::accept_from(int listening) {
    for (int i = 0; i < 64; ++i) {  // then the others have their turn
        const int descriptor = accept4(listening, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (descriptor >= 0) {
            take(descriptor);
        } else if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM) {
            // The limits keep this from happening; if the system as a whole is short, do not spin.
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
            return;
        } else if (errno != EINTR && errno != ECONNABORTED) {
            return;
        }
    }
}

void Acceptor::take(int descriptor) {
    std::string source;
    const std::string peer = peer_of(descriptor, source);
    if (peer.empty()) {  // already gone
        close(descriptor);
        return;
    }
    const bool total = connections_.size() >= limits_.connections;
    const auto from_source = per_source_.find(source);
    if (total || (from_source != per_source_.end() && from_source->second >= limits_.connections_per_source)) {
        close(descriptor);
        refused_(total ? "too many connections" : "too many connections from one source", peer);
        return;
    }
    set_option(descriptor, IPPROTO_TCP, TCP_NODELAY);
    set_option(descriptor, IPPROTO_TCP, TCP_USER_TIMEOUT, kDeadPeerMs);
    // gRPC shuts a connection down before it closes its descriptor, so the duplicate gets a hang-up. No other events
    // are asked for: traffic does not wake this thread.
    const int duplicate = fcntl(descriptor, F_DUPFD_CLOEXEC, 0);
    epoll_event event{.events = 0, .data = {.fd = duplicate}};
    if (duplicate < 0 || epoll_ctl(epoll_, EPOLL_CTL_ADD, duplicate, &event) != 0) {
        if (duplicate >= 0) close(duplicate);
        close(descriptor);
        refused_("out of file descriptors", peer);
        return;
    }
    connections_.emplace(duplicate, Connection{source});
    ++per_source_[source];
    handler_(descriptor);
}

void Acceptor::forget(int duplicate) {
    const auto found = connections_.find(duplicate);
    if (found == connections_.end()) return;
    if (const auto source = per_source_.find(found->second.source);
        source != per_source_.end() && --source->second == 0)
        per_source_.erase(source);
    connections_.erase(found);
    epoll_ctl(epoll_, EPOLL_CTL_DEL, duplicate, nullptr);
    close(duplicate);
}

}  // namespace heartgate::control::listener
