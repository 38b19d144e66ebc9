// SPDX-License-Identifier: Apache-2.0
// What can be said about a packet from its bytes alone, for people: no check, nothing is decided by it. What is cut off
// or malformed stays empty.
#pragma once

#include <cstdint>
#include <span>

#include "dataplane/packet/address.h"

namespace heartgate::dataplane {

struct DescribedPacket {
    MacAddress source_mac{};
    std::uint16_t vlan = 0;        // 0: untagged
    std::uint16_t ether_type = 0;  // host order
    std::uint8_t protocol = 0;     // 0: not IP, or not reached
    IpAddress source{};            // all zero: not IP. ARP: the sender's and target's
    IpAddress destination{};
    std::uint16_t source_port = 0;  // TCP and UDP
    std::uint16_t destination_port = 0;
};

[[nodiscard]] DescribedPacket describe_packet(std::span<const std::uint8_t> frame) noexcept;

}  // namespace heartgate::dataplane
