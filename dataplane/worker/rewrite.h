// SPDX-License-Identifier: Apache-2.0
// What changes in a packet on its way out: source NAT, TTL, padding, link-layer header. Inline, since every packet goes
// through it.
#pragma once

#include <netinet/in.h>

#include <cstddef>
#include <cstring>

#include "dataplane/flow/flow_record.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "dataplane/route/route_table.h"
#include "dataplane/worker/burst.h"

namespace heartgate::dataplane {

namespace rewriting {

// What source NAT changes in packets of one direction: forward the source becomes what the answers go to, in the reply
// the destination what the flow came from (RFC 3022, 4.1). The direction is an exchange by arithmetic and no branch,
// and an offset in the packet, where source and destination lie side by side.
struct Translation {
    std::uint64_t address_change;  // to be added to a checksum's sum; not folded
    std::uint32_t port_change;
    std::uint32_t address;
    std::uint16_t port;
    std::size_t side;  // 0: the source changes, 1: the destination

    [[gnu::always_inline]] Translation(const FlowRecord& record, Direction direction) noexcept
        : side{index(direction)} {
        const FlowKey4& inside = record.key4(Direction::kForward);
        const FlowKey4& outside = record.key4(Direction::kReply);
        const std::uint32_t mask = 0U - static_cast<std::uint32_t>(side);
        const std::uint32_t addresses = (inside.source ^ outside.destination) & mask;
        const std::uint32_t ports = (std::uint32_t{inside.source_port} ^ outside.destination_port) & mask;
        address = outside.destination ^ addresses;
        port = static_cast<std::uint16_t>(outside.destination_port ^ ports);
        address_change = std::uint64_t{~(inside.source ^ addresses)} + address;
        port_change = (0xffffU ^ inside.source_port ^ ports) + port;
    }
};

// RFC 1624, equation 3. The caller decides what to make of a result of zero.
[[nodiscard]] inline std::uint16_t adjusted(std::uint16_t checksum, std::uint64_t change) noexcept {
    return static_cast<std::uint16_t>(~checksum_fold(static_cast<std::uint16_t>(~checksum) + change));
}

inline void adjust(std::uint8_t* checksum, std::uint64_t change) noexcept {
    store_raw(checksum, adjusted(load_raw<std::uint16_t>(checksum), change));
}

// TCP or UDP by arithmetic, since nobody can foresee which of them comes next. RFC 768: a checksum of zero means that
// there is none; one that comes out as zero is sent as all ones.
[[gnu::always_inline]] inline void adjust_transport(std::uint8_t* transport, std::uint8_t protocol,
                                                    std::uint64_t change) noexcept {
    const auto is_udp = static_cast<unsigned>(protocol == IPPROTO_UDP);
    std::uint8_t* const checksum =
        transport + tcp_header::kChecksum - (tcp_header::kChecksum - udp_header::kChecksum) * is_udp;
    const auto before = load_raw<std::uint16_t>(checksum);
    if ((static_cast<unsigned>(before == 0) & is_udp) != 0) [[unlikely]]
        return;
    const std::uint16_t after = adjusted(before, change);
    store_raw(checksum, static_cast<std::uint16_t>(after - (static_cast<unsigned>(after == 0) & is_udp)));
}

// RFC 1624, 3: of the two zeros only all ones is right for data that is all zero, as an echo reply may become. For
// anything else they are the same.
inline void adjust_icmp(std::uint8_t* checksum, std::uint64_t change) noexcept {
    const std::uint16_t after = adjusted(load_raw<std::uint16_t>(checksum), change);
    store_raw(checksum, after == 0 ? std::uint16_t{0xffff} : after);
}

[[gnu::always_inline]] inline void translate(std::uint8_t* ip, std::uint8_t* transport, std::uint8_t protocol,
                                             const Translation& translation) noexcept {
    store_raw(ip + ipv4::kSource + translation.side * sizeof translation.address, translation.address);
    if (protocol == IPPROTO_ICMP) [[unlikely]] {  // echo; no pseudo header
        store_raw(transport + icmp::kIdentifier, translation.port);
        adjust_icmp(transport + icmp::kChecksum, translation.port_change);
        return;
    }
    store_raw(transport + translation.side * sizeof translation.port, translation.port);
    adjust_transport(transport, protocol, translation.address_change + translation.port_change);
}

// Destination NAT, of TCP and UDP: forward the destination, in the reply the source. Returns what it adds to the IPv4
// header's checksum.
inline std::uint16_t redirect(std::uint8_t* ip, std::uint8_t* transport, std::uint8_t protocol,
                              const FlowRecord& record, Direction direction) noexcept {
    const bool forward = direction == Direction::kForward;
    const std::uint16_t addresses = record.redirect_address_delta(direction);
    const std::uint16_t delta = add_deltas(addresses, record.redirect_port_delta(direction));
    store_raw(ip + (forward ? ipv4::kDestination : ipv4::kSource), record.redirect_address(direction));
    store_raw(transport + (forward ? 2 : 0), record.redirect_port(direction));
    adjust_transport(transport, protocol, delta);
    return addresses;
}

// RFC 894; IEEE 802.1Q. Moves the start of the frame if the two sides differ in tagging. False: no headroom.
[[gnu::always_inline, nodiscard]] inline bool write_link_layer(const Packet& packet, const NextHop& next_hop) noexcept {
    if (next_hop.vlan == 0 && packet.meta.network == ethernet::kLength) [[likely]] {  // the type stays as it is
        std::memcpy(packet.frame(), &next_hop, ethernet::kType);
        return true;
    }
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
[[gnu::always_inline, nodiscard]] inline bool finish(const Packet& packet, const NextHop& next_hop) noexcept {
    const std::uint32_t end = std::uint32_t{packet.meta.network} + packet.meta.ip_length;
    if (packet.mbuf->nb_segs == 1) [[likely]] {  // padded or not, which nobody can foresee
        packet.mbuf->data_len = static_cast<std::uint16_t>(end);
        packet.mbuf->pkt_len = end;
    } else if (packet.mbuf->pkt_len > end &&
               rte_pktmbuf_trim(packet.mbuf, static_cast<std::uint16_t>(packet.mbuf->pkt_len - end)) != 0) {
        return false;
    }
    return write_link_layer(packet, next_hop);
}

}  // namespace rewriting

// False, and the packet is spoilt: no room for the link-layer header. Precondition: TTL above 1.
[[gnu::always_inline, nodiscard]] inline bool rewrite(const Packet& packet, FlowRef flow,
                                                      const NextHop& next_hop) noexcept {
    const PacketMeta& meta = packet.meta;
    std::uint8_t* frame = packet.frame();
    std::uint8_t* ip = frame + meta.network;
    if (meta.is_ipv6()) {
        --ip[ipv6::kHopLimit];  // RFC 8200, 3
    } else {
        --ip[ipv4::kTtl];  // RFC 1812, 5.3.1
        std::uint64_t change = kTtlDelta;
        if (flow.record->translated()) [[likely]] {
            const rewriting::Translation translation{*flow.record, flow.direction};
            rewriting::translate(ip, frame + meta.transport, meta.protocol, translation);
            change += translation.address_change;
            if (flow.record->redirected()) [[unlikely]] {
                change += rewriting::redirect(ip, frame + meta.transport, meta.protocol, *flow.record, flow.direction);
            }
        }
        rewriting::adjust(ip + ipv4::kChecksum, change);
    }
    return rewriting::finish(packet, next_hop);
}

}  // namespace heartgate::dataplane
