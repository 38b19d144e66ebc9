// SPDX-License-Identifier: Apache-2.0
// What changes in a packet on its way out: source NAT, TTL, padding, link-layer header. Inline, since every packet goes
// through it.
#pragma once

#include <netinet/in.h>

#include <cstring>

#include "dataplane/flow/flow_record.h"
#include "dataplane/nat/checksum_delta.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "dataplane/route/route_table.h"
#include "dataplane/worker/burst.h"

namespace heartgate::dataplane {

namespace rewriting {

inline void adjust(std::uint8_t* checksum, std::uint16_t delta) noexcept {
    store_raw(checksum, apply_delta(load_raw<std::uint16_t>(checksum), delta));
}

// RFC 768: a checksum of zero means that there is none; one that comes out as zero is sent as all ones.
inline void adjust_udp(std::uint8_t* checksum, std::uint16_t delta) noexcept {
    const auto before = load_raw<std::uint16_t>(checksum);
    if (before == 0) return;
    const std::uint16_t after = apply_delta(before, delta);
    store_raw(checksum, after == 0 ? std::uint16_t{0xffff} : after);
}

// RFC 1624, 3: of the two zeros only all ones is right for data that is all zero, as an echo reply may become. For
// anything else they are the same.
inline void adjust_icmp(std::uint8_t* checksum, std::uint16_t delta) noexcept {
    const std::uint16_t after = apply_delta(load_raw<std::uint16_t>(checksum), delta);
    store_raw(checksum, after == 0 ? std::uint16_t{0xffff} : after);
}

// RFC 3022, 4.1: forward the source, in the reply the destination.
inline void translate(std::uint8_t* ip, std::uint8_t* transport, std::uint8_t protocol, const FlowRecord& record,
                      Direction direction) noexcept {
    const bool forward = direction == Direction::kForward;
    store_raw(ip + (forward ? ipv4::kSource : ipv4::kDestination), record.rewrite_address(direction));
    const std::uint16_t port = record.rewrite_port(direction);
    const std::uint16_t delta = record.transport_delta(direction);
    switch (protocol) {
        case IPPROTO_UDP:
            store_raw(transport + (forward ? 0 : 2), port);
            adjust_udp(transport + udp_header::kChecksum, delta);
            break;
        case IPPROTO_TCP:
            store_raw(transport + (forward ? 0 : 2), port);
            adjust(transport + tcp_header::kChecksum, delta);
            break;
        default:  // ICMP echo
            store_raw(transport + icmp::kIdentifier, port);
            adjust_icmp(transport + icmp::kChecksum, delta);
            break;
    }
}

// RFC 894; IEEE 802.1Q. Moves the start of the frame if the two sides differ in tagging. False: no headroom.
[[nodiscard]] inline bool write_link_layer(const Packet& packet, const NextHop& next_hop) noexcept {
    const std::size_t length = next_hop.vlan == 0 ? ethernet::kLength : ethernet::kLength + ethernet::kTagLength;
    std::uint8_t* frame = packet.frame();
    if (packet.meta.network > length) {
        frame = reinterpret_cast<std::uint8_t*>(
            rte_pktmbuf_adj(packet.mbuf, static_cast<std::uint16_t>(packet.meta.network - length)));
    } else if (packet.meta.network < length) {
        frame = reinterpret_cast<std::uint8_t*>(
            rte_pktmbuf_prepend(packet.mbuf, static_cast<std::uint16_t>(length - packet.meta.network)));
    }
    if (frame == nullptr) return false;
    std::memcpy(frame, next_hop.destination.data(), 6);
    std::memcpy(frame + ethernet::kSource, next_hop.source.data(), 6);
    if (next_hop.vlan != 0) {
        store16(frame + ethernet::kType, ethernet::kVlan);
        store16(frame + ethernet::kLength, next_hop.vlan);
    }
    store16(frame + length - 2, packet.meta.ether_type);
    return true;
}

// Cuts off what fills the frame up behind the IP packet, then the link layer. False: no headroom, or padding that fills
// more than the last segment.
[[nodiscard]] inline bool finish(const Packet& packet, const NextHop& next_hop) noexcept {
    const std::uint32_t end = std::uint32_t{packet.meta.network} + packet.meta.ip_length;
    if (packet.mbuf->pkt_len > end &&
        rte_pktmbuf_trim(packet.mbuf, static_cast<std::uint16_t>(packet.mbuf->pkt_len - end)) != 0) {
        return false;
    }
    return write_link_layer(packet, next_hop);
}

}  // namespace rewriting

// False, and the packet is spoilt: no room for the link-layer header. Precondition: TTL above 1.
[[nodiscard]] inline bool rewrite(const Packet& packet, FlowRef flow, const NextHop& next_hop) noexcept {
    const PacketMeta& meta = packet.meta;
    std::uint8_t* frame = packet.frame();
    std::uint8_t* ip = frame + meta.network;
    if (meta.is_ipv6()) {
        --ip[ipv6::kHopLimit];  // RFC 8200, 3
    } else {
        --ip[ipv4::kTtl];  // RFC 1812, 5.3.1
        std::uint16_t delta = kTtlDelta;
        if (flow.record->translated()) {
            rewriting::translate(ip, frame + meta.transport, meta.protocol, *flow.record, flow.direction);
            delta = add_deltas(delta, flow.record->address_delta(flow.direction));
        }
        rewriting::adjust(ip + ipv4::kChecksum, delta);
    }
    return rewriting::finish(packet, next_hop);
}

}  // namespace heartgate::dataplane
