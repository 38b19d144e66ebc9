// SPDX-License-Identifier: Apache-2.0
// The connection to heartgated: a UNIX stream socket with frames of 4 bytes length (network order) and a message.
// Connects, and connects again for as long as the program lives; what is to be said after a reconnect is the owner's.
#pragma once

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

namespace heartgate::v1 {
class ListenerToDaemon;
class DaemonToListener;
}  // namespace heartgate::v1

namespace heartgate::control::listener {

// Used from the event loop's thread only.
class DaemonLink {
public:
    struct Handlers {
        std::function<void()> connected;
        std::function<void()> lost;
        std::function<void(v1::DaemonToListener&&)> received;
    };

    DaemonLink(boost::asio::io_context& loop, std::string socket_path, Handlers handlers);

    void start();
    void stop();
    [[nodiscard]] bool connected() const { return connected_; }

    // Queues a message; without a connection it is dropped. A heartgated that does not read for so long that the queue
    // outgrows its bound is left and connected to anew: the replay then holds each stream once.
    void send(const v1::ListenerToDaemon& message);

private:
    void connect();
    void try_later();
    void drop(const std::string& why);
    void read_length();
    void read_body(std::size_t size);
    void flush();

    boost::asio::io_context& loop_;
    std::string path_;
    Handlers handlers_;
    boost::asio::local::stream_protocol::socket socket_;
    boost::asio::steady_timer retry_;
    std::uint64_t connection_ = 0;  // grows with each; completions of an older one are ignored
    bool connected_ = false;
    bool stopped_ = false;
    bool waiting_was_logged_ = false;
    bool writing_ = false;
    std::array<unsigned char, 4> length_{};
    std::string body_;
    std::string queued_;  // frames behind the ones in flight
    std::string in_flight_;
};

}  // namespace heartgate::control::listener
