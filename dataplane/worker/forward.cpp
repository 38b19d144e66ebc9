// SPDX-License-Identifier: Apache-2.0
// Stage 4, second pass over the burst: a packet with a flow goes by its record (the hit path), one without is decided.
#include "dataplane/worker/send.h"
#include "dataplane/worker/stages.h"

namespace heartgate::dataplane {

using contract::DropReason;

namespace {

// Packets from the WAN leave the time stamp to packets from the LAN for a second more: those are the endpoint's sign of
// life, and a busy download must not hide them.
constexpr std::uint32_t kWanSeenAfterMs = 2000;

void mark_seen(WorkerContext& context, const Burst& burst, FlowRef flow) noexcept {
    FlowRecord& record = *flow.record;
    if (burst.ingress == Zone::kLan) {
        if (record.seen(burst.now_ms)) [[unlikely]] {
            context.deps.activity.seen(record.endpoint(index(flow.direction)), burst.now_ms);
        }
    } else if (burst.now_ms - record.last_seen_ms() >= kWanSeenAfterMs) [[unlikely]] {
        record.seen(burst.now_ms);
    }
}

// The flow's way under the current routes, looked up anew. nullptr: the packet has been held or dropped.
const NextHop* route_again(WorkerContext& context, const Burst& burst, const Packet& packet, FlowRef flow) noexcept {
    const Question tuple = flow.record->question();
    const IpAddress& destination = flow.direction == Direction::kForward ? tuple.destination : tuple.source;
    const RouteResult route = context.deps.routes.lookup(destination);
    const bool same_way = route.zone == flow.record->to(flow.direction);
    if (route.kind == RouteResult::Kind::kForward && same_way) {
        if (route.zone == Zone::kLan) {
            const BindingTable::Source receiver = lan_destination(context, destination, route);
            const std::uint32_t expected = flow.record->endpoint(index(opposite(flow.direction)));
            if (receiver.reason != DropReason::kNone || receiver.endpoint != expected) {
                context.drop(packet.mbuf, DropReason::kSpoofedAddress);
                return nullptr;
            }
        }
        flow.record->try_route(flow.direction, route.next_hop, burst.route_epoch);
        return &context.deps.routes.next_hop(route.next_hop);
    }
    if (route.kind == RouteResult::Kind::kUnresolved && same_way) {
        hold(context, burst, packet, destination, route);
    } else {
        context.drop(packet.mbuf, DropReason::kNoRoute);  // or by another zone, for which nothing was decided
    }
    return nullptr;
}

const NextHop* next_hop(WorkerContext& context, const Burst& burst, const Packet& packet, FlowRef flow) noexcept {
    const FlowRecord& record = *flow.record;
    if (record.route_epoch() == burst.route_epoch) [[likely]] {
        const std::uint16_t cached = record.next_hop(flow.direction);
        if (cached != kUnknownNextHop) [[likely]] {
            return &context.deps.routes.next_hop(cached);
        }
    }
    return route_again(context, burst, packet, flow);
}

// Does the recorded verdict stand, and what is it?
DropReason verdict(WorkerContext& context, const Burst& burst, const Packet& packet, FlowRef flow) noexcept {
    const FlowRecord& record = *flow.record;
    const bool from_lan = burst.ingress == Zone::kLan;
    // Between two LAN machines the record has the initiator's MAC: who answers is looked up, after the record is
    // current.
    const bool neighbour =
        from_lan && flow.direction == Direction::kReply && record.from(Direction::kForward) == Zone::kLan;
    const PackedMac lan_mac = from_lan && !neighbour ? packet.meta.source_mac : 0;
    const DropReason reason = record.current(burst.generation, burst.policy_epoch, lan_mac)
                                  ? record.reason()
                                  : decide_again(context, burst, packet, flow);
    if (neighbour && reason == DropReason::kNone) [[unlikely]] {
        return check_answering_neighbour(context, packet, flow);
    }
    return reason;
}

void forward_hit(WorkerContext& context, const Burst& burst, const Packet& packet, FlowRef flow) noexcept {
    const DropReason reason = verdict(context, burst, packet, flow);
    if (reason != DropReason::kNone) [[unlikely]] {
        // Stopped traffic is a sign of life, too, if it is the endpoint's own.
        if (burst.ingress == Zone::kLan && packet.meta.source_mac == flow.record->lan_mac()) {
            context.deps.activity.seen(flow.record->endpoint(index(flow.direction)), burst.now_ms);
        }
        context.drop(packet.mbuf, reason);
        return;
    }
    Verdict recorded;
    recorded.reason = reason;
    const Permit permit = context.deps.gate.permit(recorded);
    flow.record->advance_state(packet.meta.protocol, flow.direction, packet.meta.tcp_flags);
    mark_seen(context, burst, flow);
    if (flow.record->to(flow.direction) == Zone::kLocal) [[unlikely]] {
        punt(context, burst.ingress, permit, packet.mbuf);
        return;
    }
    const NextHop* hop = next_hop(context, burst, packet, flow);
    if (hop == nullptr) [[unlikely]] {
        return;
    }
    const DropReason obstacle = check_sendable(context, burst, packet, *hop);
    if (obstacle != DropReason::kNone) [[unlikely]] {
        context.drop(packet.mbuf, obstacle);
        return;
    }
    send(context, packet, flow, *hop, permit);
}

}  // namespace

void forward(WorkerContext& context, Burst& burst) noexcept {
    for (unsigned i = 0; i < burst.count; ++i) {
        const Packet packet{.mbuf = burst.packets[i], .meta = burst.meta[i]};
        if (packet.meta.reason != DropReason::kNone) [[unlikely]] {
            context.drop(packet.mbuf, packet.meta.reason);
        } else if (burst.flows[i].record != nullptr) [[likely]] {
            forward_hit(context, burst, packet, burst.flows[i]);
        } else {
            decide(context, burst, packet);
        }
    }
}

}  // namespace heartgate::dataplane
