// SPDX-License-Identifier: Apache-2.0
// The EtherTypes that Heartgate knows, in host order (IEEE 802 numbers).
#pragma once

#include <cstdint>

namespace heartgate::dataplane::ethernet {

inline constexpr std::uint16_t kIpv4 = 0x0800;
inline constexpr std::uint16_t kArp = 0x0806;
inline constexpr std::uint16_t kIpv6 = 0x86dd;
inline constexpr std::uint16_t kVlan = 0x8100;
inline constexpr std::uint16_t kServiceVlan = 0x88a8;

}  // namespace heartgate::dataplane::ethernet
