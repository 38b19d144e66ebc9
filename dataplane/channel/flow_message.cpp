// SPDX-License-Identifier: Apache-2.0
#include "dataplane/channel/flow_message.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "dataplane/port/zone_table.h"
#include "heartgate/v1/flow.pb.h"

namespace heartgate::dataplane {
namespace {

constexpr std::string_view kPasses = "passes";
constexpr std::string_view kDropped = "dropped";

// Empty: done.
std::string read_network(const char* name, const std::string& text, std::optional<Network>& network) {
    if (text.empty()) return {};
    network = Network::parse(text);
    return network ? std::string{}
                   : fmt::format("{} '{}'; allowed: an address or a network such as 10.20.0.0/24", name, text);
}

std::string read_words(const v1::FlowFilter& message, FlowFilter& filter) {
    if (!message.state().empty()) {
        const auto* const found = std::find(kFlowPhaseNames.begin(), kFlowPhaseNames.end(), message.state());
        if (found == kFlowPhaseNames.end()) {
            return fmt::format("state '{}'; allowed: new, established, closing", message.state());
        }
        filter.phase = static_cast<FlowPhase>(found - kFlowPhaseNames.begin());
    }
    if (!message.verdict().empty()) {
        if (message.verdict() != kPasses && message.verdict() != kDropped) {
            return fmt::format("verdict '{}'; allowed: {}, {}", message.verdict(), kPasses, kDropped);
        }
        filter.dropping = message.verdict() == kDropped;
    }
    return {};
}

std::string read_numbers(const v1::FlowFilter& message, FlowFilter& filter) {
    if (message.protocol() > 255) return fmt::format("protocol {}; allowed: at most 255", message.protocol());
    if (message.port() > 65'535) return fmt::format("port {}; allowed: at most 65535", message.port());
    if (message.protocol() != 0) filter.protocol = static_cast<std::uint8_t>(message.protocol());
    if (message.port() != 0) filter.port = static_cast<std::uint16_t>(message.port());
    if (message.endpoint_index() != 0) filter.endpoint = message.endpoint_index();
    if (message.has_rule_id()) filter.rule = message.rule_id();
    return {};
}

}  // namespace

std::string to_wire(const IpAddress& address) {
    const auto* bytes = reinterpret_cast<const char*>(address.bytes.data());
    return address.is_ipv4() ? std::string{bytes + 12, 4} : std::string{bytes, 16};
}

v1::Flow flow_message(const FlowView& view, const ZoneTable& zones) {
    v1::Flow flow;
    flow.set_id(to_text(view.id));
    flow.set_source(to_wire(view.question.source));
    flow.set_destination(to_wire(view.question.destination));
    flow.set_source_port(view.question.source_port);
    flow.set_destination_port(view.question.destination_port);
    flow.set_protocol(view.question.protocol);
    if (view.translated) {
        flow.set_translated_source(to_wire(IpAddress::from_ipv4(view.nat_address)));
        flow.set_translated_port(view.nat_port);
    }
    if (view.question.redirect != Redirect::kNone) {
        flow.set_asked_destination(to_wire(view.question.asked));
        flow.set_asked_port(view.question.asked_port);
    }
    flow.set_rule(view.rule);
    flow.set_dropping(view.dropping());
    if (view.dropping()) flow.set_drop_reason(std::string{contract::name(view.reason)});
    flow.set_source_endpoint(view.question.source_endpoint);
    flow.set_destination_endpoint(view.question.destination_endpoint);
    flow.set_age_s(view.age_ms / 1000);
    flow.set_idle_s(view.idle_ms / 1000);
    flow.set_expires_in_s(view.expires_ms / 1000);
    flow.set_state(std::string{kFlowPhaseNames[static_cast<std::size_t>(view.phase())]});
    flow.set_worker(view.worker);
    flow.set_from_zone(std::string{zones.name(view.question.from)});
    flow.set_to_zone(std::string{zones.name(view.question.to)});
    flow.set_vlan(view.vlan);
    return flow;
}

tl::expected<FlowFilter, std::string> flow_filter(const v1::FlowFilter& message) {
    FlowFilter filter;
    for (const std::string& problem : {read_network("source", message.source(), filter.source),
                                       read_network("destination", message.destination(), filter.destination),
                                       read_network("address", message.address(), filter.address),
                                       read_words(message, filter), read_numbers(message, filter)}) {
        if (!problem.empty()) return tl::unexpected{problem};
    }
    return filter;
}

std::string to_text(FlowId id) { return fmt::format("{:x}", std::uint64_t{id.record} << 32U | id.created_ms); }

std::optional<FlowId> parse_flow_id(std::string_view text) {
    std::uint64_t number = 0;
    const char* const end = text.data() + text.size();
    const auto [stop, failure] = std::from_chars(text.data(), end, number, 16);
    if (failure != std::errc{} || stop != end) return std::nullopt;
    return FlowId{.record = static_cast<std::uint32_t>(number >> 32U),
                  .created_ms = static_cast<std::uint32_t>(number)};
}

}  // namespace heartgate::dataplane
