// SPDX-License-Identifier: Apache-2.0
// Which side of the gateway something is on. The dataplane has one LAN and one WAN port.
#pragma once

#include <cstddef>
#include <cstdint>

namespace heartgate::dataplane {

// Values of the two ports are also their index everywhere (PortId): counters, kernel path, flow keys.
enum class Zone : std::uint8_t { kLan = 0, kWan = 1, kLocal = 2 };  // kLocal: the appliance itself

inline constexpr std::size_t kPorts = 2;

}  // namespace heartgate::dataplane
