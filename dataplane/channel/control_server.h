// SPDX-License-Identifier: Apache-2.0
// The UNIX socket on which heartgated loads policies and asks questions: connections, frames, one request and one reply
// at a time on each. What a request means is control_requests.h's.
#pragma once

#include <boost/asio/io_context.hpp>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

namespace heartgate::v1 {
class DataplaneReply;
class DataplaneRequest;
}  // namespace heartgate::v1

namespace heartgate::dataplane {

class ControlServer {
public:
    static constexpr std::size_t kMostConnections = 16;

    struct Handler {
        virtual ~Handler() = default;
        // `connection`: never used twice.
        [[nodiscard]] virtual v1::DataplaneReply answer(const v1::DataplaneRequest& request,
                                                        std::uint64_t connection) = 0;
        virtual void closed(std::uint64_t connection) = 0;
    };

    // Listens at `path` (mode 0600), in whose place there may be a socket of a process that is gone; makes its folder.
    // All work is done in `loop`, `handler` called in it. Throws std::runtime_error with a sentence.
    ControlServer(boost::asio::io_context& loop, const std::string& path, Handler& handler);
    ~ControlServer();  // closes all connections and removes the socket
    ControlServer(const ControlServer&) = delete;
    ControlServer& operator=(const ControlServer&) = delete;

private:
    class Implementation;
    std::shared_ptr<Implementation> implementation_;
};

}  // namespace heartgate::dataplane
