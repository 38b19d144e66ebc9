// SPDX-License-Identifier: Apache-2.0
// NAT of an ICMP error (RFC 5508 REQ-4, REQ-5): the packet that it quotes is put back into the form in which its sender
// sent it, and the error's own address follows. Type and code stay. Checksums by incremental update (RFC 1624).
#pragma once

#include <cstdint>
#include <span>

namespace heartgate::dataplane {

// What to write, all in network order.
struct IcmpTranslation {
    // True: the error's source and the quoted packet's destination become `address`; false: the error's destination and
    // the quoted packet's source. The quoted port (or echo identifier) of the same side becomes `port`.
    bool source = false;
    std::uint32_t address = 0;
    std::uint16_t port = 0;
};

// `ip`: the error's IPv4 header. `message`: its ICMP message, which quotes an IPv4 packet that read_quoted() could
// read, with its upper layer, of `protocol`, at `transport` from its IP header.
void translate_icmp_error(std::uint8_t* ip, std::span<std::uint8_t> message, std::uint8_t protocol,
                          std::uint16_t transport, const IcmpTranslation& translation) noexcept;

}  // namespace heartgate::dataplane
