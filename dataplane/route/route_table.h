// SPDX-License-Identifier: Apache-2.0
// Where a packet goes: routes, the appliance's own addresses and neighbours, mirrored from the kernel (kernel/netlink)
// or given statically. Looked up when a flow is decided or the epoch has changed; a hit uses the flow's cached next
// hop.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "dataplane/concurrent/quiescence.h"
#include "dataplane/packet/address.h"
#include "dataplane/port/zone.h"

namespace heartgate::dataplane {

// Layer 2 rewrite towards one neighbour. Written by the control side before it is published, then constant.
struct alignas(32) NextHop {
    MacAddress destination{};  // the neighbour's
    MacAddress source{};       // our port's
    std::uint16_t vlan = 0;    // 0: untagged
    std::uint16_t mtu = 1500;  // IP bytes
    Zone zone;                 // that it goes to
    std::uint8_t port = 0;     // to send on
};
static_assert(offsetof(NextHop, destination) == 0 && offsetof(NextHop, source) == 6);  // as in a frame

struct RouteResult {
    enum class Kind : std::uint8_t {
        kNone,        // no route, blackhole, unreachable
        kLocal,       // an address of the appliance
        kForward,     // `next_hop` is valid
        kUnresolved,  // `via` on `zone` has no MAC yet: ask for it and hold
    };
    Kind kind = Kind::kNone;
    Zone zone;
    std::uint16_t next_hop = 0;
    IpAddress via{};
};

// What the mirror gathers; a route without gateway is on-link.
struct Route {
    IpAddress network;
    std::uint8_t prefix = 0;  // bits of the family: 0-32 or 0-128
    Zone zone;
    std::optional<IpAddress> gateway;
    bool local = false;  // own address: deliver to the kernel
    bool blackhole = false;
    std::uint32_t metric = 0;

    friend bool operator==(const Route&, const Route&) = default;
};
struct Neighbour {
    IpAddress address;
    Zone zone;
    MacAddress mac{};
};

// How the appliance is attached to a zone.
struct Link {
    MacAddress mac{};  // its own
    std::uint16_t mtu = 1500;
    std::uint16_t vlan = 0;  // 0: untagged
    std::uint8_t port = 0;

    friend bool operator==(const Link&, const Link&) = default;
};

class RouteTable {
public:
    // `neighbours`: the most next hops at a time, below 65,535; `routes`: the most routes of each family. Throws
    // std::bad_alloc.
    RouteTable(std::uint16_t neighbours, Quiescence& quiescence, std::uint32_t routes = 8'192);
    ~RouteTable();
    RouteTable(const RouteTable&) = delete;
    RouteTable& operator=(const RouteTable&) = delete;

    // Readers: any worker between two quiescent points.
    [[nodiscard]] RouteResult lookup(const IpAddress& destination) const noexcept;
    // The appliance's own address on `zone`, source of ICMP errors (RFC 1812 4.3.2.4): one inside an on-link network of
    // the zone (a heartbeat address is in none), not link-local; all zero bytes if it has none.
    [[nodiscard]] IpAddress own_address(Zone zone, bool ipv6) const noexcept;
    // What to write in front of a packet. Valid for an index that was looked up under the current epoch.
    [[nodiscard]] const NextHop& next_hop(std::uint16_t index) const noexcept { return next_hops_[index]; }
    // Grows with every change that could change what a lookup has found before, or its next hop; not with a neighbour
    // that is new: that would have everybody's routes looked up anew for each machine that appears. Load it before the
    // lookup.
    [[nodiscard]] std::uint32_t epoch() const noexcept { return epoch_.load(std::memory_order_acquire); }

    // Grows with that and with new neighbours: what was unresolved may be resolved now.
    [[nodiscard]] std::uint32_t changes() const noexcept { return changes_.load(std::memory_order_acquire); }

    // Writer: one control thread, never a worker (netlink mirror, or start-up). False: no room, nothing changed.
    void set_link(Zone zone, const Link& link);
    // A whole new set of routes is built and swapped. Of several for one network a local one counts, then the lowest
    // metric. Own addresses are routes with `local` and the full prefix.
    bool replace_routes(const std::vector<Route>& routes);
    bool set_neighbour(const Neighbour& neighbour);
    void remove_neighbour(Zone zone, const IpAddress& address);

private:
    struct Tables;
    std::unique_ptr<Tables> tables_;
    std::unique_ptr<NextHop[]> next_hops_;
    void changed() noexcept;
    std::atomic<std::uint32_t> epoch_{1};
    std::atomic<std::uint32_t> changes_{1};
};

}  // namespace heartgate::dataplane
