// SPDX-License-Identifier: Apache-2.0
#include "dataplane/control/static_routes.h"

#include <stdexcept>

namespace heartgate::dataplane {
namespace {

void add_own_address(const IpPrefix& own, Zone zone, std::vector<Route>& routes) {
    const IpPrefix network = network_of(own);
    const std::uint8_t full = own.address.is_ipv4() ? 32 : 128;
    routes.push_back({.network = own.address, .prefix = full, .zone = zone, .gateway = {}, .local = true});
    if (own.length < full) {
        routes.push_back({.network = network.address, .prefix = network.length, .zone = zone, .gateway = {}});
    }
}

}  // namespace

void set_static_routes(const Config& config, RouteTable& routes) {
    std::vector<Route> all;
    for (const ZoneConfig& zone : config.zones) {
        for (const IpPrefix& own : zone.addresses) add_own_address(own, zone.zone, all);
    }
    const ZoneConfig& wan = wan_of(config.zones);
    for (const IpAddress& address : config.nat_addresses) {
        if (!has_address(wan.addresses, address)) add_own_address({.address = address, .length = 32}, wan.zone, all);
    }
    for (const StaticRoute& route : config.routes) {
        all.push_back({.network = route.network.address,
                       .prefix = route.network.length,
                       .zone = route.zone,
                       .gateway = route.gateway});
    }
    if (!routes.replace_routes(all)) throw std::runtime_error{"routes: more than the route table holds; shorten them"};
    for (const StaticNeighbour& neighbour : config.neighbours) {
        if (!routes.set_neighbour({.address = neighbour.address, .zone = neighbour.zone, .mac = neighbour.mac})) {
            throw std::runtime_error{"neighbours: more than the route table holds; shorten them"};
        }
    }
}

std::vector<std::uint32_t> configured_wan_addresses(const Config& config) {
    std::vector<std::uint32_t> addresses;
    const ZoneConfig& wan = wan_of(config.zones);
    for (const IpPrefix& own : wan.addresses) {
        if (own.address.is_ipv4()) addresses.push_back(own.address.ipv4());
    }
    for (const IpAddress& address : config.nat_addresses) {
        if (!has_address(wan.addresses, address)) addresses.push_back(address.ipv4());
    }
    return addresses;
}

}  // namespace heartgate::dataplane
