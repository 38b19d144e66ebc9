// SPDX-License-Identifier: Apache-2.0
#include "controlplane/page/daemon_question.h"

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <memory>
#include <utility>

#include "controlplane/common/framed_socket.h"

namespace heartgate::control::page {
namespace {

constexpr std::size_t kMostBytes = 16UL << 10U;
constexpr std::chrono::seconds kPatience{2};

class Question : public std::enable_shared_from_this<Question> {
public:
    using Answer = std::function<void(std::optional<v1::PageAnswer>)>;

    Question(boost::asio::io_context& loop, Answer answer) : socket_{loop}, timer_{loop}, answer_{std::move(answer)} {}

    void start(const std::string& path, std::string question) {
        timer_.expires_after(kPatience);
        timer_.async_wait([self = shared_from_this()](const boost::system::error_code& failure) {
            if (!failure) self->end(std::nullopt);
        });
        socket_.async_connect({path}, [self = shared_from_this(),
                                       question = std::move(question)](const boost::system::error_code& failure) {
            if (failure) return self->end(std::nullopt);
            self->talk(question);
        });
    }

private:
    void talk(const std::string& question) {
        framed_ = std::make_shared<FramedSocket>(std::move(socket_), kMostBytes, kMostBytes);
        framed_->start(
            [self = shared_from_this()](std::string_view frame) {
                v1::PageAnswer answer;
                const bool fine = answer.ParseFromArray(frame.data(), static_cast<int>(frame.size()));
                self->end(fine ? std::optional{std::move(answer)} : std::nullopt);
            },
            [self = shared_from_this()](const std::string&) { self->end(std::nullopt); });
        framed_->send(question);
    }
    void end(std::optional<v1::PageAnswer> answer) {
        if (!answer_) return;
        const Answer call = std::exchange(answer_, nullptr);
        timer_.cancel();
        if (framed_) {
            framed_->close();
        } else {
            boost::system::error_code ignored;
            socket_.close(ignored);
        }
        call(std::move(answer));
    }

    FramedSocket::Socket socket_;
    boost::asio::steady_timer timer_;
    Answer answer_;
    std::shared_ptr<FramedSocket> framed_;
};

}  // namespace

void ask_daemon(boost::asio::io_context& loop, const std::string& socket_path, const boost::asio::ip::address& machine,
                std::function<void(std::optional<v1::PageAnswer>)> answer) {
    v1::PageQuestion question;
    if (machine.is_v4()) {
        const auto bytes = machine.to_v4().to_bytes();
        question.set_address(bytes.data(), bytes.size());
    } else {
        const auto bytes = machine.to_v6().to_bytes();
        question.set_address(bytes.data(), bytes.size());
    }
    std::make_shared<Question>(loop, std::move(answer))->start(socket_path, question.SerializeAsString());
}

}  // namespace heartgate::control::page
