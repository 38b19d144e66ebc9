// SPDX-License-Identifier: Apache-2.0
// The packet that an ICMP error is about, as far as the error quotes it: IP header and at least the first 8 bytes of
// what follows (RFC 792; RFC 4443, 3). Bytes only; what flow it belongs to is the caller's.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/contract/drop_reason.h"
#include "dataplane/flow/flow_key.h"
#include "dataplane/packet/address.h"

namespace heartgate::dataplane {

struct QuotedPacket {
    std::uint8_t protocol = 0;
    std::uint16_t transport = 0;  // offset of TCP, UDP, ICMP from the quoted IP header
    IpAddress source;
    // The keys of the packets that answer it; the one of its family is filled. `port` and `vlan` are the caller's:
    // where the quoted packet was sent to, its answers come from.
    FlowKey4 answer4;
    FlowKey6 answer6;
};

// `quoted`: from the quoted IP header on, to the end of the ICMP error. kBadTransport: not a packet, or too little of
// it (RFC 5508 REQ-3: an IPv4 header with a wrong checksum, too). kUnrelatedIcmp: nothing that a flow is made of (a
// later fragment, another protocol, another ICMP error).
[[nodiscard]] contract::DropReason read_quoted(std::span<const std::uint8_t> quoted, bool ipv6,
                                               QuotedPacket& packet) noexcept;

}  // namespace heartgate::dataplane
