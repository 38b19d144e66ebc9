// SPDX-License-Identifier: Apache-2.0
// Packets to the appliance itself: the gate's local-in table says which ones go to Linux.
#include <netinet/in.h>

#include "dataplane/worker/sender.h"
#include "dataplane/worker/stages.h"

namespace heartgate::dataplane {

using contract::DropReason;

namespace {

// RFC 1122, 3.3.6 and RFC 1812, 5.3.4: a link-layer broadcast with an IP unicast destination is not for us.
bool misdirected(const PacketMeta& meta) noexcept {
    return meta.is_ip() && meta.group_frame && !meta.group_destination;
}

Question question_of(const WorkerContext& context, const Packet& packet) noexcept {
    const PacketMeta& meta = packet.meta;
    Question question;
    question.from = meta.zone;
    question.to = kAppliance;
    question.ether_type = meta.ether_type;
    if (!meta.is_ip()) return question;
    question.protocol = meta.protocol;
    question.source = source_address(packet.frame(), meta);
    question.destination = destination_address(packet.frame(), meta);
    question.source_port = meta.source_port;
    question.destination_port = meta.destination_port;
    if (meta.zone.is_inside()) {
        const BindingTable::Source source = context.deps.bindings.source(unpack(meta.source_mac), question.source);
        question.source_endpoint = source.endpoint;
        question.source_spoofed = source.reason != DropReason::kNone;
    }
    return question;
}

bool is_dhcp(const PacketMeta& meta) noexcept {
    if (meta.protocol != IPPROTO_UDP) return false;
    const std::uint16_t port = meta.destination_port;
    return meta.is_ipv6() ? port == 546 || port == 547 : port == 67 || port == 68;  // RFC 8415, 7.2; RFC 2131, 4.1
}

PuntKind kind_of(const WorkerContext& context, const Question& question, const PacketMeta& meta) noexcept {
    if (!meta.is_ip() || meta.neighbour_discovery) return PuntKind::kNeighbour;
    if (is_dhcp(meta)) return PuntKind::kDhcp;
    const bool heartbeat =
        meta.protocol == IPPROTO_TCP && context.deps.gate.target(question) == LocalTarget::kHeartbeat;
    if (!heartbeat) return PuntKind::kOther;
    return (meta.tcp_flags & tcp::kSyn) != 0 ? PuntKind::kHeartbeatSyn : PuntKind::kHeartbeat;
}

PuntQueue queue_of(PuntKind kind) noexcept {
    switch (kind) {
        case PuntKind::kHeartbeat:
        case PuntKind::kHeartbeatSyn:
            return PuntQueue::kHeartbeat;
        case PuntKind::kNeighbour:
        case PuntKind::kDhcp:
            return PuntQueue::kControl;
        default:
            return PuntQueue::kOther;
    }
}

PuntLimit::Group group_of(const WorkerContext& context, const Packet& packet) noexcept {
    const PacketMeta& meta = packet.meta;
    if (meta.zone.is_wan()) return PuntLimit::Group::kWan;
    const BindingTable& bindings = context.deps.bindings;
    const bool by_address = meta.zone.role() == ZoneRole::kRouted && meta.is_ip();
    const bool known = (by_address ? bindings.destination(source_address(packet.frame(), meta))
                                   : bindings.destination(unpack(meta.source_mac))) != 0;
    return known ? PuntLimit::Group::kKnown : PuntLimit::Group::kUnknown;
}

// The same verdict by the name that says more.
DropReason precise(DropReason reason, const PacketMeta& meta) noexcept {
    if (reason != DropReason::kLocalIn || !meta.is_ip()) return reason;
    if (meta.group_destination) return DropReason::kMulticast;
    if (meta.icmp_error) return DropReason::kUnrelatedIcmp;
    return meta.zone.is_wan() ? DropReason::kUnsolicited : reason;
}

}  // namespace

void deliver_local(WorkerContext& context, const Burst& burst, const Packet& packet) noexcept {
    if (misdirected(packet.meta)) {
        context.drop(packet.mbuf, DropReason::kMulticast);
        return;
    }
    if (!packet.meta.is_ip() || packet.meta.neighbour_discovery) {
        const DropReason lie = check_neighbour_claim(context, burst, packet);
        if (lie != DropReason::kNone) {
            context.drop(packet.mbuf, lie);
            return;
        }
    }
    const Question question = question_of(context, packet);
    const Verdict verdict = context.deps.gate.decide(question);
    if (!verdict.passes()) {
        context.drop(packet.mbuf, precise(verdict.reason, packet.meta));
        return;
    }
    const PuntKind kind = kind_of(context, question, packet.meta);
    if (!context.punt_limit.take(kind, group_of(context, packet), sender_of(packet), burst.now_ms)) {
        context.drop(packet.mbuf, DropReason::kPuntRate);
        return;
    }
    punt(context, packet.meta.zone, queue_of(kind), context.deps.gate.permit(verdict), packet.mbuf);
}

void punt_answer(WorkerContext& context, const Burst& burst, const Packet& packet, FlowRef flow,
                 Permit permit) noexcept {
    const bool page = flow.record->redirected();
    const PuntKind kind = page ? PuntKind::kOther : PuntKind::kAnswer;
    if (!context.punt_limit.take(kind, group_of(context, packet), sender_of(packet), burst.now_ms)) {
        context.drop(packet.mbuf, DropReason::kPuntRate);
        return;
    }
    if (page) redirect_in_place(packet, flow);
    punt(context, packet.meta.zone, PuntQueue::kOther, permit, packet.mbuf);
}

void punt(WorkerContext& context, Zone zone, PuntQueue queue, Permit permit, rte_mbuf* mbuf) noexcept {
    if (context.deps.kernel.punt(context.number, zone, queue, permit, mbuf)) {
        context.counters.punted.add(1);
    } else {
        context.drop(mbuf, DropReason::kKernelQueueFull);
    }
}

}  // namespace heartgate::dataplane
