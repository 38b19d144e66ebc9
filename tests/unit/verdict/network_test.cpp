// SPDX-License-Identifier: Apache-2.0
#include "dataplane/policy/network.h"

#include "tests/unit/verdict/world.h"

using namespace heartgate::dataplane;

TEST_CASE("a network contains its addresses to the bit") {
    const auto half = Network::parse("10.20.128.0/17");
    REQUIRE(half);
    CHECK(half->contains(ip("10.20.128.0")));
    CHECK(half->contains(ip("10.20.255.255")));
    CHECK_FALSE(half->contains(ip("10.20.127.255")));
    CHECK_FALSE(half->contains(ip("10.21.0.0")));
    const auto six = Network::parse("2001:db8:0:8000::/49");
    REQUIRE(six);
    CHECK(six->contains(ip("2001:db8:0:8001::1")));
    CHECK_FALSE(six->contains(ip("2001:db8:0:7fff::1")));
    const auto longer = Network::parse("2001:db8::ff00/120");
    REQUIRE(longer);
    CHECK(longer->contains(ip("2001:db8::ff01")));
    CHECK_FALSE(longer->contains(ip("2001:db8::1:ff01")));
    const auto host = Network::parse("192.0.2.1");
    REQUIRE(host);
    CHECK(host->contains(ip("192.0.2.1")));
    CHECK_FALSE(host->contains(ip("192.0.2.2")));
}

TEST_CASE("a network of one family contains nothing of the other") {
    CHECK_FALSE(Network::parse("::/0")->contains(ip("192.0.2.1")));
    CHECK(Network::parse("::/0")->contains(ip("2001:db8::1")));
    CHECK_FALSE(Network::parse("0.0.0.0/0")->contains(ip("2001:db8::1")));
    CHECK(Network::parse("0.0.0.0/0")->contains(ip("255.0.2.1")));
}

TEST_CASE("host bits of a network do not count") {
    CHECK(Network::parse("192.168.1.77/24")->contains(ip("192.168.1.1")));
}

TEST_CASE("what is no network is refused") {
    for (const char* text : {"", "/", "1.2.3.4/", "1.2.3.4/33", "1.2.3/8", "1.2.3.4/-1", "1.2.3.4/8x", "2001:db8::/129",
                             "::ffff:1.2.3.4", "example.com", "1.2.3.4/8/8"}) {
        CAPTURE(text);
        CHECK_FALSE(Network::parse(text));
    }
}
