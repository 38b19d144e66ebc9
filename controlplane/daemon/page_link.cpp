// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/page_link.h"

#include <spdlog/spdlog.h>

#include <boost/asio/error.hpp>

#include "controlplane/daemon/directives.h"
#include "controlplane/daemon/unix_listen.h"

namespace heartgate::control {
namespace {

constexpr std::size_t kMostBytes = 64;            // of a question
constexpr std::size_t kMostQueued = 64UL << 10U;  // of answers

}  // namespace

v1::PageAnswer page_answer(const EndpointRecord* record, const WanRules& rules, const IpAddress& machine,
                           const std::string& whom_to_call) {
    const WanDecision decision =
        record != nullptr ? record->decision : rules.decide(contract::EndpointState{}, {machine});
    v1::PageAnswer answer;
    answer.set_cut_off(decision.cut_off());
    if (!decision.cut_off()) return answer;
    const Explanation explanation =
        record != nullptr
            ? explain(*record)
            : Explanation{"The gateway does not hear a heartbeat from this machine.",
                          "Install the Heartgate agent and enrol the machine, or see that it is running."};
    answer.set_rule(decision.rule);
    answer.set_why(explanation.why);
    answer.set_what_to_do(explanation.what_to_do);
    answer.set_whom_to_call(whom_to_call);
    return answer;
}

PageLink::PageLink(boost::asio::io_context& loop, Answer answer) : answer_{std::move(answer)}, acceptor_{loop} {}

Expected<void> PageLink::listen(const std::string& path, const std::string& group, unsigned mode) {
    if (auto listening = listen_at(acceptor_, path, group, mode); !listening) return listening;
    accept();
    return {};
}

void PageLink::stop() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
    for (const auto& socket : sockets_) socket->close();
    sockets_.clear();
}

void PageLink::accept() {
    acceptor_.async_accept([this](const boost::system::error_code& failure, FramedSocket::Socket socket) {
        if (failure == boost::asio::error::operation_aborted) return;
        if (failure) {
            spdlog::error("page socket: {}", failure.message());
        } else if (sockets_.size() < kMostConnections) {
            welcome(std::move(socket));
        }
        accept();
    });
}

void PageLink::welcome(FramedSocket::Socket socket) {
    const auto framed = std::make_shared<FramedSocket>(std::move(socket), kMostBytes, kMostQueued);
    sockets_.insert(framed);
    const std::weak_ptr<FramedSocket> weak = framed;
    framed->start(
        [this, weak](std::string_view frame) {
            if (const auto here = weak.lock()) received(here, frame);
        },
        [this, weak](const std::string&) {
            if (const auto here = weak.lock()) sockets_.erase(here);
        });
}

void PageLink::received(const std::shared_ptr<FramedSocket>& socket, std::string_view frame) {
    v1::PageQuestion question;
    const bool decoded = question.ParseFromArray(frame.data(), static_cast<int>(frame.size()));
    const auto machine = decoded ? IpAddress::from_wire(question.address()) : std::nullopt;
    if (!machine) {
        spdlog::error("heartgate-page sent a question of {} bytes that cannot be read; the connection is closed",
                      frame.size());
        socket->close();
        sockets_.erase(socket);
        return;
    }
    socket->send(answer_(*machine).SerializeAsString());
}

}  // namespace heartgate::control
