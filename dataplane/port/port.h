// SPDX-License-Identifier: Apache-2.0
// One DPDK port from its configuration to running queues. Which packets use it is the workers'.
#pragma once

#include <rte_mempool.h>

#include <cstdint>
#include <string>

#include "dataplane/config/attachment.h"
#include "dataplane/packet/address.h"

namespace heartgate::dataplane {

// A vdev ("net_tap0,iface=lan-port") as against a PCI address ("0000:01:00.0").
[[nodiscard]] bool is_virtual(const std::string& device);

struct Port {
    std::uint16_t id = 0;  // DPDK's
    MacAddress mac{};      // with which the appliance speaks on it
};

// Adds the device (a vdev in its network namespace), gives it `queues` receive and transmit queues and starts it in
// promiscuous mode: flooded and foreign frames are to be counted, not to vanish. Which MAC address it speaks with:
// the configured one; else a NIC's own; else, for a vdev, `interface_mac` (of the exception interface, if there is one
// already); else a fixed locally administered one. Throws std::runtime_error: one sentence with what mends it.
[[nodiscard]] Port open_port(const PortConfig& config, std::uint8_t number, unsigned queues, rte_mempool* pool,
                             const MacAddress* interface_mac);

// At a clean end. A NIC is stopped, so that it writes into no memory that is gone; a vdev is left as it is, since
// stopping a persistent TAP sets it down.
void close_port(const PortConfig& config, const Port& port) noexcept;

// The frame bytes that a port of this MTU can bring: Ethernet, two VLAN tags, no checksum.
[[nodiscard]] constexpr std::uint16_t most_frame_bytes(std::uint16_t mtu) {
    return static_cast<std::uint16_t>(mtu + 14 + 8);
}

}  // namespace heartgate::dataplane
