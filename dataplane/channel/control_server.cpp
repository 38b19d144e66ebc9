// SPDX-License-Identifier: Apache-2.0
#include "dataplane/channel/control_server.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/stat.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <filesystem>
#include <map>
#include <stdexcept>
#include <utility>
#include <vector>

#include "dataplane/channel/frame.h"
#include "heartgate/v1/dataplane.pb.h"

namespace heartgate::dataplane {
namespace {

using boost::asio::local::stream_protocol;
using boost::system::error_code;

struct Connection {
    explicit Connection(stream_protocol::socket peer) : socket{std::move(peer)} {}

    stream_protocol::socket socket;
    FrameHeader header{};
    std::vector<char> request;
    FrameHeader reply_header{};
    std::string reply;
};

}  // namespace

class ControlServer::Implementation : public std::enable_shared_from_this<Implementation> {
public:
    Implementation(boost::asio::io_context& loop, std::string path, Handler& handler)
        : path_{std::move(path)}, handler_{handler}, acceptor_{loop} {
        try {
            std::filesystem::create_directories(std::filesystem::path{path_}.parent_path());
            // Another dataplane that runs would have been found before (port/instance.h).
            if (std::filesystem::is_socket(path_)) std::filesystem::remove(path_);
            acceptor_.open();
            const mode_t mask = umask(0177);
            error_code error;
            acceptor_.bind(stream_protocol::endpoint{path_}, error);
            umask(mask);
            if (error) throw std::runtime_error{error.message()};
            acceptor_.listen();
        } catch (const std::exception& problem) {
            throw std::runtime_error{fmt::format(
                "control socket {}: {}; change control_socket, or remove what is there", path_, problem.what())};
        }
    }

    void accept() {
        acceptor_.async_accept([self = shared_from_this()](error_code error, stream_protocol::socket peer) {
            if (error == boost::asio::error::operation_aborted) return;
            if (!error) self->begin(std::move(peer));
            self->accept();
        });
    }

    void end() {
        error_code ignored;
        acceptor_.close(ignored);
        std::error_code none;
        std::filesystem::remove(path_, none);
        while (!connections_.empty()) close(connections_.begin()->first);
    }

private:
    void begin(stream_protocol::socket peer) {
        if (connections_.size() >= kMostConnections) {
            spdlog::warn("control socket: a connection beyond the {} allowed was closed", kMostConnections);
            return;
        }
        const std::uint64_t id = ++last_id_;
        connections_.emplace(id, std::make_shared<Connection>(std::move(peer)));
        read_header(id);
    }

    void close(std::uint64_t id) {
        const auto found = connections_.find(id);
        if (found == connections_.end()) return;
        error_code ignored;
        found->second->socket.close(ignored);
        connections_.erase(found);
        handler_.closed(id);
    }

    // Each step keeps the connection alive by itself and stops if it was closed meanwhile.
    template <typename Next>
    auto then(std::uint64_t id, Next step) {
        return [self = shared_from_this(), connection = connections_.at(id), id, step](error_code error, std::size_t) {
            if (self->connections_.count(id) == 0) return;
            if (error) {
                self->close(id);
            } else {
                (self.get()->*step)(id, *connection);
            }
        };
    }

    void read_header(std::uint64_t id) {
        Connection& connection = *connections_.at(id);
        boost::asio::async_read(connection.socket, boost::asio::buffer(connection.header),
                                then(id, &Implementation::read_request));
    }

    void read_request(std::uint64_t id, Connection& connection) {
        const std::uint32_t length = frame_length(connection.header);
        if (length > kMostFrameBytes) {
            refuse(id, connection, fmt::format("frame of {} bytes; allowed: at most {}", length, kMostFrameBytes));
            return;
        }
        connection.request.resize(length);
        boost::asio::async_read(connection.socket, boost::asio::buffer(connection.request),
                                then(id, &Implementation::answer));
    }

    void answer(std::uint64_t id, Connection& connection) {
        v1::DataplaneRequest request;
        if (!request.ParseFromArray(connection.request.data(), static_cast<int>(connection.request.size()))) {
            refuse(id, connection, "not a heartgate.v1.DataplaneRequest");
            return;
        }
        std::vector<char>{}.swap(connection.request);
        reply(id, connection, handler_.answer(request, id), &Implementation::next);
    }

    // What follows a bad frame cannot be trusted.
    void refuse(std::uint64_t id, Connection& connection, std::string why) {
        spdlog::warn("control socket: connection closed: {}", why);
        v1::DataplaneReply message;
        message.set_error(std::move(why));
        reply(id, connection, message, &Implementation::last);
    }

    template <typename Next>
    void reply(std::uint64_t id, Connection& connection, const v1::DataplaneReply& message, Next step) {
        connection.reply = message.SerializeAsString();
        connection.reply_header = frame_header(static_cast<std::uint32_t>(connection.reply.size()));
        const std::array<boost::asio::const_buffer, 2> buffers{boost::asio::buffer(connection.reply_header),
                                                               boost::asio::buffer(connection.reply)};
        boost::asio::async_write(connection.socket, buffers, then(id, step));
    }

    void next(std::uint64_t id, Connection&) { read_header(id); }
    void last(std::uint64_t id, Connection&) { close(id); }

    std::string path_;
    Handler& handler_;
    stream_protocol::acceptor acceptor_;
    std::map<std::uint64_t, std::shared_ptr<Connection>> connections_;
    std::uint64_t last_id_ = 0;
};

ControlServer::ControlServer(boost::asio::io_context& loop, const std::string& path, Handler& handler)
    : implementation_{std::make_shared<Implementation>(loop, path, handler)} {
    implementation_->accept();
}

ControlServer::~ControlServer() { implementation_->end(); }

}  // namespace heartgate::dataplane
