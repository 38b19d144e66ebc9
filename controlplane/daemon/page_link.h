// SPDX-License-Identifier: Apache-2.0
// The UNIX socket on which heartgate-page asks why a machine is cut off. Takes nothing but an address, and tells
// nothing that the machine itself may not know.
#pragma once

#include <heartgate/v1/page.pb.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <functional>
#include <memory>
#include <set>
#include <string>

#include "controlplane/common/error.h"
#include "controlplane/common/framed_socket.h"
#include "controlplane/common/ip_network.h"
#include "controlplane/daemon/endpoint_record.h"
#include "controlplane/policy/wan_rules.h"

namespace heartgate::control {

// `record`: the endpoint that the machine is; nullptr: it has no agent.
[[nodiscard]] v1::PageAnswer page_answer(const EndpointRecord* record, const WanRules& rules, const IpAddress& machine,
                                         const std::string& whom_to_call);

class PageLink {
public:
    static constexpr std::size_t kMostConnections = 64;

    using Answer = std::function<v1::PageAnswer(const IpAddress& machine)>;

    PageLink(boost::asio::io_context& loop, Answer answer);
    ~PageLink() { stop(); }
    PageLink(const PageLink&) = delete;
    PageLink& operator=(const PageLink&) = delete;

    // As listen_at().
    [[nodiscard]] Expected<void> listen(const std::string& path, const std::string& group, unsigned mode);
    void stop();

private:
    void accept();
    void welcome(FramedSocket::Socket socket);
    void received(const std::shared_ptr<FramedSocket>& socket, std::string_view frame);

    Answer answer_;
    boost::asio::local::stream_protocol::acceptor acceptor_;
    std::set<std::shared_ptr<FramedSocket>> sockets_;
};

}  // namespace heartgate::control
