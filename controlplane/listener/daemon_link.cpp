// SPDX-License-Identifier: Apache-2.0
#include "controlplane/listener/daemon_link.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>

#include "heartgate/v1/listener.pb.h"

namespace heartgate::control::listener {
namespace {

constexpr std::size_t kMaxFrame = 128UL * 1024;
constexpr std::size_t kMaxBacklog = 256UL * 1024 * 1024;  // a replay of 50,000 streams is about 50 MB
constexpr std::chrono::milliseconds kRetry{200};

}  // namespace

DaemonLink::DaemonLink(boost::asio::io_context& loop, std::string socket_path, Handlers handlers)
    : loop_(loop), path_(std::move(socket_path)), handlers_(std::move(handlers)), socket_(loop), retry_(loop) {}

void DaemonLink::start() { connect(); }

void DaemonLink::stop() {
    stopped_ = true;
    connected_ = false;
    ++connection_;
    boost::system::error_code ignored;
    socket_.close(ignored);
    retry_.cancel();
}

void DaemonLink::connect() {
    if (stopped_) return;
    const std::uint64_t connection = ++connection_;
    socket_ = boost::asio::local::stream_protocol::socket(loop_);
    socket_.async_connect({path_}, [this, connection](const boost::system::error_code& problem) {
        if (connection != connection_) return;
        if (problem) {
            if (!waiting_was_logged_)
                spdlog::info("waiting for heartgated at {} ({}); start heartgated, or correct daemon_socket", path_,
                             problem.message());
            waiting_was_logged_ = true;
            return try_later();
        }
        spdlog::info("connected to heartgated at {}", path_);
        waiting_was_logged_ = false;
        connected_ = true;
        read_length();
        handlers_.connected();
    });
}

void DaemonLink::try_later() {
    retry_.expires_after(kRetry);
    retry_.async_wait([this](const boost::system::error_code& problem) {
        if (!problem) connect();
    });
}

void DaemonLink::drop(const std::string& why) {
    spdlog::warn("connection to heartgated lost: {}; streams stay open, connecting again", why);
    boost::system::error_code ignored;
    socket_.close(ignored);
    ++connection_;
    connected_ = false;
    writing_ = false;
    queued_.clear();
    queued_.shrink_to_fit();
    waiting_was_logged_ = true;  // the line above says it
    handlers_.lost();
    try_later();
}

void DaemonLink::read_length() {
    boost::asio::async_read(socket_, boost::asio::buffer(length_),
                            [this, connection = connection_](const boost::system::error_code& problem, std::size_t) {
                                if (connection != connection_) return;
                                if (problem) return drop(problem.message());
                                const std::size_t size = (std::size_t{length_[0]} << 24) |
                                                         (std::size_t{length_[1]} << 16) |
                                                         (std::size_t{length_[2]} << 8) | std::size_t{length_[3]};
                                if (size > kMaxFrame)
                                    return drop(fmt::format("frame of {} bytes; allowed are {}", size, kMaxFrame));
                                read_body(size);
                            });
}

void DaemonLink::read_body(std::size_t size) {
    body_.resize(size);
    boost::asio::async_read(socket_, boost::asio::buffer(body_),
                            [this, connection = connection_](const boost::system::error_code& problem, std::size_t) {
                                if (connection != connection_) return;
                                if (problem) return drop(problem.message());
                                v1::DaemonToListener message;
                                if (!message.ParseFromString(body_)) return drop("a message could not be parsed");
                                handlers_.received(std::move(message));
                                if (connection == connection_) read_length();
                            });
}

void DaemonLink::send(const v1::ListenerToDaemon& message) {
    if (!connected_) return;
    const std::size_t size = message.ByteSizeLong();
    if (size > kMaxFrame) {  // a heartbeat is at most half of this
        spdlog::error("a message of {} bytes to heartgated was dropped; allowed are {}", size, kMaxFrame);
        return;
    }
    if (queued_.size() > kMaxBacklog) return drop("it has not read for too long");
    for (const int shift : {24, 16, 8, 0}) queued_ += static_cast<char>((size >> shift) & 0xFF);
    message.AppendToString(&queued_);
    if (!writing_) flush();
}

void DaemonLink::flush() {
    writing_ = true;
    // A write of an older connection may still hold the old buffer until its completion has run; it was cancelled by
    // close(), so the kernel no longer reads from it.
    in_flight_.swap(queued_);
    queued_.clear();
    boost::asio::async_write(socket_, boost::asio::buffer(in_flight_),
                             [this, connection = connection_](const boost::system::error_code& problem, std::size_t) {
                                 if (connection != connection_) return;
                                 if (problem) return drop(problem.message());
                                 writing_ = false;
                                 in_flight_.clear();
                                 if (!queued_.empty()) flush();
                             });
}

}  // namespace heartgate::control::listener
