// SPDX-License-Identifier: Apache-2.0
// Who a packet's share of anything is taken from: the machine by its MAC address; in a routed zone, where all machines
// have the switch's, by its IP address.
#pragma once

#include <cstring>

#include "dataplane/packet/parse.h"
#include "dataplane/worker/burst.h"
#include "dataplane/worker/context.h"

namespace heartgate::dataplane {

[[nodiscard]] inline std::uint64_t sender_of(const Packet& packet) noexcept {
    const PacketMeta& meta = packet.meta;
    if (meta.zone.role() != ZoneRole::kRouted || !meta.is_ip()) return meta.source_mac;
    const IpAddress source = source_address(packet.frame(), meta);
    std::uint64_t halves[2];
    std::memcpy(halves, source.bytes.data(), sizeof halves);
    return halves[0] * 0x9e3779b97f4a7c15ULL ^ halves[1];
}

// One machine's new flows must leave time for the others' packets.
[[nodiscard]] inline bool may_open(WorkerContext& context, const Burst& burst, const Packet& packet) noexcept {
    return !packet.meta.zone.is_inside() || context.deps.new_flows_per_second == 0 ||
           context.new_flows.of(sender_of(packet)).take(context.deps.new_flows_per_second, burst.now_ms);
}

}  // namespace heartgate::dataplane
