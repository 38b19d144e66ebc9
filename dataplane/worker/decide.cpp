// SPDX-License-Identifier: Apache-2.0
// A packet without a flow: who sent it, where it goes, what the gate says; then it makes a flow and leaves. Denied
// packets make none.
#include <arpa/inet.h>
#include <netinet/in.h>

#include <algorithm>

#include "dataplane/policy/published_services.h"
#include "dataplane/worker/send.h"
#include "dataplane/worker/sender.h"
#include "dataplane/worker/stages.h"

namespace heartgate::dataplane {

using contract::DropReason;

namespace {

constexpr std::uint16_t kDhcpClientPort = 68;

// RFC 1812, 5.3.7 and RFC 4291, 2.5: no route may lead there.
bool is_unroutable(const IpAddress& address) noexcept {
    if (is_link_local(address)) return true;
    if (address.is_ipv4()) return address.bytes[12] == 0 || address.bytes[12] == 127 || address.bytes[12] >= 224;
    return address == IpAddress{} || address == IpAddress{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
}

// Meant for this machine or for everybody on the segment, whatever the routes say.
bool stays_here(const PacketMeta& meta) noexcept {
    if (!meta.is_ip() || meta.neighbour_discovery || meta.group_frame || meta.group_destination) return true;
    // RFC 2131, 4.1: a DHCP server may answer to the address that the client does not have yet.
    return meta.zone.is_wan() && meta.protocol == IPPROTO_UDP && meta.destination_port == kDhcpClientPort;
}

// Can this packet be the first one of a flow?
DropReason check_first(const PacketMeta& meta) noexcept {
    if (!meta.has_key) return DropReason::kUnsupportedProtocol;
    switch (meta.protocol) {
        case IPPROTO_TCP: {
            constexpr unsigned kControl = tcp::kSyn | tcp::kAck | tcp::kRst | tcp::kFin;
            return (meta.tcp_flags & kControl) == tcp::kSyn ? DropReason::kNone : DropReason::kBadTcpState;
        }
        case IPPROTO_ICMP:
            return meta.destination_port == icmp::kEchoRequest ? DropReason::kNone : DropReason::kUnsolicited;
        case IPPROTO_ICMPV6:
            return meta.destination_port == icmp::kV6EchoRequest ? DropReason::kNone : DropReason::kUnsolicited;
        default:
            return DropReason::kNone;
    }
}

bool translates(const WorkerContext& context, const IpAddress& lan, const IpAddress& wan) noexcept {
    if (!context.deps.translate || !lan.is_ipv4()) return false;
    return std::none_of(context.deps.untranslated.begin(), context.deps.untranslated.end(),
                        [&](const Untranslated& pair) { return pair.lan.contains(lan) && pair.wan.contains(wan); });
}

// What is known about a packet while it is decided.
struct Transit {
    Question question;
    RouteResult route;  // towards the destination
    RouteResult back;   // towards the source
};

// To a WAN address: is it meant for a machine of the LAN? A published service, or, from the LAN, another one's mapping
// (RFC 4787 REQ-9). The source is translated, too, so that the answers come back this way.
void redirect(const WorkerContext& context, const PacketMeta& meta, Transit& transit) noexcept {
    Question& question = transit.question;
    const bool has_ports = meta.has_key && (meta.protocol == IPPROTO_TCP || meta.protocol == IPPROTO_UDP);
    const bool from_inside = meta.zone.is_inside();
    if (!transit.route.zone.is_wan() || meta.is_ipv6() || !has_ports) return;
    if (from_inside && !context.deps.translate) return;
    const IpAddress asked = question.destination;
    const std::uint16_t asked_port = question.destination_port;
    if (const PublishedService* service = context.deps.gate.published(question)) {
        question.redirect = Redirect::kPublished;
        question.destination = service->to;
        question.destination_port = service->to_port;
    } else if (from_inside) {
        const auto inside =
            context.deps.flows.inside({.address = asked.ipv4(), .port = htons(asked_port)}, meta.protocol);
        // Its own mapping: a packet to itself.
        if (!inside ||
            (question.source == IpAddress::from_ipv4(inside->address) && question.source_port == ntohs(inside->port))) {
            return;
        }
        question.redirect = Redirect::kHairpin;
        question.destination = IpAddress::from_ipv4(inside->address);
        question.destination_port = ntohs(inside->port);
    } else {
        return;
    }
    question.asked = asked;
    question.asked_port = asked_port;
    transit.route = context.deps.routes.lookup(question.destination);
}

DropReason ask(WorkerContext& context, const Burst& burst, const Packet& packet, Transit& transit,
               Verdict& verdict) noexcept {
    Question& question = transit.question;
    if (packet.meta.zone.is_inside()) {
        const BindingTable::Source source =
            context.deps.bindings.source(unpack(packet.meta.source_mac), question.source);
        if (source.reason != DropReason::kNone) {
            context.alarms.put({.reason = source.reason,
                                .zone = packet.meta.zone,
                                .mac = packet.meta.source_mac,
                                .address = question.source},
                               burst.now_ms);
            return source.reason;
        }
        question.source_endpoint = source.endpoint;
        context.deps.activity.seen(source.endpoint, burst.now_ms);
    }
    transit.back = context.deps.routes.lookup(question.source);
    const DropReason source_reason = check_source(packet.meta.zone, question.source, transit.back);
    if (source_reason != DropReason::kNone) return source_reason;
    if (transit.route.kind == RouteResult::Kind::kNone) return DropReason::kNoRoute;
    if (question.redirect != Redirect::kNone &&
        (transit.route.kind == RouteResult::Kind::kLocal || !transit.route.zone.is_inside())) {
        return DropReason::kNoRoute;  // a machine inside is meant, and nothing else
    }
    // Behind source NAT nothing but an answer comes in, or what is published; nobody's packets go from WAN to WAN.
    if (packet.meta.zone.is_wan() && question.redirect == Redirect::kNone &&
        (transit.route.zone.is_wan() || translates(context, question.destination, question.source))) {
        return DropReason::kUnsolicited;
    }
    question.to = transit.route.zone;
    if (question.to.is_inside()) {
        const BindingTable::Source destination = lan_destination(context, question.destination, transit.route);
        if (destination.reason != DropReason::kNone) return destination.reason;
        question.destination_endpoint = destination.endpoint;
    }
    verdict = context.deps.gate.decide(question);
    return verdict.passes() ? check_first(packet.meta) : verdict.reason;
}

// Answers go to the machine that asked, not to one that has taken over its address by ARP.
bool leads_to_source(const WorkerContext& context, const Transit& transit) noexcept {
    const BindingTable::Source back = lan_destination(context, transit.question.source, transit.back);
    return back.reason == DropReason::kNone && back.endpoint == transit.question.source_endpoint;
}

InsertResult make_flow(WorkerContext& context, const Burst& burst, const Packet& packet, const Transit& transit,
                       const Verdict& verdict) noexcept {
    const Question& question = transit.question;
    const bool from_inside = packet.meta.zone.is_inside();
    const bool known_back = transit.back.kind == RouteResult::Kind::kForward && transit.back.zone == packet.meta.zone &&
                            (!from_inside || leads_to_source(context, transit));
    const NextHop& next_hop = context.deps.routes.next_hop(transit.route.next_hop);
    NewFlow flow{
        .question = question,
        .decision = {.verdict = verdict,
                     .generation = burst.generation,
                     .source_endpoint = question.source_endpoint,
                     .destination_endpoint = question.destination_endpoint,
                     .lan_mac = from_inside ? packet.meta.source_mac : pack(next_hop.destination)},
        .vlan = packet.meta.vlan,
        .reply_vlan = context.deps.zones[question.to].vlan,
        .next_hop = transit.route.next_hop,
        .reply_next_hop = known_back ? transit.back.next_hop : kUnknownNextHop,
        .route_epoch = burst.route_epoch,
        .translate =
            from_inside && (question.redirect != Redirect::kNone ||
                            (question.to.is_wan() && translates(context, question.source, question.destination))),
        .tcp_flags = packet.meta.tcp_flags,
    };
    const InsertResult result = context.deps.flows.insert(flow, context.number, burst.now_ms);
    if (result.inserted) context.counters.flows_created.add(1);
    return result;
}

void decide_transit(WorkerContext& context, const Burst& burst, const Packet& packet, Transit& transit) noexcept {
    Verdict verdict;
    DropReason reason = ask(context, burst, packet, transit, verdict);
    if (reason == DropReason::kNone && transit.route.kind == RouteResult::Kind::kUnresolved) {
        hold(context, burst, packet, transit.question.destination, transit.route);
        return;
    }
    if (reason != DropReason::kNone) {
        if (send_to_page(context, burst, packet, transit.question, reason)) return;
        refuse(context, burst, packet, reason, verdict.rule);
        return;
    }
    const NextHop& next_hop = context.deps.routes.next_hop(transit.route.next_hop);
    reason = check_sendable(context, burst, packet, next_hop);
    const bool in_fragments = fits_in_fragments(packet.meta, reason);
    if (in_fragments) reason = DropReason::kNone;
    if (reason == DropReason::kNone && !may_open(context, burst, packet)) reason = DropReason::kNewFlowRate;
    InsertResult made;
    if (reason == DropReason::kNone) {
        made = make_flow(context, burst, packet, transit, verdict);
        reason = made.reason;
        // Another worker has found the same packets cut off a moment ago: to the page and not on.
        if (reason == DropReason::kNone && made.flow.record->is_page()) reason = DropReason::kPageOver;
    }
    if (reason != DropReason::kNone) {
        context.drop(packet.mbuf, reason);
        return;
    }
    const Permit permit = context.deps.gate.permit(verdict);
    if (in_fragments) {
        send_fragments(context, packet, made.flow, next_hop, permit);
    } else {
        send(context, packet, made.flow, next_hop, permit);
    }
}

}  // namespace

// From the WAN that is everything but what is ours or of a zone inside.
DropReason check_source(Zone from, const IpAddress& source, const RouteResult& back) noexcept {
    if (is_link_local(source) || back.kind == RouteResult::Kind::kLocal) return DropReason::kBadSource;
    const bool known = back.kind != RouteResult::Kind::kNone;
    const bool right = from.is_inside() ? known && back.zone == from : !known || back.zone.is_wan();
    return right ? DropReason::kNone : DropReason::kBadSource;
}

void decide(WorkerContext& context, const Burst& burst, const Packet& packet) noexcept {
    const PacketMeta& meta = packet.meta;
    if (stays_here(meta)) {
        deliver_local(context, burst, packet);
        return;
    }
    if (meta.fragment) {
        forward_fragment(context, burst, packet);
        return;
    }
    if (meta.icmp_error && forward_icmp_error(context, burst, packet)) return;
    Transit transit;
    Question& question = transit.question;
    question.from = meta.zone;
    question.ether_type = meta.ether_type;
    question.protocol = meta.protocol;
    question.source = source_address(packet.frame(), meta);
    question.destination = destination_address(packet.frame(), meta);
    question.source_port = meta.source_port;
    question.destination_port = meta.destination_port;
    if (!is_unroutable(question.destination)) transit.route = context.deps.routes.lookup(question.destination);
    const bool own_link_local = meta.is_ipv6() && is_link_local(question.destination);
    if (transit.route.kind == RouteResult::Kind::kLocal) redirect(context, meta, transit);
    if (question.redirect == Redirect::kNone && (transit.route.kind == RouteResult::Kind::kLocal || own_link_local)) {
        deliver_local(context, burst, packet);
        return;
    }
    if (meta.icmp_error) {
        context.drop(packet.mbuf, DropReason::kUnrelatedIcmp);
        return;
    }
    decide_transit(context, burst, packet, transit);
}

}  // namespace heartgate::dataplane
