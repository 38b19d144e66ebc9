// SPDX-License-Identifier: Apache-2.0
// The way between workers and the appliance's own interfaces in Linux (hg-lan, hg-wan): one TAP per zone, served by a
// thread of its own. Workers touch only rings; every system call is on the other side. Frames look as on the port, in
// both directions: where a zone has a VLAN they are tagged (the TAP's own are not).
#pragma once

#include <rte_mbuf.h>

#include <cstdint>
#include <memory>

#include "dataplane/packet/address.h"
#include "dataplane/policy/gate.h"
#include "dataplane/port/zone.h"

namespace heartgate::dataplane {

// Each has a ring of its own, served in this order.
enum class PuntQueue : std::uint8_t {
    kHeartbeat,
    kControl,  // ARP, Neighbour Discovery, DHCP: what heartbeats need, too
    kOther,    // also answers to the appliance's own connections
};
inline constexpr std::size_t kPuntQueues = 3;

class KernelPath {
public:
    virtual ~KernelPath() = default;

    // Worker side, never blocks. punt() takes ownership if true; false: queue full, the caller counts and frees.
    [[nodiscard]] virtual bool punt(unsigned worker, Zone zone, PuntQueue queue, Permit permit,
                                    rte_mbuf* packet) noexcept = 0;
    // Frames that Linux sends out of `zone`; the caller owns them. Each still has to pass the gate.
    [[nodiscard]] virtual std::uint16_t take(unsigned worker, Zone zone, rte_mbuf** packets,
                                             std::uint16_t most) noexcept = 0;
    // Ask Linux to resolve a neighbour (RTM_NEWNEIGH, NTF_USE). Rate-limited, lossy: asked again by the next packet.
    virtual void resolve(unsigned worker, Zone zone, const IpAddress& address) noexcept = 0;
};

}  // namespace heartgate::dataplane
