// SPDX-License-Identifier: Apache-2.0
// A TCP reset, byte by byte; see the header.
#include "dataplane/packet/tcp_reset.h"

#include <netinet/in.h>

#include <cstring>

#include "dataplane/flow/flow_state.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"

namespace heartgate::dataplane {

namespace {

constexpr std::uint8_t kTtl = 64;

// RFC 9293, 3.4: SYN and FIN take a place in the sequence, too.
std::uint32_t sequence_length(const TcpSegment& segment) noexcept {
    const std::uint8_t flags = segment.transport[tcp_header::kFlags];
    const std::uint32_t header = (segment.transport[tcp_header::kDataOffset] >> 4U) * 4U;
    return segment.length - header + ((flags & tcp::kSyn) != 0 ? 1U : 0U) + ((flags & tcp::kFin) != 0 ? 1U : 0U);
}

// RFC 9293, 3.10.7.1. The addresses are in `out` already: the checksum covers them.
void write_tcp(const TcpSegment& segment, std::span<const std::uint8_t> addresses, std::uint8_t* out) noexcept {
    const std::uint8_t* in = segment.transport;
    std::memset(out, 0, tcp_header::kLength);
    std::memcpy(out, in + 2, 2);
    std::memcpy(out + 2, in, 2);
    out[tcp_header::kDataOffset] = (tcp_header::kLength / 4U) << 4U;
    if ((in[tcp_header::kFlags] & tcp::kAck) != 0) {
        std::memcpy(out + tcp_header::kSequence, in + tcp_header::kAcknowledgement, 4);
        out[tcp_header::kFlags] = tcp::kRst;
    } else {
        store32(out + tcp_header::kAcknowledgement, load32(in + tcp_header::kSequence) + sequence_length(segment));
        out[tcp_header::kFlags] = tcp::kRst | tcp::kAck;
    }
    const std::uint64_t sum = checksum_sum(addresses) + swap16(tcp_header::kLength) + swap16(IPPROTO_TCP) +
                              checksum_sum({out, tcp_header::kLength});
    store_raw(out + tcp_header::kChecksum, static_cast<std::uint16_t>(~checksum_fold(sum)));
}

void write_ipv4(const TcpSegment& segment, std::uint8_t* ip) noexcept {
    std::memset(ip, 0, ipv4::kLength);
    ip[0] = 0x45;
    store16(ip + ipv4::kTotalLength, ipv4::kLength + tcp_header::kLength);
    ip[ipv4::kTtl] = kTtl;
    ip[ipv4::kProtocol] = IPPROTO_TCP;
    std::memcpy(ip + ipv4::kSource, segment.ip + ipv4::kDestination, 4);
    std::memcpy(ip + ipv4::kDestination, segment.ip + ipv4::kSource, 4);
    store_raw(ip + ipv4::kChecksum, internet_checksum({ip, ipv4::kLength}));
}

void write_ipv6(const TcpSegment& segment, std::uint8_t* ip) noexcept {
    std::memset(ip, 0, ipv6::kLength);
    ip[0] = 0x60;
    store16(ip + ipv6::kPayloadLength, tcp_header::kLength);
    ip[ipv6::kNextHeader] = IPPROTO_TCP;
    ip[ipv6::kHopLimit] = kTtl;
    std::memcpy(ip + ipv6::kSource, segment.ip + ipv6::kDestination, 16);
    std::memcpy(ip + ipv6::kDestination, segment.ip + ipv6::kSource, 16);
}

}  // namespace

std::size_t build_tcp_reset(const TcpSegment& segment, std::span<std::uint8_t> out) noexcept {
    if ((segment.transport[tcp_header::kFlags] & tcp::kRst) != 0) return 0;
    const std::size_t ip_length = segment.ipv6 ? ipv6::kLength : ipv4::kLength;
    if (out.size() < ip_length + tcp_header::kLength) return 0;
    std::uint8_t* ip = out.data();
    if (segment.ipv6) {
        write_ipv6(segment, ip);
        write_tcp(segment, {ip + ipv6::kSource, 32}, ip + ip_length);
    } else {
        write_ipv4(segment, ip);
        write_tcp(segment, {ip + ipv4::kSource, 8}, ip + ip_length);
    }
    return ip_length + tcp_header::kLength;
}

}  // namespace heartgate::dataplane
