// SPDX-License-Identifier: Apache-2.0
// From bytes to PacketMeta: Ethernet, VLAN, ARP, IPv4, IPv6 with its extension headers, TCP, UDP, ICMP. Knows nothing
// of mbufs, policy or routes. Never reads outside the span it is given.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/packet/address.h"
#include "dataplane/packet/packet_meta.h"
#include "dataplane/port/zone_table.h"

namespace heartgate::dataplane {

// Where a frame comes from.
struct ParseOrigin {
    std::uint64_t mac = 0;                   // the appliance's on this port, as flow_record.h packs it
    const ZoneTable::Tags* zones = nullptr;  // of the port; null: Linux sent it, link-layer addresses are not checked
    std::uint16_t linux_vlan = 0;            // tag of all that Linux sends this way, 0: untagged
};

// `bytes`: the frame, or its first segment, which must hold all headers. `frame_length`: of the whole frame, at least
// bytes.size(). `stripped_tag`: the tag control information that the NIC has taken out of the frame, 0: none. Fills
// `meta`, for IPv6 `key6`; meta.reason says why the packet cannot go on, kNone if it can.
void parse(std::span<const std::uint8_t> bytes, std::uint32_t frame_length, std::uint16_t stripped_tag,
           const ParseOrigin& origin, PacketMeta& meta, FlowKey6& key6) noexcept;

// The addresses of a parsed IP packet whose frame begins at `frame`.
[[nodiscard]] IpAddress source_address(const std::uint8_t* frame, const PacketMeta& meta) noexcept;
[[nodiscard]] IpAddress destination_address(const std::uint8_t* frame, const PacketMeta& meta) noexcept;

}  // namespace heartgate::dataplane
