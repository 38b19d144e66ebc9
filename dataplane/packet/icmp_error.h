// SPDX-License-Identifier: Apache-2.0
// Builds the ICMP errors that a router owes a sender: time exceeded, too big, and prohibited. Bytes only; whether one
// may be sent, how often, and the link-layer header are the worker's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "dataplane/packet/address.h"

namespace heartgate::dataplane {

struct IcmpError {
    enum class Kind : std::uint8_t {
        kTimeExceeded,  // RFC 792; RFC 4443, 3.3
        kProhibited,    // administratively: RFC 1812, 5.2.7.1; RFC 4443, 3.1
        kTooBig,        // fragmentation needed and DF set (RFC 1191), or packet too big (RFC 4443, 3.2)
    };
    Kind kind = Kind::kTimeExceeded;
    std::uint16_t mtu = 0;  // kTooBig: of the way out, in IP bytes
    IpAddress source;       // of the interface it leaves by (RFC 1812, 4.3.2.4)
};

// The most that build_icmp_error() writes: RFC 4443, 2.4 (c): not more than the minimum IPv6 MTU.
inline constexpr std::size_t kMostIcmpError = 1280;

// Writes an IP packet that reports `error` about `original` to its source. `original`: from its IP header on, checked
// by the parser, without padding; quoted up to RFC 1812's 576 bytes (IPv4) or kMostIcmpError (IPv6) of the whole. Both
// are of the family of error.source. Returns the length, 0 if `out` is too small.
[[nodiscard]] std::size_t build_icmp_error(const IcmpError& error, std::span<const std::uint8_t> original,
                                           std::span<std::uint8_t> out) noexcept;

}  // namespace heartgate::dataplane
