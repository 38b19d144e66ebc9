// SPDX-License-Identifier: Apache-2.0
// Routes, addresses and neighbours as Linux has them, in the route table.
#include "dataplane/kernel/netlink_mirror.h"

#include <mutex>

#include "tests/packet/verdict/kernel_world.h"

using namespace heartgate::dataplane;
using Kind = RouteResult::Kind;

namespace {

struct Mirrored {
    Quiescence quiescence{1};
    RouteTable routes{64, quiescence, 256};
    TapKernelPath path{path_options()};
    std::mutex mutex;
    std::vector<std::uint32_t> wan;
    std::vector<std::string> lines;
    NetlinkMirror mirror;

    explicit Mirrored(std::vector<Route> static_routes = {}) : mirror{routes, options(std::move(static_routes))} {}
    ~Mirrored() {
        std::system("ip route flush dev hg-wan scope global; ip neigh flush all nud all; ip addr flush dev hg-wan");
    }
    Mirrored(const Mirrored&) = delete;
    Mirrored& operator=(const Mirrored&) = delete;

    NetlinkMirrorOptions options(std::vector<Route> static_routes) {
        NetlinkMirrorOptions result;
        result.interfaces = {{.index = path.interface_index(test::kLanZone), .zone = test::kLanZone, .port = 0},
                             {.index = path.interface_index(test::kWanZone), .zone = test::kWanZone, .port = 1}};
        result.static_routes = std::move(static_routes);
        result.wan_addresses = [this](const std::vector<std::uint32_t>& addresses) {
            const std::lock_guard lock{mutex};
            wan = addresses;
        };
        result.log = [this](const std::string& line) {
            const std::lock_guard lock{mutex};
            lines.push_back(line);
        };
        return result;
    }
    [[nodiscard]] RouteResult lookup(const std::string& address) const { return routes.lookup(ip(address)); }
    bool becomes(const std::string& address, Kind kind) {
        return eventually([&] { return lookup(address).kind == kind; });
    }
    bool wan_becomes(const std::vector<std::string>& addresses) {
        std::vector<std::uint32_t> expected;
        expected.reserve(addresses.size());
        for (const std::string& address : addresses) expected.push_back(ip(address).ipv4());
        std::sort(expected.begin(), expected.end());
        return eventually([&] {
            const std::lock_guard lock{mutex};
            return wan == expected;
        });
    }
};

}  // namespace

TEST_CASE("what Linux has is in the table at once: own addresses, networks, WAN addresses") {
    if (!enter_namespace()) return;
    Mirrored world;
    for (const char* own : {"192.168.77.1", "192.0.2.1", "203.0.113.2", "2001:db8:77::1", "2001:db8::1"}) {
        CAPTURE(own);
        CHECK(world.lookup(own).kind == Kind::kLocal);
    }
    CHECK(world.lookup("192.168.77.11").kind == Kind::kUnresolved);
    CHECK(world.lookup("192.168.77.11").zone.is_inside());
    CHECK(world.lookup("203.0.113.9").zone == test::kWanZone);
    CHECK(world.lookup("2001:db8:77::9").zone.is_inside());
    CHECK(world.lookup("198.51.100.1").kind == Kind::kNone);
    CHECK(world.wan_becomes({"203.0.113.2"}));
    CHECK(world.routes.own_address(test::kLanZone, false) == ip("192.168.77.1"));
    CHECK(world.routes.own_address(test::kLanZone, true) == ip("2001:db8:77::1"));
    CHECK(world.routes.own_address(test::kWanZone, false) == ip("203.0.113.2"));
}

TEST_CASE("directed broadcasts are not forwarded") {
    if (!enter_namespace()) return;
    const Mirrored world;
    CHECK(world.lookup("192.168.77.255").kind == Kind::kNone);
}

TEST_CASE("routes come, change and go with Linux's") {
    if (!enter_namespace()) return;
    Mirrored world;
    run("ip route add default via 203.0.113.1 dev hg-wan");
    REQUIRE(world.becomes("198.51.100.1", Kind::kUnresolved));
    CHECK(world.lookup("198.51.100.1").via == ip("203.0.113.1"));
    run("ip route replace default via 203.0.113.3 dev hg-wan");
    CHECK(eventually([&] { return world.lookup("198.51.100.1").via == ip("203.0.113.3"); }));
    run("ip route add blackhole 198.51.100.0/24");
    CHECK(world.becomes("198.51.100.1", Kind::kNone));
    run("ip route del blackhole 198.51.100.0/24");
    CHECK(world.becomes("198.51.100.1", Kind::kUnresolved));
    run("ip route add 10.1.0.0/16 nexthop via 192.168.77.9 dev hg-lan nexthop via 203.0.113.9 dev hg-wan");
    REQUIRE(world.becomes("10.1.2.3", Kind::kUnresolved));
    CHECK(eventually([&] { return world.lookup("10.1.2.3").via == ip("192.168.77.9"); }));
    run("ip route add 10.1.0.0/17 via inet6 fe80::9 dev hg-wan");
    CHECK(eventually([&] { return world.lookup("10.1.2.3").via == ip("fe80::9"); }));
    run("ip -6 route add 2001:db8:99::/48 via fe80::7 dev hg-wan");
    CHECK(eventually([&] { return world.lookup("2001:db8:99::1").via == ip("fe80::7"); }));
    run("ip route add 10.9.0.0/16 via 203.0.113.9 dev hg-wan table 77");  // not the main table
    run("ip route del default dev hg-wan");
    CHECK(world.becomes("198.51.100.1", Kind::kNone));
    CHECK(world.lookup("10.9.0.1").kind == Kind::kNone);
}

