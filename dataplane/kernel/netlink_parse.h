// SPDX-License-Identifier: Apache-2.0
// RTM_* messages -> what the mirror needs of them. Nothing: not of interest here.
#pragma once

#include <libmnl/libmnl.h>

#include <cstdint>
#include <map>
#include <optional>

#include "dataplane/packet/address_text.h"
#include "dataplane/route/route_table.h"

namespace heartgate::dataplane {

using InterfaceZones = std::map<int, Zone>;  // by ifindex

struct InterfaceAddress {
    IpPrefix address;
    Zone zone;
    bool global = false;  // scope
    std::optional<IpAddress> broadcast;
};
struct NeighbourEvent {
    Zone zone;
    IpAddress address;
    std::optional<MacAddress> mac;  // nothing: not usable (any more)
    bool stale = false;
};
struct LinkState {
    Zone zone;
    MacAddress mac{};
    std::uint16_t mtu = 1500;
};

// Main table, unicast routes through our interfaces and blackholes; of several next hops the first.
[[nodiscard]] std::optional<Route> parse_route(const nlmsghdr& message, const InterfaceZones& interfaces);
[[nodiscard]] std::optional<InterfaceAddress> parse_address(const nlmsghdr& message, const InterfaceZones& interfaces);
[[nodiscard]] std::optional<NeighbourEvent> parse_neighbour(const nlmsghdr& message, const InterfaceZones& interfaces);
[[nodiscard]] std::optional<LinkState> parse_link(const nlmsghdr& message, const InterfaceZones& interfaces);

}  // namespace heartgate::dataplane
