// SPDX-License-Identifier: Apache-2.0
// The Internet checksum (RFC 1071). Incremental updates (RFC 1624) are in nat/checksum_delta.h.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet/bytes.h"

namespace heartgate::dataplane {

// The one's complement sum of bytes as they stand in memory, not yet folded; add several by adding.
[[nodiscard]] inline std::uint64_t checksum_sum(std::span<const std::uint8_t> bytes) noexcept {
    std::uint64_t sum = 0;
    std::size_t at = 0;
    for (; at + 4 <= bytes.size(); at += 4) sum += load_raw<std::uint32_t>(bytes.data() + at);
    if (at + 2 <= bytes.size()) {
        sum += load_raw<std::uint16_t>(bytes.data() + at);
        at += 2;
    }
    if (at < bytes.size()) sum += bytes[at];  // padded with a zero byte on the right
    return sum;
}

// The same of an IPv4 header without options, which nearly all packets have.
[[nodiscard]] inline std::uint64_t ipv4_header_sum(const std::uint8_t* at) noexcept {
    return std::uint64_t{load_raw<std::uint32_t>(at)} + load_raw<std::uint32_t>(at + 4) +
           load_raw<std::uint32_t>(at + 8) + load_raw<std::uint32_t>(at + 12) + load_raw<std::uint32_t>(at + 16);
}

// The halves are added crosswise: the carry of the lower ones goes into the upper ones, which are what counts.
[[nodiscard]] constexpr std::uint16_t checksum_fold(std::uint64_t sum) noexcept {
    const auto half = static_cast<std::uint32_t>((sum + std::rotl(sum, 32)) >> 32U);
    return static_cast<std::uint16_t>((half + std::rotl(half, 16)) >> 16U);
}

// As it is stored in a header, network order; 0 over a header that holds its right checksum.
[[nodiscard]] inline std::uint16_t internet_checksum(std::span<const std::uint8_t> bytes) noexcept {
    return static_cast<std::uint16_t>(~checksum_fold(checksum_sum(bytes)));
}

// The one's complement sum of an upper layer's packet with its pseudo header (RFC 8200, 8.1), 0xffff if its checksum is
// right. `addresses`: source and destination as they stand in the IPv6 header.
[[nodiscard]] inline std::uint16_t ipv6_upper_sum(std::span<const std::uint8_t, 32> addresses, std::uint8_t protocol,
                                                  std::span<const std::uint8_t> upper) noexcept {
    return checksum_fold(checksum_sum(addresses) + swap16(static_cast<std::uint16_t>(upper.size())) + swap16(protocol) +
                         checksum_sum(upper));
}

// What a decrement of TTL adds to the IPv4 header's checksum, in the manner of nat/checksum_delta.h: TTL is the low
// byte of its 16-bit word in memory, so that ~m + (m - 1) is the same for every m.
inline constexpr std::uint16_t kTtlDelta = 0xfffe;

}  // namespace heartgate::dataplane