TEST_CASE("neighbours come, change and go with Linux's") {
    if (!enter_namespace()) return;
    Mirrored world;
    run("ip neigh replace 192.168.77.11 lladdr 02:00:00:00:01:01 nud reachable dev hg-lan");
    REQUIRE(world.becomes("192.168.77.11", Kind::kForward));
    const NextHop hop = world.routes.next_hop(world.lookup("192.168.77.11").next_hop);
    CHECK(hop.destination == kHostMac);
    CHECK(hop.source == kLanMac);
    CHECK(hop.mtu == 1400);
    // STALE keeps forwarding, and a new neighbour is no reason to look old ones up again: the same epoch.
    const std::uint32_t epoch = world.routes.epoch();
    run("ip neigh replace 192.168.77.11 lladdr 02:00:00:00:01:01 nud stale dev hg-lan");
    run("ip neigh replace 192.168.77.12 lladdr 02:00:00:00:01:02 nud stale dev hg-lan");  // read after it
    REQUIRE(world.becomes("192.168.77.12", Kind::kForward));
    CHECK(world.lookup("192.168.77.11").kind == Kind::kForward);
    CHECK(world.routes.epoch() == epoch);
    run("ip neigh replace 192.168.77.11 lladdr 02:00:00:00:01:09 nud reachable dev hg-lan");
    CHECK(eventually([&] {
        const auto result = world.lookup("192.168.77.11");
        return world.routes.next_hop(result.next_hop).destination[5] == 9;
    }));
    run("ip neigh del 192.168.77.11 dev hg-lan");
    CHECK(world.becomes("192.168.77.11", Kind::kUnresolved));
    run("ip -6 neigh replace 2001:db8:77::5 lladdr 02:00:00:00:01:05 nud permanent dev hg-lan");
    CHECK(world.becomes("2001:db8:77::5", Kind::kForward));
}

TEST_CASE("a neighbour that does not answer is unresolved again") {
    if (!enter_namespace()) return;
    Mirrored world;
    run("ip neigh replace 192.168.77.13 lladdr 02:00:00:00:01:03 nud reachable dev hg-lan");
    REQUIRE(world.becomes("192.168.77.13", Kind::kForward));
    run("ip neigh replace 192.168.77.13 lladdr 02:00:00:00:01:03 nud failed dev hg-lan");
    CHECK(world.becomes("192.168.77.13", Kind::kUnresolved));
}

TEST_CASE("WAN addresses follow Linux's, and the LAN's are not among them") {
    if (!enter_namespace()) return;
    Mirrored world;
    REQUIRE(world.wan_becomes({"203.0.113.2"}));
    run("ip addr add 203.0.113.77/24 dev hg-wan");
    CHECK(world.wan_becomes({"203.0.113.2", "203.0.113.77"}));
    CHECK(world.becomes("203.0.113.77", Kind::kLocal));
    run("ip addr del 203.0.113.77/24 dev hg-wan");
    CHECK(world.wan_becomes({"203.0.113.2"}));
    CHECK(world.becomes("203.0.113.77", Kind::kUnresolved));
}

TEST_CASE("a changed MTU reaches the next hops") {
    if (!enter_namespace()) return;
    Mirrored world;
    run("ip neigh replace 203.0.113.9 lladdr 02:00:00:00:02:09 nud permanent dev hg-wan");
    REQUIRE(world.becomes("203.0.113.9", Kind::kForward));
    run("ip link set hg-wan mtu 1420");
    CHECK(eventually([&] {
        const auto result = world.lookup("203.0.113.9");
        return result.kind == Kind::kForward && world.routes.next_hop(result.next_hop).mtu == 1420;
    }));
    run("ip link set hg-wan mtu 1500");
}

TEST_CASE("static routes stay beside the kernel's") {
    if (!enter_namespace()) return;
    Mirrored world{
        {{.network = ip("198.51.100.0"), .prefix = 24, .zone = test::kWanZone, .gateway = ip("203.0.113.5")}}};
    CHECK(world.lookup("198.51.100.1").via == ip("203.0.113.5"));
    run("ip route add 10.3.0.0/16 via 203.0.113.1 dev hg-wan");
    REQUIRE(world.becomes("10.3.0.1", Kind::kUnresolved));
    CHECK(world.lookup("198.51.100.1").via == ip("203.0.113.5"));
}

TEST_CASE("many changes at once arrive all the same") {
    if (!enter_namespace()) return;
    Mirrored world;
    run("for i in $(seq 1 50); do echo \"neigh replace 192.168.77.$((100 + i)) lladdr 02:00:00:00:03:01 nud permanent "
        "dev "
        "hg-lan\"; echo \"route add 10.50.$i.0/24 via 203.0.113.1 dev hg-wan\"; done | ip -batch -");
    CHECK(world.becomes("192.168.77.150", Kind::kForward));
    CHECK(world.becomes("10.50.50.1", Kind::kUnresolved));
    for (int i = 1; i <= 50; ++i) {
        CHECK(world.lookup("192.168.77." + std::to_string(100 + i)).kind == Kind::kForward);
        CHECK(world.lookup("10.50." + std::to_string(i) + ".1").via == ip("203.0.113.1"));
    }
}
