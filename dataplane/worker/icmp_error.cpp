// SPDX-License-Identifier: Apache-2.0
// An ICMP error about a packet of a flow goes to the flow's other side, by the flow's verdict and translation
// (RFC 5508, 4.2 and 4.3). It neither refreshes nor ends the flow (RFC 5508 REQ-6, RFC 5382 REQ-10): anyone can send
// one.
#include <netinet/in.h>

#include "dataplane/nat/icmp_translation.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/quoted_packet.h"
#include "dataplane/worker/recorded.h"
#include "dataplane/worker/rewrite.h"
#include "dataplane/worker/stages.h"
#include "dataplane/worker/transmit.h"

namespace heartgate::dataplane {

using contract::DropReason;

namespace {

// Checked: all of it is in the first segment.
std::span<std::uint8_t> message_of(const Packet& packet) noexcept {
    const PacketMeta& meta = packet.meta;
    return {packet.frame() + meta.transport, std::size_t{meta.network} + meta.ip_length - meta.transport};
}

// RFC 5508 REQ-3; RFC 4443, 2.3.
bool checksum_right(const Packet& packet) noexcept {
    const std::span<const std::uint8_t> message = message_of(packet);
    if (!packet.meta.is_ipv6()) return internet_checksum(message) == 0;
    const std::uint8_t* addresses = packet.frame() + packet.meta.network + ipv6::kSource;
    return ipv6_upper_sum(std::span<const std::uint8_t, 32>{addresses, 32}, IPPROTO_ICMPV6, message) == 0xffff;
}

DropReason read_error(const Packet& packet, QuotedPacket& quoted) noexcept {
    const PacketMeta& meta = packet.meta;
    if (std::size_t{meta.network} + meta.ip_length > packet.mbuf->data_len) return DropReason::kTruncated;
    if (!checksum_right(packet)) return DropReason::kBadTransport;
    return read_quoted(message_of(packet).subspan(icmp::kLength), meta.is_ipv6(), quoted);
}

template <class Key>
FlowRef find(const FlowTable& flows, Key& answer, const PacketMeta& meta) noexcept {
    answer.port = meta.zone.raw();
    answer.vlan = meta.vlan;
    return flows.find(answer);
}

// The error comes from a router on the way, so its source need not be one of the flow's. It must not lie about the side
// it comes from, though, nor about the machine.
// What is for Linux may come from a neighbour's link-local address.
DropReason check_reporter(const WorkerContext& context, const Packet& packet, Zone to) noexcept {
    const IpAddress source = source_address(packet.frame(), packet.meta);
    if (packet.meta.zone.is_inside()) {
        const DropReason reason = context.deps.bindings.source(unpack(packet.meta.source_mac), source).reason;
        if (reason != DropReason::kNone) return reason;
    }
    if (to.is_appliance()) return DropReason::kNone;
    return check_source(packet.meta.zone, source, context.deps.routes.lookup(source));
}

void translate(const Packet& packet, const QuotedPacket& quoted, FlowRef flow) noexcept {
    std::uint8_t* ip = packet.frame() + packet.meta.network;
    if (packet.meta.is_ipv6()) {
        --ip[ipv6::kHopLimit];
        return;
    }
    --ip[ipv4::kTtl];
    rewriting::adjust(ip + ipv4::kChecksum, kTtlDelta);
    if (!flow.record->translated()) return;
    translate_icmp_error(ip, message_of(packet), quoted.protocol, quoted.transport,
                         {.source = flow.direction == Direction::kForward,
                          .address = flow.record->rewrite_address(flow.direction),
                          .port = flow.record->rewrite_port(flow.direction)});
    if (!flow.record->redirected()) return;
    translate_icmp_error(ip, message_of(packet), quoted.protocol, quoted.transport,
                         {.source = flow.direction == Direction::kReply,
                          .address = flow.record->redirect_address(flow.direction),
                          .port = flow.record->redirect_port(flow.direction)});
}

void forward_error(WorkerContext& context, const Burst& burst, const Packet& packet, const QuotedPacket& quoted,
                   FlowRef flow) noexcept {
    const Zone to = flow.record->to(flow.direction);
    DropReason reason = recorded_verdict(context, burst, packet, flow);
    if (reason == DropReason::kNone) reason = check_reporter(context, packet, to);
    if (reason != DropReason::kNone) {
        context.drop(packet.mbuf, reason);
        return;
    }
    Verdict recorded;
    recorded.reason = reason;
    const Permit permit = context.deps.gate.permit(recorded);
    if (to.is_appliance()) {
        if (flow.record->redirected()) {  // the page can do without
            context.drop(packet.mbuf, DropReason::kUnrelatedIcmp);
        } else {
            punt_answer(context, burst, packet, flow, permit);
        }
        return;
    }
    const NextHop* hop = recorded_next_hop(context, burst, packet, flow);
    if (hop == nullptr) return;
    reason = check_hop(packet.meta, *hop);
    if (reason != DropReason::kNone) {
        context.drop(packet.mbuf, reason);
        return;
    }
    translate(packet, quoted, flow);
    if (rewriting::finish(packet, *hop)) {
        transmit(context, permit, hop->port, packet.mbuf);
    } else {
        context.drop(packet.mbuf, DropReason::kNoMbuf);
    }
}

}  // namespace

bool forward_icmp_error(WorkerContext& context, const Burst& burst, const Packet& packet) noexcept {
    QuotedPacket quoted;
    const DropReason reason = read_error(packet, quoted);
    if (reason != DropReason::kNone && reason != DropReason::kUnrelatedIcmp) {
        context.drop(packet.mbuf, reason);
        return true;
    }
    // To whoever sent the packet, and to nobody else.
    if (reason != DropReason::kNone || quoted.source != destination_address(packet.frame(), packet.meta)) return false;
    const FlowRef flow = packet.meta.is_ipv6() ? find(context.deps.flows, quoted.answer6, packet.meta)
                                               : find(context.deps.flows, quoted.answer4, packet.meta);
    if (flow.record == nullptr) return false;
    forward_error(context, burst, packet, quoted, flow);
    return true;
}

}  // namespace heartgate::dataplane
