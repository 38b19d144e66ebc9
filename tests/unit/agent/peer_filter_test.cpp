// SPDX-License-Identifier: Apache-2.0
// Sick machines kept away, in a network namespace of a thread's own: real nftables, what it holds asked with nft.
#include <sched.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <memory>
#include <thread>

#include "controlplane/agent/linux/peer_filter.h"
#include "tests/unit/pki/temporary_directory.h"

using namespace heartgate::control::agent;
using heartgate::testing::TemporaryDirectory;
namespace v1 = heartgate::v1;
using namespace std::chrono_literals;

namespace {

const std::string kMac{"\x02\x00\x00\x00\x00\xd1", 6};
const std::string kIpv4{"\x0a\x14\x00\x33", 4};
const std::string kIpv6{"\xfd\x00\x00\x20\0\0\0\0\0\0\0\0\0\0\0\xd1", 16};

v1::Peer peer(const std::string& mac, std::initializer_list<std::string> addresses) {
    v1::Peer result;
    result.set_mac(mac);
    for (const std::string& address : addresses) result.add_addresses(address);
    return result;
}

// Of the network namespace of the calling thread.
std::string ruleset() {
    std::string text;
    const std::unique_ptr<FILE, int (*)(FILE*)> pipe{::popen("nft list ruleset 2>&1", "r"), ::pclose};
    std::array<char, 4096> buffer{};
    while (std::fgets(buffer.data(), buffer.size(), pipe.get()) != nullptr) text += buffer.data();
    return text;
}
bool holds(const std::string& text) { return ruleset().find(text) != std::string::npos; }

template <class Body>
void in_own_network(const Body& body) {
    std::thread{[&] {
        if (::unshare(CLONE_NEWNET) != 0) {
            std::cout << "SKIP network namespaces are not permitted\n";
            return;
        }
        body();
    }}.join();
}

}  // namespace

TEST_CASE("named machines are refused by MAC and addresses, until they are not named any more") {
    in_own_network([] {
        auto filter = PeerFilter::start({{"192.0.2.1", 8347}});
        REQUIRE(filter);
        REQUIRE((*filter)->refuse({peer(kMac, {kIpv4, kIpv6})}, 1s));
        CHECK((*filter)->refused(1s) == 3);
        CHECK(holds("02:00:00:00:00:d1"));
        CHECK(holds("10.20.0.51"));
        CHECK(holds("fd00:20::d1"));
        REQUIRE((*filter)->refuse({}, 2s));
        CHECK_FALSE(holds("02:00:00:00:00:d1"));
        CHECK_FALSE(holds("10.20.0.51"));
        CHECK_FALSE(holds("fd00:20::d1"));
        filter->reset();
        CHECK_FALSE(holds("table inet heartgate"));
    });
}

TEST_CASE("what is refused has two minutes from when it was named last") {
    in_own_network([] {
        auto filter = PeerFilter::start({});
        REQUIRE(filter);
        REQUIRE((*filter)->refuse({peer(kMac, {kIpv4})}, 1s));
        CHECK(holds("10.20.0.51 timeout 2m expires"));
        CHECK((*filter)->refused(120s) == 2);
        CHECK((*filter)->refused(121s) == 0);
        // Named again once it lapsed: back.
        REQUIRE((*filter)->refuse({peer(kMac, {kIpv4})}, 200s));
        CHECK((*filter)->refused(200s) == 2);
    });
}

TEST_CASE("an agent that was killed leaves a table that the next one replaces") {
    in_own_network([] {
        auto first = PeerFilter::start({});
        REQUIRE(first);
        REQUIRE((*first)->refuse({peer(kMac, {kIpv4})}, 1s));
        auto second = PeerFilter::start({});
        REQUIRE(second);
        CHECK(holds("table inet heartgate"));
        CHECK_FALSE(holds("10.20.0.51"));
    });
}

TEST_CASE("a table that somebody flushed is made anew") {
    in_own_network([] {
        auto filter = PeerFilter::start({});
        REQUIRE(filter);
        REQUIRE((*filter)->refuse({peer(kMac, {kIpv4})}, 1s));
        CHECK(std::system("nft flush ruleset") == 0);
        CHECK_FALSE(holds("10.20.0.51"));
        REQUIRE((*filter)->refuse({peer(kMac, {kIpv4})}, 32s));
        CHECK(holds("10.20.0.51"));
    });
}

TEST_CASE("groups, loopback and wrong lengths are nobody's addresses; the way to the gateway is never refused") {
    const TemporaryDirectory directory;
    const std::string routes = directory.path().string() + "/route";
    const std::string neighbours = directory.path().string() + "/arp";
    std::ofstream{routes}
        << ("Iface\tDestination\tGateway \tFlags\nlan0\t00000000\t0100140A\t0003\nlan0\t0000140A\t00000000\t0001\n");
    std::ofstream{neighbours}
        << ("IP address       HW type     Flags       HW address            Mask     Device\n"
            "10.20.0.1        0x1         0x2         02:48:47:00:00:01     *        lan0\n"
            "10.20.0.9        0x1         0x2         02:00:00:00:00:09     *        lan0\n");
    const RefusedAddresses way = way_to_gateway({{"192.0.2.1", 8347}, {"2001:DB8::1", 8347}}, routes, neighbours);
    CHECK(way.macs == std::set<std::string>{"02:48:47:00:00:01"});
    CHECK(way.ipv4 == std::set<std::string>{"10.20.0.1", "192.0.2.1"});
    CHECK(way.ipv6 == std::set<std::string>{"2001:db8::1"});

    const std::string router_mac{"\x02\x48\x47\x00\x00\x01", 6};
    const RefusedAddresses refused = refused_addresses(
        {peer(router_mac, {{"\x0a\x14\x00\x01", 4}, {"\xc0\x00\x02\x01", 4}, kIpv4}),
         peer({"\x01\x00\x5e\x00\x00\x01", 6}, {{"\xe0\x00\x00\x01", 4}, {"\x7f\x00\x00\x01", 4}, "abc"}),
         peer("", {std::string{"\xff\x02", 2} + std::string(13, '\0') + '\1', std::string(15, '\0') + '\1', kIpv6})},
        way);
    CHECK(refused.macs.empty());
    CHECK(refused.ipv4 == std::set<std::string>{"10.20.0.51"});
    CHECK(refused.ipv6 == std::set<std::string>{"fd00:20::d1"});
}
