// SPDX-License-Identifier: Apache-2.0
// A UNIX stream socket that carries messages, each preceded by its length (4 bytes, network order), on an Asio loop.
// What the bytes of a message mean is the caller's.
#pragma once

#include <boost/asio/local/stream_protocol.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace heartgate::control {

class FramedSocket : public std::enable_shared_from_this<FramedSocket> {
public:
    using Socket = boost::asio::local::stream_protocol::socket;
    using OnFrame = std::function<void(std::string_view)>;
    using OnClosed = std::function<void(const std::string& why)>;

    // `most_bytes`: the longest message taken from the other side. `most_queued`: bytes that may wait to be sent; a
    // peer that does not read is closed then.
    FramedSocket(Socket socket, std::size_t most_bytes, std::size_t most_queued);

    // Both run on the loop. `on_closed` comes once, not after close(); nothing comes after it.
    void start(OnFrame on_frame, OnClosed on_closed);
    void send(std::string_view message);
    void close();
    [[nodiscard]] bool open() const { return open_; }

private:
    void receive();
    [[nodiscard]] bool take_frames();
    void write();
    void fail(const std::string& why);

    Socket socket_;
    std::size_t most_bytes_;
    std::size_t most_queued_;
    OnFrame on_frame_;
    OnClosed on_closed_;
    std::string received_;  // the first `filled_` bytes are valid
    std::size_t filled_ = 0;
    std::string queued_;   // waits
    std::string writing_;  // is being sent
    bool open_ = true;
};

}  // namespace heartgate::control
