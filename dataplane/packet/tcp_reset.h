// SPDX-License-Identifier: Apache-2.0
// Builds the reset that answers a TCP segment as a closed port would. Bytes only; whether one may be sent, how often,
// and the link-layer header are the worker's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace heartgate::dataplane {

inline constexpr std::size_t kMostTcpReset = 60;  // an IPv6 and a TCP header

// A TCP segment as the parser has checked it: both headers are whole.
struct TcpSegment {
    const std::uint8_t* ip;         // its IP header
    const std::uint8_t* transport;  // its TCP header
    std::uint32_t length;           // bytes of TCP header and data
    bool ipv6;
};

// Writes an IP packet from the segment's destination to its source with RST set (RFC 9293, 3.10.7.1). Returns the
// length; 0: `out` is too small, or the segment is itself a reset, which nothing answers.
[[nodiscard]] std::size_t build_tcp_reset(const TcpSegment& segment, std::span<std::uint8_t> out) noexcept;

}  // namespace heartgate::dataplane
