// SPDX-License-Identifier: Apache-2.0
// What the parse stage finds out about a packet and every later stage works with: one cache line, on the worker.
#pragma once

#include <cstdint>

#include "dataplane/contract/drop_reason.h"
#include "dataplane/flow/flow_key.h"
#include "dataplane/packet/address.h"
#include "dataplane/packet/ether_type.h"

namespace heartgate::dataplane {

struct alignas(64) PacketMeta {
    FlowKey4 key{};  // IPv4 with a flow key; IPv6 keys are kept apart, being three times as large
    PackedMac source_mac = 0;
    // Of most packets the first eight of these bytes are the same, and the second eight are zero.
    std::uint16_t network = 0;    // offset of the IP header (or of ARP)
    std::uint16_t transport = 0;  // offset of TCP, UDP, ICMP
    std::uint16_t ether_type = 0;
    std::uint16_t fragment_begin = 0;           // of a fragment: its bytes of the datagram's payload are
    std::uint32_t fragment_identification = 0;  // as it stands in the packet
    std::uint16_t fragment_end = 0;             // [begin, end)
    contract::DropReason reason = contract::DropReason::kNone;
    std::uint8_t tcp_flags = 0;
    std::uint16_t ip_length = 0;         // bytes from the IP header to the end; what follows is padding
    std::uint16_t vlan = 0;              // tag, 0: none
    std::uint16_t source_port = 0;       // host order; ICMP echo: identifier, other ICMP: 0
    std::uint16_t destination_port = 0;  // host order; ICMP: type
    std::uint8_t protocol = 0;           // upper layer, after IPv6 extension headers
    std::uint8_t hop_limit = 0;
    Zone zone = kAppliance;  // that it came from; kAppliance: Linux sent it, or its tag is unknown

    bool has_key : 1 = false;              // TCP, UDP or ICMP echo, not in fragments
    bool fragment : 1 = false;             // a part of an IP packet
    bool first_fragment : 1 = false;       // the one with the upper-layer header
    bool last_fragment : 1 = false;        // also of an IPv6 packet that is whole in one fragment
    bool fragment_key : 1 = false;         // a first fragment whose flow key is filled in all the same
    bool group_frame : 1 = false;          // layer 2 broadcast or multicast
    bool group_destination : 1 = false;    // IP broadcast or multicast
    bool neighbour_discovery : 1 = false;  // RFC 4861, with hop limit 255
    bool icmp_error : 1 = false;           // quotes the packet that it is about
    bool dont_fragment : 1 = false;        // IPv4 DF; always for IPv6
    std::uint8_t unused : 6 = 0;           // so that all of them are written as a whole

    [[nodiscard]] bool is_ipv6() const noexcept { return ether_type == ethernet::kIpv6; }
    [[nodiscard]] bool is_ip() const noexcept { return ether_type == ethernet::kIpv6 || ether_type == ethernet::kIpv4; }

    friend bool operator==(const PacketMeta&, const PacketMeta&) = default;
};
static_assert(sizeof(PacketMeta) == 64);

}  // namespace heartgate::dataplane
