// SPDX-License-Identifier: Apache-2.0
// Longest prefix match, own addresses, neighbours, epochs; static routes without a kernel.
#include "dataplane/route/route_table.h"

#include <atomic>
#include <catch2/catch.hpp>
#include <string>
#include <thread>

#include "dataplane/packet/address_text.h"
#include "tests/packet/verdict/eal.h"
#include "tests/zones.h"

using namespace heartgate::dataplane;
using Kind = RouteResult::Kind;

namespace {

IpAddress ip(const std::string& text) { return parse_ip(text).value(); }

Route route(const std::string& prefix, Zone zone, const std::string& gateway = "", std::uint32_t metric = 0) {
    const IpPrefix parsed = parse_prefix(prefix).value();
    Route result{.network = parsed.address, .prefix = parsed.length, .zone = zone, .gateway = {}, .metric = metric};
    if (!gateway.empty()) result.gateway = ip(gateway);
    return result;
}
Route local(const std::string& address, Zone zone) {
    Route result = route(address + (ip(address).is_ipv4() ? "/32" : "/128"), zone);
    result.local = true;
    return result;
}
Route blackhole(const std::string& prefix) {
    Route result = route(prefix, test::kWanZone);
    result.blackhole = true;
    return result;
}

const MacAddress kLanMac{2, 0, 0, 0, 1, 0};
const MacAddress kWanMac{2, 0, 0, 0, 2, 0};
const MacAddress kGateway{2, 0, 0, 0, 2, 1};
const MacAddress kHost{2, 0, 0, 0, 1, 1};

struct Routes {
    Quiescence quiescence = [] {
        start_eal();
        return Quiescence{1};
    }();
    RouteTable table{8, quiescence, 64};

    Routes() {
        table.set_link(test::kLanZone, {.mac = kLanMac});
        table.set_link(test::kWanZone, {.mac = kWanMac, .mtu = 1492, .vlan = 7, .port = 1});
        REQUIRE(table.replace_routes(usual()));
    }
    static std::vector<Route> usual() {
        return {route("0.0.0.0/0", test::kWanZone, "203.0.113.1"),
                route("203.0.113.0/24", test::kWanZone),
                route("192.168.1.0/24", test::kLanZone),
                local("192.168.1.1", test::kLanZone),
                local("203.0.113.2", test::kWanZone),
                local("192.0.2.1", test::kLanZone),
                route("::/0", test::kWanZone, "fe80::1"),
                route("2001:db8:1::/64", test::kLanZone),
                local("2001:db8:1::1", test::kLanZone),
                local("fe80::abc", test::kLanZone)};
    }
    [[nodiscard]] RouteResult lookup(const std::string& address) const { return table.lookup(ip(address)); }
};

}  // namespace

TEST_CASE("the default route leads to its gateway, which resolves to a next hop") {
    Routes routes;
    auto result = routes.lookup("198.51.100.1");
    CHECK(result.kind == Kind::kUnresolved);
    CHECK(result.zone == test::kWanZone);
    CHECK(result.via == ip("203.0.113.1"));
    REQUIRE(routes.table.set_neighbour({ip("203.0.113.1"), test::kWanZone, kGateway}));
    result = routes.lookup("198.51.100.1");
    REQUIRE(result.kind == Kind::kForward);
    const NextHop& hop = routes.table.next_hop(result.next_hop);
    CHECK(hop.destination == kGateway);
    CHECK(hop.source == kWanMac);
    CHECK(hop.zone == test::kWanZone);
    CHECK(hop.vlan == 7);
    CHECK(hop.mtu == 1492);
}

TEST_CASE("an on-link destination is its own next hop") {
    Routes routes;
    auto result = routes.lookup("192.168.1.11");
    CHECK(result.kind == Kind::kUnresolved);
    CHECK(result.zone.is_inside());
    CHECK(result.via == ip("192.168.1.11"));
    REQUIRE(routes.table.set_neighbour({ip("192.168.1.11"), test::kLanZone, kHost}));
    result = routes.lookup("192.168.1.11");
    REQUIRE(result.kind == Kind::kForward);
    CHECK(routes.table.next_hop(result.next_hop).destination == kHost);
    CHECK(routes.table.next_hop(result.next_hop).source == kLanMac);
    CHECK(routes.lookup("192.168.1.12").kind == Kind::kUnresolved);
}

TEST_CASE("an IPv6 gateway with a link-local address") {
    Routes routes;
    REQUIRE(routes.table.set_neighbour({ip("fe80::1"), test::kWanZone, kGateway}));
    const auto result = routes.lookup("2001:db8:ffff::1");
    REQUIRE(result.kind == Kind::kForward);
    CHECK(routes.table.next_hop(result.next_hop).destination == kGateway);
}

