// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/listener/fake_daemon.h"

#include <arpa/inet.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <chrono>
#include <cstring>
#include <stdexcept>

namespace heartgate::testing {

FakeDaemon::FakeDaemon(std::string socket_path, std::vector<v1::DaemonToListener> greeting)
    : path_(std::move(socket_path)), greeting_(std::move(greeting)) {}

FakeDaemon::~FakeDaemon() { go(); }

void FakeDaemon::come() {
    unlink(path_.c_str());
    listening_ = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    if (bind(listening_, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 ||
        listen(listening_, 1) != 0)
        throw std::runtime_error("fake daemon cannot listen on " + path_);
    {
        const std::lock_guard lock(mutex_);
        heard_.clear();
    }
    thread_ = std::thread([this] { serve(); });
}

void FakeDaemon::go() {
    if (!thread_.joinable()) return;
    shutdown(listening_, SHUT_RDWR);
    {
        const std::lock_guard lock(mutex_);
        if (connection_ >= 0) shutdown(connection_, SHUT_RDWR);
    }
    thread_.join();
    close(listening_);
    unlink(path_.c_str());
}

void FakeDaemon::on_message(std::function<void(const v1::ListenerToDaemon&)> handler) { handler_ = std::move(handler); }

void FakeDaemon::send(const v1::DaemonToListener& message) {
    const std::string body = message.SerializeAsString();
    const std::uint32_t length = htonl(static_cast<std::uint32_t>(body.size()));
    const std::string frame = std::string(reinterpret_cast<const char*>(&length), sizeof length) + body;
    const std::lock_guard lock(mutex_);
    if (::send(connection_, frame.data(), frame.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(frame.size()))
        throw std::runtime_error("fake daemon cannot send");
}

v1::ListenerToDaemon FakeDaemon::wait_for(const Predicate& predicate) {
    std::unique_lock lock(mutex_);
    const v1::ListenerToDaemon* found = nullptr;
    const bool in_time = changed_.wait_for(lock, std::chrono::seconds(5), [&] {
        for (const auto& message : heard_) {
            if (predicate(message)) found = &message;
        }
        return found != nullptr;
    });
    if (!in_time) throw std::runtime_error("the listener did not say what was expected within five seconds");
    return *found;
}

std::vector<v1::ListenerToDaemon> FakeDaemon::heard() {
    const std::lock_guard lock(mutex_);
    return heard_;
}

void FakeDaemon::serve() {
    const int connection = accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) return;
    {
        const std::lock_guard lock(mutex_);
        connection_ = connection;
    }
    for (const auto& message : greeting_) send(message);
    const auto read_all = [connection](void* to, std::size_t size) {
        return recv(connection, to, size, MSG_WAITALL) == static_cast<ssize_t>(size);
    };
    std::uint32_t length = 0;
    while (read_all(&length, sizeof length)) {
        std::string body(ntohl(length), '\0');
        v1::ListenerToDaemon message;
        if (!read_all(body.data(), body.size()) || !message.ParseFromString(body)) break;
        if (handler_) handler_(message);
        const std::lock_guard lock(mutex_);
        heard_.push_back(std::move(message));
        changed_.notify_all();
    }
    const std::lock_guard lock(mutex_);
    close(connection);
    connection_ = -1;
}

}  // namespace heartgate::testing
