// SPDX-License-Identifier: Apache-2.0
// See the header.
#include "dataplane/packet/quoted_packet.h"

#include <netinet/in.h>

#include <cstring>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"

namespace heartgate::dataplane {

using contract::DropReason;

namespace {

constexpr std::size_t kLeastUpper = 8;  // RFC 792
constexpr unsigned kMostExtensionHeaders = 6;

template <class Key>
DropReason fill_answer(std::span<const std::uint8_t> upper, std::uint8_t protocol, Key& answer) noexcept {
    answer.protocol = protocol;
    switch (protocol) {
        case IPPROTO_TCP:
        case IPPROTO_UDP:
            answer.source_port = load_raw<std::uint16_t>(&upper[2]);
            answer.destination_port = load_raw<std::uint16_t>(&upper[0]);
            return DropReason::kNone;
        case IPPROTO_ICMP:
        case IPPROTO_ICMPV6: {
            // See flow_key.h: a request's identifier is its source port, so it is its answer's destination port.
            const std::uint8_t type = upper[0];
            const bool ipv6 = protocol == IPPROTO_ICMPV6;
            const auto identifier = load_raw<std::uint16_t>(&upper[icmp::kIdentifier]);
            if (type == (ipv6 ? icmp::kV6EchoRequest : icmp::kEchoRequest)) {
                answer.destination_port = identifier;
            } else if (type == (ipv6 ? icmp::kV6EchoReply : icmp::kEchoReply)) {
                answer.source_port = identifier;
            } else {
                return DropReason::kUnrelatedIcmp;
            }
            return DropReason::kNone;
        }
        default:
            return DropReason::kUnrelatedIcmp;
    }
}

DropReason read_ipv4(std::span<const std::uint8_t> quoted, QuotedPacket& packet) noexcept {
    if (quoted.size() < ipv4::kLength) return DropReason::kBadTransport;
    // RFC 5508 REQ-3 (b): options are passed over.
    const std::size_t header = (quoted[0] & 0xfU) * std::size_t{4};
    if ((quoted[0] >> 4U) != 4 || header < ipv4::kLength || quoted.size() < header + kLeastUpper ||
        internet_checksum(quoted.first(header)) != 0) {
        return DropReason::kBadTransport;
    }
    if ((load16(&quoted[ipv4::kFragment]) & ipv4::kFragmentOffset) != 0) return DropReason::kUnrelatedIcmp;
    packet.protocol = quoted[ipv4::kProtocol];
    packet.transport = static_cast<std::uint16_t>(header);
    const auto source = load_raw<std::uint32_t>(&quoted[ipv4::kSource]);
    packet.source = IpAddress::from_ipv4(source);
    packet.answer4.destination = source;
    packet.answer4.source = load_raw<std::uint32_t>(&quoted[ipv4::kDestination]);
    if (packet.protocol == IPPROTO_ICMPV6) return DropReason::kUnrelatedIcmp;
    return fill_answer(quoted.subspan(header), packet.protocol, packet.answer4);
}

DropReason read_ipv6(std::span<const std::uint8_t> quoted, QuotedPacket& packet) noexcept {
    if (quoted.size() < ipv6::kLength || (quoted[0] >> 4U) != 6) return DropReason::kBadTransport;
    std::uint8_t next = quoted[ipv6::kNextHeader];
    std::size_t at = ipv6::kLength;
    const auto is_extension = [](std::uint8_t header) {
        return header == IPPROTO_HOPOPTS || header == IPPROTO_DSTOPTS || header == IPPROTO_FRAGMENT;
    };
    for (unsigned count = 0; is_extension(next); ++count) {
        if (count == kMostExtensionHeaders || quoted.size() < at + 8) return DropReason::kBadTransport;
        const bool fragment = next == IPPROTO_FRAGMENT;
        if (fragment && (load16(&quoted[at + 2]) & 0xfff8U) != 0) return DropReason::kUnrelatedIcmp;
        next = quoted[at];
        at += fragment ? 8 : (quoted[at + 1] + std::size_t{1}) * 8;
    }
    if (quoted.size() < at + kLeastUpper) return DropReason::kBadTransport;
    packet.protocol = next;
    packet.transport = static_cast<std::uint16_t>(at);
    std::memcpy(packet.source.bytes.data(), &quoted[ipv6::kSource], 16);
    std::memcpy(packet.answer6.destination.data(), &quoted[ipv6::kSource], 16);
    std::memcpy(packet.answer6.source.data(), &quoted[ipv6::kDestination], 16);
    if (next == IPPROTO_ICMP) return DropReason::kUnrelatedIcmp;
    return fill_answer(quoted.subspan(at), next, packet.answer6);
}

}  // namespace

DropReason read_quoted(std::span<const std::uint8_t> quoted, bool ipv6, QuotedPacket& packet) noexcept {
    return ipv6 ? read_ipv6(quoted, packet) : read_ipv4(quoted, packet);
}

}  // namespace heartgate::dataplane
