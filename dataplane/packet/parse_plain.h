// SPDX-License-Identifier: Apache-2.0
// The way of nearly all packets through the parser: TCP or UDP, whole, in IPv4 without options or IPv6 without
// extension headers, in an unicast frame without a tag. The checks are those of parse.cpp; a packet that fails one, or
// that is of another kind, is left to it, which also names the reason. What nobody can foresee from packet to packet,
// TCP or UDP, is told apart by arithmetic instead of a branch.
#pragma once

#include <netinet/in.h>

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "dataplane/flow/flow_state.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/packet_meta.h"
#include "dataplane/packet/parse_origin.h"

namespace heartgate::dataplane {

inline constexpr std::uint8_t kTcpFlagsMask = 0x3f;

// No sender makes other ones; scanners do, to slip past filters: a segment opens, ends or resets, and all but the first
// SYN and some resets acknowledge (RFC 9293, 3.1 and 3.10.7.4).
[[nodiscard]] constexpr bool sane_tcp_flags(unsigned flags) noexcept {
    const unsigned control = flags & (tcp::kSyn | tcp::kFin | tcp::kRst);
    const bool alone = (control & (control - 1U)) == 0;
    return alone && ((flags & tcp::kAck) != 0 || control == tcp::kSyn || control == tcp::kRst);
}

namespace plain {

// Bit by flags.
inline constexpr std::uint64_t kSaneFlags = [] {
    std::uint64_t sane = 0;
    for (unsigned flags = 0; flags <= kTcpFlagsMask; ++flags) sane |= std::uint64_t{sane_tcp_flags(flags)} << flags;
    return sane;
}();

// Of one machine: not a group's (the lowest bit), not zero.
[[gnu::always_inline, nodiscard]] inline bool is_station(std::uint64_t mac) noexcept {
    return std::rotr(mac, 1) - 1U < 1ULL << 47U;
}

// A frame to us, from a station that is not we.
[[gnu::always_inline, nodiscard]] inline bool link_is_sound(const std::uint8_t* frame, std::uint64_t source,
                                                            const ParseOrigin& origin) noexcept {
    return load_mac(frame) == origin.mac && source != origin.mac && is_station(source);
}

// 6 and 17 differ in their second bit, which is how they are told apart here: comparisons would become branches.
static_assert(IPPROTO_TCP == 0b00110 && IPPROTO_UDP == 0b10001);
[[gnu::always_inline, nodiscard]] inline bool is_tcp_or_udp(std::uint8_t protocol) noexcept {
    constexpr std::uint32_t kThese = 1U << IPPROTO_TCP | 1U << IPPROTO_UDP;
    return protocol < 32 && (kThese >> protocol & 1U) != 0;
}

// All bits for TCP, none for UDP.
[[gnu::always_inline, nodiscard]] inline std::uint32_t tcp_mask_of(std::uint8_t protocol) noexcept {
    return 0U - (protocol >> 1U & 1U);
}

// TCP (RFC 9293, 3.1) and UDP (RFC 768) both say how long something is, the header or the datagram, which neither falls
// short of the header nor goes beyond the packet. `available`: from `header` to the end of the IP packet. Precondition
// of all these: as many bytes can be read as TCP's header has.
[[gnu::always_inline, nodiscard]] inline bool length_is_sound(const std::uint8_t* header, std::uint32_t available,
                                                              std::uint32_t tcp_mask) noexcept {
    const std::uint32_t least = udp_header::kLength + ((tcp_header::kLength - udp_header::kLength) & tcp_mask);
    const std::uint32_t tcp_length = header[tcp_header::kDataOffset] >> 2U & 0x3cU;
    const std::uint32_t udp_length = load16(header + udp_header::kLengthField);
    const std::uint32_t length = udp_length ^ ((udp_length ^ tcp_length) & tcp_mask);
    return available >= least && length - least <= available - least;
}

// Neither goes to port 0, from which only UDP may come (RFC 6335, 6). `ports`: both, as they stand in the packet.
[[gnu::always_inline, nodiscard]] inline bool ports_are_sound(std::uint32_t ports, std::uint32_t flags,
                                                              std::uint32_t tcp_mask) noexcept {
    const std::uint64_t sane = kSaneFlags >> flags | ~tcp_mask;
    return (sane & 1U) != 0 && ((ports & 0xffffU) | ~tcp_mask) != 0 && ports >> 16U != 0;
}

// Where it came in.
struct Ingress {
    Zone zone;
    std::uint16_t vlan;
};

// The eight bytes of a flow key behind the addresses.
[[gnu::always_inline, nodiscard]] inline std::uint64_t key_tail(std::uint32_t ports, std::uint8_t protocol,
                                                                Ingress ingress) noexcept {
    const std::uint32_t zone = std::uint32_t{ingress.zone.raw()} << 8U;
    return ports | std::uint64_t{protocol | zone | std::uint32_t{ingress.vlan} << 16U} << 32U;
}

[[gnu::always_inline, nodiscard]] inline bool parse_ipv4(std::span<const std::uint8_t> bytes,
                                                         std::uint32_t frame_length, const ParseOrigin& origin,
                                                         Ingress ingress, PacketMeta& meta) noexcept {
    constexpr std::uint16_t kNetwork = ethernet::kLength;
    constexpr std::uint16_t kTransport = kNetwork + ipv4::kLength;
    if (bytes.size() < kTransport + tcp_header::kLength) return false;
    const std::uint8_t* const frame = bytes.data();
    const std::uint8_t* const ip = frame + kNetwork;
    const std::uint64_t source_mac = load_mac(frame + ethernet::kSource);
    const std::uint8_t protocol = ip[ipv4::kProtocol];
    const auto fragment = load_raw<std::uint16_t>(ip + ipv4::kFragment);
    if (!link_is_sound(frame, source_mac, origin) || ip[0] != 0x45 || (fragment & swap16(ipv4::kFragmentMask)) != 0 ||
        !is_tcp_or_udp(protocol)) {
        return false;
    }
    const std::uint32_t total = load16(ip + ipv4::kTotalLength);
    if (total < ipv4::kLength || total > frame_length - kNetwork || checksum_fold(ipv4_header_sum(ip)) != 0xffff) {
        return false;
    }
    // From 0/8, 127/8, 224/3 or link-local (169.254/16), or to a group: not here.
    const unsigned first = ip[ipv4::kSource];
    if (first - 1U >= 223 || first == 127 || load_raw<std::uint16_t>(ip + ipv4::kSource) == swap16(0xa9fe) ||
        ip[ipv4::kDestination] >= 224) {
        return false;
    }
    const std::uint8_t* const transport = frame + kTransport;
    const std::uint32_t tcp_mask = tcp_mask_of(protocol);
    const std::uint32_t flags = transport[tcp_header::kFlags] & kTcpFlagsMask & tcp_mask;
    const auto ports = load_raw<std::uint32_t>(transport);
    if (!length_is_sound(transport, total - std::uint32_t{ipv4::kLength}, tcp_mask) ||
        !ports_are_sound(ports, flags, tcp_mask)) {
        return false;
    }
    const std::array<std::uint64_t, 2> key{load_raw<std::uint64_t>(ip + ipv4::kSource),  // and the destination
                                           key_tail(ports, protocol, ingress)};
    meta = PacketMeta{.key = std::bit_cast<FlowKey4>(key),
                      .source_mac = source_mac,
                      .network = kNetwork,
                      .transport = kTransport,
                      .ether_type = ethernet::kIpv4,
                      .tcp_flags = static_cast<std::uint8_t>(flags),
                      .ip_length = static_cast<std::uint16_t>(total),
                      .vlan = ingress.vlan,
                      .source_port = swap16(static_cast<std::uint16_t>(ports)),
                      .destination_port = swap16(static_cast<std::uint16_t>(ports >> 16U)),
                      .protocol = protocol,
                      .hop_limit = ip[ipv4::kTtl],
                      .zone = ingress.zone,
                      .has_key = true,
                      .dont_fragment = (fragment & swap16(ipv4::kDontFragment)) != 0};
    return true;
}

[[gnu::always_inline, nodiscard]] inline bool parse_ipv6(std::span<const std::uint8_t> bytes,
                                                         std::uint32_t frame_length, const ParseOrigin& origin,
                                                         Ingress ingress, PacketMeta& meta, FlowKey6& key) noexcept {
    constexpr std::uint16_t kNetwork = ethernet::kLength;
    constexpr std::uint16_t kTransport = kNetwork + ipv6::kLength;
    if (bytes.size() < kTransport + tcp_header::kLength) return false;
    const std::uint8_t* const frame = bytes.data();
    const std::uint8_t* const ip = frame + kNetwork;
    const std::uint64_t source_mac = load_mac(frame + ethernet::kSource);
    const std::uint8_t protocol = ip[ipv6::kNextHeader];
    if (!link_is_sound(frame, source_mac, origin) || (ip[0] >> 4U) != 6 || !is_tcp_or_udp(protocol)) return false;
    const std::uint32_t payload = load16(ip + ipv6::kPayloadLength);
    if (payload > frame_length - kTransport || ipv6::kLength + payload > 0xffff) return false;
    // Groups, and addresses that begin with 64 zero bits: unspecified, loopback and IPv4-mapped ones are among them.
    const auto source = load_raw<std::uint64_t>(ip + ipv6::kSource);
    const auto destination = load_raw<std::uint64_t>(ip + ipv6::kDestination);
    if (source == 0 || destination == 0 || (source & 0xffU) == 0xff || (destination & 0xffU) == 0xff) return false;
    const std::uint8_t* const transport = frame + kTransport;
    const std::uint32_t tcp_mask = tcp_mask_of(protocol);
    const std::uint32_t flags = transport[tcp_header::kFlags] & kTcpFlagsMask & tcp_mask;
    const auto ports = load_raw<std::uint32_t>(transport);
    if (!length_is_sound(transport, payload, tcp_mask) || !ports_are_sound(ports, flags, tcp_mask)) return false;
    meta = PacketMeta{.source_mac = source_mac,
                      .network = kNetwork,
                      .transport = kTransport,
                      .ether_type = ethernet::kIpv6,
                      .tcp_flags = static_cast<std::uint8_t>(flags),
                      .ip_length = static_cast<std::uint16_t>(ipv6::kLength + payload),
                      .vlan = ingress.vlan,
                      .source_port = swap16(static_cast<std::uint16_t>(ports)),
                      .destination_port = swap16(static_cast<std::uint16_t>(ports >> 16U)),
                      .protocol = protocol,
                      .hop_limit = ip[ipv6::kHopLimit],
                      .zone = ingress.zone,
                      .has_key = true,
                      .dont_fragment = true};
    auto* const at = reinterpret_cast<std::uint8_t*>(&key);
    std::memcpy(at, ip + ipv6::kSource, sizeof key.source + sizeof key.destination);
    store_raw(at + offsetof(FlowKey6, source_port), key_tail(ports, protocol, ingress));
    key.zero = 0;
    return true;
}

}  // namespace plain

// True: all of `meta` is filled in, and for IPv6 `key6`. False: parse_any() is to be asked.
[[gnu::always_inline, nodiscard]] inline bool parse_plain(std::span<const std::uint8_t> bytes,
                                                          std::uint32_t frame_length, std::uint16_t stripped_tag,
                                                          const ParseOrigin& origin, PacketMeta& meta,
                                                          FlowKey6& key6) noexcept {
    if (bytes.size() < ethernet::kLength || origin.zones == nullptr) return false;
    const auto vlan = static_cast<std::uint16_t>(stripped_tag & ethernet::kVlanIdMask);
    const plain::Ingress ingress{.zone = (*origin.zones)[vlan], .vlan = vlan};
    if (ingress.zone.is_appliance()) return false;
    switch (load_raw<std::uint16_t>(bytes.data() + ethernet::kType)) {
        case swap16(ethernet::kIpv4):
            return plain::parse_ipv4(bytes, frame_length, origin, ingress, meta);
        case swap16(ethernet::kIpv6):
            return plain::parse_ipv6(bytes, frame_length, origin, ingress, meta, key6);
        default:
            return false;
    }
}

}  // namespace heartgate::dataplane
