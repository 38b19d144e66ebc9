// SPDX-License-Identifier: Apache-2.0
// Packets for the bench: UDP from hosts of the LAN to servers behind the WAN, 64 bytes on the wire, one flow per
// number.
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
inline constexpr dataplane::MacAddress kRouterMac{0x02, 0, 0, 0, 0, 0x20};

class Traffic {
public:
    Traffic();

    // Writes the packet of flow `number` into `packet`.
    void fill(rte_mbuf* packet, std::uint32_t number) const noexcept;

    // A flow below `flows`, in random order. No division, so that the base line stays small.
    [[nodiscard]] std::uint32_t any(std::uint32_t flows) noexcept {
        state_ ^= state_ << 13U;
        state_ ^= state_ >> 17U;
        state_ ^= state_ << 5U;
        return static_cast<std::uint32_t>((std::uint64_t{state_} * flows) >> 32U);
    }

private:
    static constexpr std::size_t kLength = 60;  // without the frame check sequence

    alignas(64) std::array<std::uint8_t, kLength> frame_{};
    std::uint32_t sum_ = 0;  // of the IPv4 header without its source
    std::uint32_t state_ = 2463534242;
};

}  // namespace heartgate::bench
