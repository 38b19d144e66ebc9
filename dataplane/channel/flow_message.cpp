// SPDX-License-Identifier: Apache-2.0
#include "dataplane/channel/flow_message.h"

#include <netinet/in.h>

#include <cstring>

#include "heartgate/v1/statistics.pb.h"

namespace heartgate::dataplane {
namespace {

std::string wire(const IpAddress& address) {
    const auto* bytes = reinterpret_cast<const char*>(address.bytes.data());
    return address.is_ipv4() ? std::string{bytes + 12, 4} : std::string{bytes, 16};
}

const char* state_name(const FlowView& view) {
    using namespace flow_state;
    if (view.question.protocol == IPPROTO_TCP) {
        if ((view.state & (kReset | kFinBoth)) != 0) return "closing";
        return (view.state & kEstablished) != 0 ? "established" : "new";
    }
    return (view.state & kReplied) != 0 ? "established" : "new";
}

}  // namespace

v1::Flow flow_message(const FlowView& view) {
    v1::Flow flow;
    flow.set_source(wire(view.question.source));
    flow.set_destination(wire(view.question.destination));
    flow.set_source_port(view.question.source_port);
    flow.set_destination_port(view.question.destination_port);
    flow.set_protocol(view.question.protocol);
    if (view.translated) {
        flow.set_translated_source(wire(IpAddress::from_ipv4(view.nat_address)));
        flow.set_translated_port(view.nat_port);
    }
    flow.set_rule(view.rule);
    flow.set_dropping(view.reason != contract::DropReason::kNone);
    flow.set_source_endpoint(view.question.source_endpoint);
    flow.set_destination_endpoint(view.question.destination_endpoint);
    flow.set_idle_s(view.idle_ms / 1000);
    flow.set_expires_in_s(view.expires_ms / 1000);
    flow.set_state(state_name(view));
    return flow;
}

std::optional<IpAddress> address_from_wire(const std::string& bytes) {
    if (bytes.size() == 4) {
        std::uint32_t ipv4 = 0;
        std::memcpy(&ipv4, bytes.data(), bytes.size());
        return IpAddress::from_ipv4(ipv4);
    }
    IpAddress address;
    if (bytes.size() != address.bytes.size()) return std::nullopt;
    std::memcpy(address.bytes.data(), bytes.data(), bytes.size());
    return address;
}

}  // namespace heartgate::dataplane
