// SPDX-License-Identifier: Apache-2.0
// Routes and neighbours from the configuration, for a dataplane without a kernel on the other side.
#pragma once

#include "dataplane/config/config.h"
#include "dataplane/route/route_table.h"

namespace heartgate::dataplane {

// The appliance's own addresses, their networks, the configured routes and neighbours. Throws std::runtime_error where
// there are more than the table holds.
void set_static_routes(const Config& config, RouteTable& routes);

// IPv4 addresses of the WAN port, network order, for source NAT.
[[nodiscard]] std::vector<std::uint32_t> configured_wan_addresses(const Config& config);

}  // namespace heartgate::dataplane
