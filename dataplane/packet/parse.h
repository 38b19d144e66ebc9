// SPDX-License-Identifier: Apache-2.0
// From bytes to PacketMeta: Ethernet, VLAN, ARP, IPv4, IPv6 with its extension headers, TCP, UDP, ICMP. Knows nothing
// of mbufs, policy or routes. Never reads outside the span it is given.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/packet/address.h"
#include "dataplane/packet/packet_meta.h"
#include "dataplane/packet/parse_origin.h"
#include "dataplane/packet/parse_plain.h"

namespace heartgate::dataplane {

// parse.cpp: the same as parse() for every packet, the plain ones among them.
void parse_any(std::span<const std::uint8_t> bytes, std::uint32_t frame_length, std::uint16_t stripped_tag,
               const ParseOrigin& origin, PacketMeta& meta, FlowKey6& key6) noexcept;

// `bytes`: the frame, or its first segment, which must hold all headers. `frame_length`: of the whole frame, at least
// bytes.size(). `stripped_tag`: the tag control information that the NIC has taken out of the frame, 0: none. Fills
// `meta`, for IPv6 `key6`; meta.reason says why the packet cannot go on, kNone if it can.
[[gnu::always_inline]] inline void parse(std::span<const std::uint8_t> bytes, std::uint32_t frame_length,
                                         std::uint16_t stripped_tag, const ParseOrigin& origin, PacketMeta& meta,
                                         FlowKey6& key6) noexcept {
    if (!parse_plain(bytes, frame_length, stripped_tag, origin, meta, key6)) [[unlikely]] {
        parse_any(bytes, frame_length, stripped_tag, origin, meta, key6);
    }
}

// The addresses of a parsed IP packet whose frame begins at `frame`.
[[nodiscard]] IpAddress source_address(const std::uint8_t* frame, const PacketMeta& meta) noexcept;
[[nodiscard]] IpAddress destination_address(const std::uint8_t* frame, const PacketMeta& meta) noexcept;

}  // namespace heartgate::dataplane