TEST_CASE("link-local destinations are never routed, but the appliance's own is local") {
    const Routes routes;
    CHECK(routes.lookup("fe80::1").kind == Kind::kNone);
    CHECK(routes.lookup("fe80::abc").kind == Kind::kLocal);
}

TEST_CASE("own addresses are local, on the zone they are on") {
    const Routes routes;
    for (const char* address : {"192.168.1.1", "192.0.2.1", "2001:db8:1::1"}) {
        CHECK(routes.lookup(address).kind == Kind::kLocal);
        CHECK(routes.lookup(address).zone.is_inside());
    }
    CHECK(routes.lookup("203.0.113.2").zone == test::kWanZone);
}

TEST_CASE("the source of errors is an on-link address of the zone, not a heartbeat or link-local address") {
    const Routes routes;
    CHECK(routes.table.own_address(test::kLanZone, false) == ip("192.168.1.1"));
    CHECK(routes.table.own_address(test::kWanZone, false) == ip("203.0.113.2"));
    CHECK(routes.table.own_address(test::kLanZone, true) == ip("2001:db8:1::1"));
    CHECK(routes.table.own_address(test::kWanZone, true) == IpAddress{});
}

TEST_CASE("the longest prefix wins, in both families, also against a blackhole") {
    Routes routes;
    auto list = Routes::usual();
    list.push_back(route("10.0.0.0/8", test::kLanZone, "192.168.1.254"));
    list.push_back(route("10.1.0.0/16", test::kWanZone, "203.0.113.9"));
    list.push_back(route("10.1.2.3/32", test::kLanZone, "192.168.1.253"));
    list.push_back(blackhole("10.1.3.0/24"));
    list.push_back(route("2001:db8:2::/48", test::kLanZone, "fe80::2"));
    list.push_back(route("2001:db8:2:8000::/49", test::kWanZone, "fe80::3"));
    REQUIRE(routes.table.replace_routes(list));
    CHECK(routes.lookup("10.9.9.9").via == ip("192.168.1.254"));
    CHECK(routes.lookup("10.1.9.9").via == ip("203.0.113.9"));
    CHECK(routes.lookup("10.1.2.3").via == ip("192.168.1.253"));
    CHECK(routes.lookup("10.1.2.4").via == ip("203.0.113.9"));
    CHECK(routes.lookup("10.1.3.255").kind == Kind::kNone);
    CHECK(routes.lookup("2001:db8:2:7fff::1").via == ip("fe80::2"));
    CHECK(routes.lookup("2001:db8:2:8000::1").via == ip("fe80::3"));
}

TEST_CASE("without a route there is none") {
    Routes routes;
    REQUIRE(routes.table.replace_routes({route("192.168.1.0/24", test::kLanZone)}));
    CHECK(routes.lookup("198.51.100.1").kind == Kind::kNone);
    CHECK(routes.lookup("2001:db8::1").kind == Kind::kNone);
    REQUIRE(routes.table.replace_routes({}));
    CHECK(routes.lookup("192.168.1.5").kind == Kind::kNone);
    // And back, over both copies.
    REQUIRE(routes.table.replace_routes(Routes::usual()));
    CHECK(routes.lookup("198.51.100.1").kind == Kind::kUnresolved);
}

TEST_CASE("of several routes to one network the local one wins, then the lowest metric") {
    Routes routes;
    REQUIRE(
        routes.table.replace_routes({route("10.0.0.0/8", test::kWanZone, "203.0.113.1", 100),
                                     route("10.0.0.0/8", test::kWanZone, "203.0.113.2", 50),
                                     route("10.0.0.0/8", test::kWanZone, "203.0.113.3", 200),
                                     route("192.168.1.1/32", test::kLanZone), local("192.168.1.1", test::kLanZone)}));
    CHECK(routes.lookup("10.1.1.1").via == ip("203.0.113.2"));
    CHECK(routes.lookup("192.168.1.1").kind == Kind::kLocal);
}

TEST_CASE("every change that matters moves the epoch, the same thing again does not") {
    Routes routes;
    std::uint32_t epoch = routes.table.epoch();
    const auto moved = [&] { return std::exchange(epoch, routes.table.epoch()) != routes.table.epoch(); };
    std::uint32_t changes = routes.table.changes();
    routes.table.set_neighbour({ip("192.168.1.11"), test::kLanZone, kHost});
    CHECK_FALSE(moved());  // nobody's next hop was another one before
    CHECK(std::exchange(changes, routes.table.changes()) != routes.table.changes());
    routes.table.set_neighbour({ip("192.168.1.11"), test::kLanZone, kHost});
    CHECK_FALSE(moved());
    CHECK(changes == routes.table.changes());
    routes.table.set_neighbour({ip("192.168.1.11"), test::kLanZone, kGateway});
    CHECK(moved());
    CHECK(routes.table.next_hop(routes.lookup("192.168.1.11").next_hop).destination == kGateway);
    routes.table.remove_neighbour(test::kWanZone, ip("192.168.1.11"));
    CHECK_FALSE(moved());
    routes.table.remove_neighbour(test::kLanZone, ip("192.168.1.11"));
    CHECK(moved());
    CHECK(routes.lookup("192.168.1.11").kind == Kind::kUnresolved);
    routes.table.replace_routes(Routes::usual());
    CHECK(moved());
    routes.table.set_link(test::kLanZone, {.mac = kLanMac});
    CHECK_FALSE(moved());
}

