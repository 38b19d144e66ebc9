// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "dataplane/packet/address_text.h"

using namespace heartgate::dataplane;

TEST_CASE("addresses of both families come back as the text they were") {
    for (const std::string text : {"192.0.2.1", "0.0.0.0", "2001:db8::1", "::"}) {
        const auto address = parse_ip(text);
        REQUIRE(address);
        CHECK(to_text(*address) == text);
    }
    CHECK(parse_ip("192.0.2.1")->is_ipv4());
}

TEST_CASE("what is no address is refused") {
    for (const std::string text :
         {"", "192.0.2", "192.0.2.256", "192.0.2.1/24", "host", "::ffff:192.0.2.1", "1::2::3"}) {
        INFO(text);
        CHECK_FALSE(parse_ip(text));
    }
}

TEST_CASE("a prefix keeps its host bits, its network does not") {
    const auto prefix = parse_prefix("10.20.31.7/20");
    REQUIRE(prefix);
    CHECK(to_text(prefix->address) == "10.20.31.7");
    CHECK(to_text(network_of(*prefix).address) == "10.20.16.0");
    CHECK(to_text(network_of(*parse_prefix("2001:db8:ffff::1/33")).address) == "2001:db8:8000::");
    CHECK(network_of(*parse_prefix("10.1.2.3/32")).address == *parse_ip("10.1.2.3"));
    for (const std::string text : {"10.0.0.0", "10.0.0.0/33", "10.0.0.0/", "2001:db8::/129", "/8", "10.0.0.0/-1"}) {
        INFO(text);
        CHECK_FALSE(parse_prefix(text));
    }
}

TEST_CASE("a MAC address has six pairs of hexadecimal digits") {
    const auto mac = parse_mac("02:48:47:0a:Bc:ff");
    REQUIRE(mac);
    CHECK(to_text(*mac) == "02:48:47:0a:bc:ff");
    for (const std::string text :
         {"", "02:48:47:00:00", "02-48-47-00-00-01", "02:48:47:00:00:0g", "2:48:47:00:00:001"}) {
        INFO(text);
        CHECK_FALSE(parse_mac(text));
    }
}
