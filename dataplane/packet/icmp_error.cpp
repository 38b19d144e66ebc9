// SPDX-License-Identifier: Apache-2.0
// ICMP errors, byte by byte; see the header.
#include "dataplane/packet/icmp_error.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"

namespace heartgate::dataplane {

namespace {

constexpr std::uint8_t kTtl = 64;
constexpr std::uint8_t kInternetworkControl = 0xc0;  // RFC 1812, 4.3.2.5: precedence 6
constexpr std::size_t kMostIpv4 = 576;               // RFC 1812, 4.3.2.3

std::size_t build_ipv4(const IcmpError& error, std::span<const std::uint8_t> original,
                       std::span<std::uint8_t> out) noexcept {
    const std::size_t quoted = std::min(original.size(), kMostIpv4 - ipv4::kLength - icmp::kLength);
    const std::size_t length = ipv4::kLength + icmp::kLength + quoted;
    if (out.size() < length) return 0;
    std::memset(out.data(), 0, ipv4::kLength + icmp::kLength);

    std::uint8_t* ip = out.data();
    ip[0] = 0x45;
    ip[1] = kInternetworkControl;
    store16(ip + ipv4::kTotalLength, static_cast<std::uint16_t>(length));
    ip[ipv4::kTtl] = kTtl;
    ip[ipv4::kProtocol] = IPPROTO_ICMP;
    store_raw(ip + ipv4::kSource, error.source.ipv4());
    std::memcpy(ip + ipv4::kDestination, original.data() + ipv4::kSource, 4);
    store_raw(ip + ipv4::kChecksum, internet_checksum({ip, ipv4::kLength}));

    std::uint8_t* message = ip + ipv4::kLength;
    if (error.kind == IcmpError::Kind::kTimeExceeded) {
        message[0] = icmp::kTimeExceeded;
    } else if (error.kind == IcmpError::Kind::kProhibited) {
        message[0] = icmp::kUnreachable;
        message[icmp::kCode] = icmp::kProhibited;
    } else {
        message[0] = icmp::kUnreachable;
        message[icmp::kCode] = icmp::kFragmentationNeeded;
        store16(message + 6, error.mtu);  // RFC 1191, 4
    }
    std::memcpy(message + icmp::kLength, original.data(), quoted);
    store_raw(message + icmp::kChecksum, internet_checksum({message, icmp::kLength + quoted}));
    return length;
}

std::size_t build_ipv6(const IcmpError& error, std::span<const std::uint8_t> original,
                       std::span<std::uint8_t> out) noexcept {
    const std::size_t quoted = std::min(original.size(), kMostIcmpError - ipv6::kLength - icmp::kLength);
    const std::size_t payload = icmp::kLength + quoted;
    if (out.size() < ipv6::kLength + payload) return 0;
    std::memset(out.data(), 0, ipv6::kLength + icmp::kLength);

    std::uint8_t* ip = out.data();
    ip[0] = 0x60;
    store16(ip + ipv6::kPayloadLength, static_cast<std::uint16_t>(payload));
    ip[ipv6::kNextHeader] = IPPROTO_ICMPV6;
    ip[ipv6::kHopLimit] = kTtl;
    std::memcpy(ip + ipv6::kSource, error.source.bytes.data(), 16);
    std::memcpy(ip + ipv6::kDestination, original.data() + ipv6::kSource, 16);

    std::uint8_t* message = ip + ipv6::kLength;
    if (error.kind == IcmpError::Kind::kTimeExceeded) {
        message[0] = icmp::kV6TimeExceeded;
    } else if (error.kind == IcmpError::Kind::kProhibited) {
        message[0] = icmp::kV6Unreachable;
        message[icmp::kCode] = icmp::kV6Prohibited;
    } else {
        message[0] = icmp::kV6TooBig;
        store32(message + 4, error.mtu);
    }
    std::memcpy(message + icmp::kLength, original.data(), quoted);
    // RFC 8200, 8.1: over the pseudo header, too.
    const std::uint64_t sum = checksum_sum({ip + ipv6::kSource, 32}) + swap16(static_cast<std::uint16_t>(payload)) +
                              swap16(IPPROTO_ICMPV6) + checksum_sum({message, payload});
    store_raw(message + icmp::kChecksum, static_cast<std::uint16_t>(~checksum_fold(sum)));
    return ipv6::kLength + payload;
}

}  // namespace

std::size_t build_icmp_error(const IcmpError& error, std::span<const std::uint8_t> original,
                             std::span<std::uint8_t> out) noexcept {
    if (error.source.is_ipv4()) {
        return original.size() < ipv4::kLength ? 0 : build_ipv4(error, original, out);
    }
    return original.size() < ipv6::kLength ? 0 : build_ipv6(error, original, out);
}

}  // namespace heartgate::dataplane
