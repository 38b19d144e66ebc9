// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/dataplane_client.h"

#include <fmt/format.h>

namespace heartgate::control {
namespace {

constexpr std::size_t kMostBytes = 64UL << 20U;

}  // namespace

void DataplaneClient::connect(std::function<void()> connected, std::function<void(const std::string&)> closed) {
    auto socket = std::make_shared<FramedSocket::Socket>(loop_);
    socket->async_connect(boost::asio::local::stream_protocol::endpoint{path_},
                          [this, here = std::weak_ptr<bool>{here_}, socket, connected = std::move(connected),
                           closed = std::move(closed)](const boost::system::error_code& failure) {
                              if (failure) {
                                  closed(fmt::format("{}: {}", path_, failure.message()));
                                  return;
                              }
                              socket_ = std::make_shared<FramedSocket>(std::move(*socket), kMostBytes, 2 * kMostBytes);
                              socket_->start([this](std::string_view frame) { received(frame); },
                                             [this, closed](const std::string& why) {
                                                 const std::string sentence = fmt::format("{}: {}", path_, why);
                                                 socket_.reset();
                                                 fail_all(sentence);
                                                 closed(sentence);
                                             });
                              connected();
                          });
}

void DataplaneClient::request(const v1::DataplaneRequest& request, Reply reply) {
    if (!open()) {
        reply(error(ErrorKind::kUnavailable, "no dataplane is attached: start heartgate-dataplane"));
        return;
    }
    waiting_.push_back(std::move(reply));
    socket_->send(request.SerializeAsString());
}

void DataplaneClient::close() {
    if (!open()) return;
    socket_->close();
    socket_.reset();
    fail_all("the connection to the dataplane was closed");
}

void DataplaneClient::received(std::string_view frame) {
    v1::DataplaneReply message;
    if (waiting_.empty() || !message.ParseFromArray(frame.data(), static_cast<int>(frame.size()))) return;
    const Reply reply = std::move(waiting_.front());
    waiting_.pop_front();
    if (message.error().empty()) {
        reply(std::move(message));
    } else {
        reply(error(ErrorKind::kFailedPrecondition, message.error()));
    }
}

void DataplaneClient::fail_all(const std::string& why) {
    for (const Reply& reply : std::exchange(waiting_, {})) reply(error(ErrorKind::kUnavailable, why));
}

}  // namespace heartgate::control