TEST_CASE("a port's new MAC or MTU reaches the next hops of its neighbours") {
    Routes routes;
    REQUIRE(routes.table.set_neighbour({ip("192.168.1.11"), test::kLanZone, kHost}));
    routes.table.set_link(test::kLanZone, {.mac = kWanMac, .mtu = 1400});
    const auto result = routes.lookup("192.168.1.11");
    REQUIRE(result.kind == Kind::kForward);
    CHECK(routes.table.next_hop(result.next_hop).source == kWanMac);
    CHECK(routes.table.next_hop(result.next_hop).mtu == 1400);
    CHECK(routes.table.next_hop(result.next_hop).destination == kHost);
}

TEST_CASE("a next hop is not reused while a worker may still read it") {
    Routes routes;
    REQUIRE(routes.table.set_neighbour({ip("192.168.1.11"), test::kLanZone, kHost}));
    routes.quiescence.online(0);
    const std::uint16_t cached = routes.lookup("192.168.1.11").next_hop;
    routes.table.remove_neighbour(test::kLanZone, ip("192.168.1.11"));
    for (std::uint8_t i = 0; i < 5; ++i) {
        MacAddress mac = kGateway;
        mac[5] = static_cast<std::uint8_t>(0x10 + i);
        REQUIRE(routes.table.set_neighbour(
            {IpAddress::from_ipv4(0x0101a8c0U + (std::uint32_t{i} << 24U)), test::kLanZone, mac}));
    }
    CHECK(routes.table.next_hop(cached).destination == kHost);
    routes.quiescence.offline(0);
}

TEST_CASE("a full neighbour table refuses, and has room again when one is removed") {
    Routes routes;
    std::uint32_t stored = 0;
    const auto address = [](std::uint32_t i) { return IpAddress::from_ipv4(0x0001a8c0U + (i << 24U)); };
    while (routes.table.set_neighbour({address(stored), test::kLanZone, kHost})) ++stored;
    CHECK(stored == 8);
    routes.table.remove_neighbour(test::kLanZone, address(3));
    CHECK(routes.table.set_neighbour({address(100), test::kLanZone, kHost}));
}

TEST_CASE("more routes than there is room for change nothing") {
    Routes routes;
    std::vector<Route> many;
    for (std::uint32_t i = 0; i < 1000; ++i) {
        many.push_back({.network = IpAddress::from_ipv4(0x0000000aU | (i << 8U)),
                        .prefix = 32,
                        .zone = test::kWanZone,
                        .gateway = {}});
    }
    const std::uint32_t epoch = routes.table.epoch();
    CHECK_FALSE(routes.table.replace_routes(many));
    CHECK(routes.table.epoch() == epoch);
    CHECK(routes.lookup("192.168.1.1").kind == Kind::kLocal);
    many.resize(40);
    CHECK(routes.table.replace_routes(many));
    CHECK(routes.table.lookup(many[39].network).kind == Kind::kUnresolved);
}

TEST_CASE("a reader sees the old or the new routes, never a mixture") {
    Routes routes;
    std::vector<Route> other = Routes::usual();
    other[0].gateway = ip("203.0.113.254");
    std::atomic<bool> stop{false};
    std::atomic<std::uint32_t> wrong{0};
    std::atomic<std::uint32_t> reads{0};
    std::thread reader{[&] {
        routes.quiescence.online(0);
        while (!stop) {
            const IpAddress via = routes.lookup("198.51.100.1").via;
            if (via != ip("203.0.113.1") && via != ip("203.0.113.254")) ++wrong;
            if (routes.lookup("192.168.1.1").kind != Kind::kLocal) ++wrong;
            routes.quiescence.quiescent(0);
            ++reads;
        }
        routes.quiescence.offline(0);
    }};
    while (reads == 0) std::this_thread::yield();
    for (int i = 0; i < 300; ++i) routes.table.replace_routes(i % 2 == 0 ? other : Routes::usual());
    stop = true;
    reader.join();
    CHECK(wrong == 0);
}
