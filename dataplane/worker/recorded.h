// SPDX-License-Identifier: Apache-2.0
// What a flow's record says about a packet of it: may it pass, and which way. Inline, since every packet asks; shared
// by the hit path, ICMP errors about a flow's packets and fragments.
#pragma once

#include "dataplane/worker/stages.h"

namespace heartgate::dataplane {

// Does the recorded verdict stand, and what is it?
[[nodiscard]] inline contract::DropReason recorded_verdict(WorkerContext& context, const Burst& burst,
                                                           const Packet& packet, FlowRef flow) noexcept {
    const FlowRecord& record = *flow.record;
    const bool from_inside = packet.meta.zone.is_inside();
    // Between two machines inside the record has the initiator's MAC: who answers is looked up, after the record is
    // current.
    const bool neighbour =
        from_inside && flow.direction == Direction::kReply && is_inside(record.from_role(Direction::kForward));
    const PackedMac lan_mac = from_inside && !neighbour ? packet.meta.source_mac : 0;
    const contract::DropReason reason = record.current(burst.generation, burst.policy_epoch, lan_mac)
                                            ? record.reason()
                                            : decide_again(context, burst, packet, flow);
    if (neighbour && reason == contract::DropReason::kNone) [[unlikely]] {
        return check_answering_neighbour(context, packet, flow);
    }
    return reason;
}

// Whether a packet can be sent this way, for those of which no error is sent: ICMP errors and fragments that are not
// the first (RFC 1122, 3.2.2; RFC 4443, 2.4 (e)).
[[nodiscard]] inline contract::DropReason check_hop(const PacketMeta& meta, const NextHop& next_hop) noexcept {
    if (meta.hop_limit <= 1) return contract::DropReason::kTtlExceeded;
    return meta.ip_length > next_hop.mtu ? contract::DropReason::kTooBig : contract::DropReason::kNone;
}

// nullptr: none is recorded, or not under the current routes. Towards Linux none ever is.
[[nodiscard]] inline const NextHop* cached_next_hop(const WorkerContext& context, const Burst& burst,
                                                    FlowRef flow) noexcept {
    if (flow.record->route_epoch() != burst.route_epoch) [[unlikely]]
        return nullptr;
    const std::uint16_t cached = flow.record->next_hop(flow.direction);  // after the epoch, which guards it
    if (cached == kUnknownNextHop) [[unlikely]]
        return nullptr;
    return &context.deps.routes.next_hop(cached);
}

// nullptr: the packet has been held or dropped.
[[nodiscard]] inline const NextHop* recorded_next_hop(WorkerContext& context, const Burst& burst, const Packet& packet,
                                                      FlowRef flow) noexcept {
    const NextHop* const cached = cached_next_hop(context, burst, flow);
    return cached != nullptr ? cached : route_again(context, burst, packet, flow);
}

}  // namespace heartgate::dataplane
