// SPDX-License-Identifier: Apache-2.0
// heartgated's end of listener.sock, as far as the listener's tests need it: keeps what it hears, says what it is told,
// and can go away and come back.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "heartgate/v1/listener.pb.h"

namespace heartgate::testing {

class FakeDaemon {
public:
    // `greeting` is sent to each new connection.
    FakeDaemon(std::string socket_path, std::vector<v1::DaemonToListener> greeting);
    FakeDaemon(const FakeDaemon&) = delete;
    FakeDaemon& operator=(const FakeDaemon&) = delete;
    ~FakeDaemon();

    void come();  // begins to listen; forgets what it has heard before
    void go();    // closes everything, as SIGKILL would

    void send(const v1::DaemonToListener& message);
    // Called on the daemon's thread with each message.
    void on_message(std::function<void(const v1::ListenerToDaemon&)> handler);

    using Predicate = std::function<bool(const v1::ListenerToDaemon&)>;
    // Waits at most five seconds for a message like this since come(). Fails the test (by exception) without one.
    v1::ListenerToDaemon wait_for(const Predicate& predicate);
    std::vector<v1::ListenerToDaemon> heard();

private:
    void serve();

    std::string path_;
    std::vector<v1::DaemonToListener> greeting_;
    std::function<void(const v1::ListenerToDaemon&)> handler_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<v1::ListenerToDaemon> heard_;
    int listening_ = -1;
    int connection_ = -1;
    std::thread thread_;
};

}  // namespace heartgate::testing
