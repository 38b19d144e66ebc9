// SPDX-License-Identifier: Apache-2.0
// The route table against a search through all routes.
#include <arpa/inet.h>

#include <algorithm>
#include <optional>
#include <ostream>
#include <vector>

#include "dataplane/packet/address_text.h"
#include "dataplane/route/route_table.h"
#include "tests/packet/verdict/eal.h"
#include "tests/property/steps.h"
#include "tests/zones.h"

using namespace heartgate::dataplane;
using namespace heartgate::dataplane::test;

namespace heartgate::dataplane {

// For rapidcheck's report.
static std::ostream& operator<<(std::ostream& out, const IpAddress& address) { return out << to_text(address); }
static std::ostream& operator<<(std::ostream& out, const Route& route) {
    out << to_text(route.network) << '/' << static_cast<int>(route.prefix)
        << (route.zone.is_inside() ? " lan" : " wan");
    if (route.gateway) out << " via " << to_text(*route.gateway);
    if (route.local) out << " local";
    if (route.blackhole) out << " blackhole";
    return out << " metric " << route.metric;
}

}  // namespace heartgate::dataplane

namespace {

using Kind = RouteResult::Kind;

// Few bits differ, so that networks contain each other and destinations hit them.
rc::Gen<IpAddress> any_address() {
    return rc::gen::exec([] {
        const bool ipv6 = *rc::gen::arbitrary<bool>();
        IpAddress address = parse_ip(ipv6 ? *rc::gen::element("2001:db8::", "fe80::") : "10.0.0.0").value();
        for (const std::size_t at : {std::size_t{ipv6 ? 7U : 13U}, std::size_t{14}, std::size_t{15}}) {
            address.bytes.at(at) = *rc::gen::element<std::uint8_t>(0, 1, 0x80, 0xff);
        }
        return address;
    });
}

rc::Gen<Route> any_route() {
    return rc::gen::exec([] {
        Route route;
        route.network = *any_address();
        const unsigned bits = route.network.is_ipv4() ? 32 : 128;
        route.zone = *rc::gen::element(test::kLanZone, test::kWanZone);
        route.metric = *below(3U);
        switch (*below(6U)) {
            case 0:  // an own address has the full prefix
                route.local = true;
                route.prefix = static_cast<std::uint8_t>(bits);
                return route;
            case 1:
                route.blackhole = true;
                break;
            case 2:
            case 3:
                route.gateway = IpAddress::from_ipv4(htonl(0xc6336400U + *below(4U)));
                break;
            default:
                break;
        }
        route.prefix = static_cast<std::uint8_t>(*below(bits + 1));
        return route;
    });
}

bool contains(const Route& route, const IpAddress& address) {
    if (route.network.is_ipv4() != address.is_ipv4()) return false;
    const unsigned first = address.is_ipv4() ? 96 : 0;
    for (unsigned bit = first; bit < first + route.prefix; ++bit) {
        const unsigned mask = 0x80U >> (bit % 8);
        if (((route.network.bytes[bit / 8] ^ address.bytes[bit / 8]) & mask) != 0) return false;
    }
    return true;
}

// The longest prefix, then an own address, then the lowest metric, then the first.
std::optional<Route> naive(const std::vector<Route>& routes, const IpAddress& destination) {
    std::optional<Route> best;
    for (const Route& route : routes) {
        if (!contains(route, destination)) continue;
        const auto rank = [](const Route& of) { return std::tuple{-int{of.prefix}, !of.local, of.metric}; };
        if (!best || rank(route) < rank(*best)) best = route;
    }
    return best;
}

bool link_local(const IpAddress& address) { return address.bytes[0] == 0xfe && address.bytes[1] == 0x80; }

const MacAddress kNeighbourMac{2, 0, 0, 0, 0, 9};

void check(const RouteTable& table, const std::vector<Route>& routes, const std::vector<Neighbour>& neighbours,
           const IpAddress& destination) {
    const RouteResult result = table.lookup(destination);
    const std::optional<Route> route = naive(routes, destination);
    if (!route || route->blackhole) {
        RC_ASSERT(result.kind == Kind::kNone);
    } else if (route->local) {
        RC_ASSERT(result.kind == Kind::kLocal);
        RC_ASSERT(result.zone == route->zone);
    } else if (link_local(destination)) {  // RFC 4291, 2.5.6: never routed
        RC_ASSERT(result.kind == Kind::kNone);
    } else {
        const IpAddress via = route->gateway.value_or(destination);
        RC_ASSERT(result.zone == route->zone);
        RC_ASSERT(result.via == via);
        const bool resolved = std::any_of(neighbours.begin(), neighbours.end(), [&](const Neighbour& neighbour) {
            return neighbour.zone == route->zone && neighbour.address == via;
        });
        RC_ASSERT(result.kind == (resolved ? Kind::kForward : Kind::kUnresolved));
        if (resolved) RC_ASSERT(table.next_hop(result.next_hop).destination == kNeighbourMac);
        if (resolved) RC_ASSERT(table.next_hop(result.next_hop).zone == route->zone);
    }
}

}  // namespace

TEST_CASE("a route lookup finds what a search through all routes finds") {
    start_eal();
    rc::prop("the routes are replaced again and again", [] {
        Quiescence quiescence{1};
        RouteTable table{64, quiescence, 256};
        std::vector<Neighbour> neighbours;
        for (const IpAddress& address : *rc::gen::container<std::vector<IpAddress>>(4, any_address())) {
            neighbours.push_back({.address = address, .zone = test::kLanZone, .mac = kNeighbourMac});
        }
        for (const std::uint32_t gateway : {0U, 2U}) {
            neighbours.push_back({.address = IpAddress::from_ipv4(htonl(0xc6336400U + gateway)),
                                  .zone = test::kWanZone,
                                  .mac = kNeighbourMac});
        }
        for (const Neighbour& neighbour : neighbours) RC_ASSERT(table.set_neighbour(neighbour));
        for (unsigned round = *rc::gen::inRange(1U, 4U); round > 0; --round) {
            const auto routes = *rc::gen::scale(0.5, rc::gen::container<std::vector<Route>>(any_route()));
            RC_ASSERT(table.replace_routes(routes));
            for (const IpAddress& destination : *rc::gen::container<std::vector<IpAddress>>(40, any_address())) {
                check(table, routes, neighbours, destination);
            }
            for (const Route& route : routes) check(table, routes, neighbours, route.network);
        }
    });
}
