// SPDX-License-Identifier: Apache-2.0
#include "controlplane/common/framed_socket.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>
#include <cstdint>
#include <cstring>

namespace heartgate::control {
namespace {

constexpr std::size_t kLength = 4;
constexpr std::size_t kStartBytes = 64UL << 10U;

}  // namespace

FramedSocket::FramedSocket(Socket socket, std::size_t most_bytes, std::size_t most_queued)
    : socket_{std::move(socket)}, most_bytes_{most_bytes}, most_queued_{most_queued}, received_(kStartBytes, '\0') {}

void FramedSocket::start(OnFrame on_frame, OnClosed on_closed) {
    on_frame_ = std::move(on_frame);
    on_closed_ = std::move(on_closed);
    receive();
}

void FramedSocket::send(std::string_view message) {
    if (!open_) return;
    if (queued_.size() + message.size() > most_queued_) {
        fail(fmt::format("the other side does not read: {} bytes are waiting", queued_.size()));
        return;
    }
    const std::uint32_t length = htonl(static_cast<std::uint32_t>(message.size()));
    queued_.append(reinterpret_cast<const char*>(&length), kLength);
    queued_.append(message);
    if (writing_.empty()) write();
}

void FramedSocket::close() {
    open_ = false;
    boost::system::error_code ignored;
    socket_.close(ignored);
}

void FramedSocket::receive() {
    socket_.async_read_some(
        boost::asio::buffer(received_.data() + filled_, received_.size() - filled_),
        [self = shared_from_this()](const boost::system::error_code& failure, std::size_t bytes) {
            if (!self->open_) return;
            if (failure) {
                self->fail(failure == boost::asio::error::eof ? "closed by the other side" : failure.message());
                return;
            }
            self->filled_ += bytes;
            if (self->take_frames()) self->receive();
        });
}

// False if the connection ended meanwhile.
bool FramedSocket::take_frames() {
    std::size_t position = 0;
    while (filled_ - position >= kLength) {
        std::uint32_t length = 0;
        std::memcpy(&length, received_.data() + position, kLength);
        length = ntohl(length);
        if (length > most_bytes_) {
            fail(fmt::format("a message of {} bytes; allowed: {}", length, most_bytes_));
            return false;
        }
        if (filled_ - position - kLength < length) {
            if (received_.size() < kLength + length) received_.resize(kLength + length);
            break;
        }
        on_frame_(std::string_view{received_}.substr(position + kLength, length));
        if (!open_) return false;
        position += kLength + length;
    }
    std::memmove(received_.data(), received_.data() + position, filled_ - position);
    filled_ -= position;
    return true;
}

void FramedSocket::write() {
    writing_.swap(queued_);
    boost::asio::async_write(socket_, boost::asio::buffer(writing_),
                             [self = shared_from_this()](const boost::system::error_code& failure, std::size_t) {
                                 if (!self->open_) return;
                                 if (failure) {
                                     self->fail(failure.message());
                                     return;
                                 }
                                 self->writing_.clear();
                                 if (!self->queued_.empty()) self->write();
                             });
}

void FramedSocket::fail(const std::string& why) {
    if (!open_) return;
    close();
    if (on_closed_) on_closed_(why);
}

}  // namespace heartgate::control
