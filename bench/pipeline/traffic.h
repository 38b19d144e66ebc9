// SPDX-License-Identifier: Apache-2.0
// Packets for the bench: UDP, TCP, or both in turns from hosts of the LAN to a server behind the WAN, one flow
// per number. IPv4 fills 64 bytes on the wire, IPv6 78.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>

#include "dataplane/packet/address.h"

namespace heartgate::bench {

inline constexpr std::uint32_t kInside = 0x0a000000;                      // 10.0.0.0/8, on-link
inline constexpr std::uint32_t kPortsPerHost = 16;                        // flows of one host
inline constexpr dataplane::MacAddress kHostMac{0x02, 0, 0, 0, 0, 0x10};  // of the layer 3 switch before all hosts
inline constexpr dataplane::MacAddress kLanMac{0x02, 0, 0, 0, 0, 0x01};
inline constexpr dataplane::MacAddress kWanMac{0x02, 0, 0, 0, 0, 0x02};
inline constexpr dataplane::IpAddress kInside6{{0x20, 0x01, 0x0d, 0xb8, 0, 1}};  // 2001:db8:1::/48, on-link
inline constexpr dataplane::IpAddress kServer6{{0x20, 0x01, 0x0d, 0xb8, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7}};
inline constexpr dataplane::IpAddress kRouter6{{0x20, 0x01, 0x0d, 0xb8, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}};
inline constexpr dataplane::MacAddress kRouterMac{0x02, 0, 0, 0, 0, 0x20};

class Traffic {
public:
    enum class Family : std::uint8_t { kIpv4, kIpv6 };

    enum class Protocols : std::uint8_t { kUdpAndTcp, kUdp, kTcp };

    Traffic(Family family, Protocols protocols);

    // Writes the packet of flow `number` into `packet`: the first of a TCP flow opens it, later ones acknowledge.
    void fill(rte_mbuf* packet, std::uint32_t number, bool first) const noexcept;

    // A flow below `flows`, in random order. No division, so that the base line stays small.
    [[nodiscard]] std::uint32_t any(std::uint32_t flows) noexcept {
        state_ ^= state_ << 13U;
        state_ ^= state_ >> 17U;
        state_ ^= state_ << 5U;
        return static_cast<std::uint32_t>((std::uint64_t{state_} * flows) >> 32U);
    }

private:
    struct alignas(64) Frame {
        std::array<std::uint8_t, 128> bytes{};
        std::uint32_t sum = 0;  // of the IPv4 header without its source
    };
    void complete(Frame& frame, std::uint8_t protocol) const noexcept;

    Family family_;
    Protocols protocols_;
    std::size_t transport_;          // offset
    std::size_t length_;             // without the frame check sequence
    std::array<Frame, 2> frames_{};  // UDP, TCP
    std::uint32_t state_ = 2463534242;
};

}  // namespace heartgate::bench
