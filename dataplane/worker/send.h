// SPDX-License-Identifier: Apache-2.0
// A packet that may pass, towards its next hop: TTL, size, rewrite, tx. Inline, since every packet goes through it.
#pragma once

#include "dataplane/packet/mss.h"
#include "dataplane/worker/rewrite.h"
#include "dataplane/worker/stages.h"
#include "dataplane/worker/transmit.h"

namespace heartgate::dataplane {

// Whether the packet can be sent this way at all. If not, its sender is told.
[[gnu::always_inline, nodiscard]] inline contract::DropReason check_sendable(WorkerContext& context, const Burst& burst,
                                                                             const Packet& packet,
                                                                             const NextHop& next_hop) noexcept {
    if (packet.meta.hop_limit <= 1) [[unlikely]] {  // RFC 1812, 5.3.1; RFC 4443, 3.3
        send_icmp_error(context, burst, packet, IcmpError::Kind::kTimeExceeded, 0);
        return contract::DropReason::kTtlExceeded;
    }
    if (packet.meta.ip_length > next_hop.mtu) [[unlikely]] {  // RFC 1191, 4; RFC 4443, 3.2
        if (packet.meta.dont_fragment) {
            send_icmp_error(context, burst, packet, IcmpError::Kind::kTooBig, next_hop.mtu);
        }
        return contract::DropReason::kTooBig;
    }
    return contract::DropReason::kNone;
}

// Before the addresses change: the checksum is adjusted, not worked out anew. What Linux sends knows its own MTU.
[[gnu::noinline]] inline void clamp_mss(const WorkerContext& context, const Packet& packet) noexcept {
    const PacketMeta& meta = packet.meta;
    const std::uint16_t most = meta.is_ipv6() ? context.deps.mss.ipv6 : context.deps.mss.ipv4;
    if (most == 0) return;
    const std::size_t end = std::size_t{meta.network} + meta.ip_length;
    if (end > packet.mbuf->data_len) return;  // a SYN that fills several segments
    limit_mss({packet.frame() + meta.transport, end - meta.transport}, most);
}

// Precondition: check_sendable() said kNone.
[[gnu::always_inline]] inline void send(WorkerContext& context, const Packet& packet, FlowRef flow,
                                        const NextHop& next_hop, Permit permit) noexcept {
    if ((packet.meta.tcp_flags & tcp::kSyn) != 0) [[unlikely]] {
        clamp_mss(context, packet);
    }
    if (rewrite(packet, flow, next_hop)) [[likely]] {
        transmit(context, permit, next_hop.port, packet.mbuf);
    } else {
        context.drop(packet.mbuf, contract::DropReason::kNoMbuf);
    }
}

}  // namespace heartgate::dataplane
