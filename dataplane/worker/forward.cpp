// SPDX-License-Identifier: Apache-2.0
// Stage 4, second pass over the burst: a packet with a flow goes by its record (the hit path), one without is decided.
#include "dataplane/worker/recorded.h"
#include "dataplane/worker/send.h"
#include "dataplane/worker/stages.h"

namespace heartgate::dataplane {

using contract::DropReason;

namespace {

// Packets from the WAN leave the time stamp to packets from the LAN for a second more: those are the endpoint's sign of
// life, and a busy download must not hide them.
[[nodiscard]] inline std::uint32_t seen_after_ms(const Packet& packet) noexcept {
    return FlowRecord::kSeenEveryMs + (packet.meta.zone.is_inside() ? 0 : 1000);
}

[[gnu::noinline]] void mark_seen(WorkerContext& context, const Burst& burst, const Packet& packet,
                                 FlowRef flow) noexcept {
    FlowRecord& record = *flow.record;
    if (record.seen(burst.now_ms) && packet.meta.zone.is_inside()) {
        context.deps.activity.seen(record.endpoint(index(flow.direction)), burst.now_ms);
    }
}

[[gnu::always_inline]] inline void forward_hit(WorkerContext& context, const Burst& burst, const Packet& packet,
                                               FlowRef flow) noexcept {
    const DropReason reason = recorded_verdict(context, burst, packet, flow);
    if (reason != DropReason::kNone) [[unlikely]] {
        // Stopped traffic is a sign of life, too, if it is the endpoint's own.
        if (packet.meta.zone.is_inside() && packet.meta.source_mac == flow.record->lan_mac()) {
            context.deps.activity.seen(flow.record->endpoint(index(flow.direction)), burst.now_ms);
        }
        if (reason == DropReason::kPageOver) {
            end_page(context, burst, packet, flow);
        } else {
            refuse(context, burst, packet, reason, flow.record->rule());
        }
        return;
    }
    Verdict recorded;
    recorded.reason = reason;
    const Permit permit = context.deps.gate.permit(recorded);
    if (flow.record->advance_state(packet.meta.protocol, flow.direction, packet.meta.tcp_flags)) [[unlikely]] {
        context.deps.flows.settled(*flow.record);
    }
    if (burst.now_ms - flow.record->last_seen_ms() >= seen_after_ms(packet)) [[unlikely]] {
        mark_seen(context, burst, packet, flow);
    }
    const NextHop* hop = cached_next_hop(context, burst, flow);
    if (hop == nullptr) [[unlikely]] {
        if (flow.record->to_role(flow.direction) == ZoneRole::kAppliance) {
            punt_answer(context, burst, packet, flow, permit);
            return;
        }
        hop = route_again(context, burst, packet, flow);
        if (hop == nullptr) return;
    }
    const DropReason obstacle = check_sendable(context, burst, packet, *hop);
    if (obstacle != DropReason::kNone) [[unlikely]] {
        if (fits_in_fragments(packet.meta, obstacle)) {
            send_fragments(context, packet, flow, *hop, permit);
        } else {
            context.drop(packet.mbuf, obstacle);
        }
        return;
    }
    send(context, packet, flow, *hop, permit);
}

}  // namespace

void forward_found(WorkerContext& context, const Burst& burst, const Packet& packet, FlowRef flow) noexcept {
    forward_hit(context, burst, packet, flow);
}

void forward(WorkerContext& context, Burst& burst) noexcept {
    for (unsigned i = 0; i < burst.count; ++i) {
        const Packet packet{.mbuf = burst.packets[i], .meta = burst.meta[i]};
        if (packet.meta.reason != DropReason::kNone) [[unlikely]] {
            if (packet.meta.reason == DropReason::kOwnMac) {
                context.alarms.put(
                    {.reason = DropReason::kOwnMac, .zone = packet.meta.zone, .mac = packet.meta.source_mac},
                    burst.now_ms);
            }
            context.drop(packet.mbuf, packet.meta.reason);
        } else if (burst.flows[i].record != nullptr) [[likely]] {
            forward_hit(context, burst, packet, burst.flows[i]);
        } else {
            decide(context, burst, packet);
        }
    }
}

}  // namespace heartgate::dataplane
