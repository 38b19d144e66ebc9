// SPDX-License-Identifier: Apache-2.0
#include "controlplane/cli/format.h"

#include <catch2/catch.hpp>
#include <sstream>

using namespace heartgate::control::cli;  // NOLINT(google-build-using-namespace)

TEST_CASE("addresses are written as people write them") {
    CHECK(address_text(std::string("\xC0\x00\x02\x01", 4)) == "192.0.2.1");
    CHECK(address_text(address_bytes("2001:db8::1").value()) == "2001:db8::1");
    CHECK(address_text("").size() == 1);
    CHECK(address_text("abc") == "? (3 bytes)");
    CHECK(socket_text(address_bytes("2001:db8::1").value(), 443) == "[2001:db8::1]:443");
    CHECK(mac_text(std::string("\x02\x00\x00\xAB\xCD\x01", 6)) == "02:00:00:ab:cd:01");
    CHECK_FALSE(address_bytes("nowhere"));
}

TEST_CASE("ages are rounded the way a person would") {
    CHECK(age_text(0, 1000) == "never");
    CHECK(age_text(1000, 2500) == "1.5 s ago");
    CHECK(age_text(1000, 61'000) == "1 min ago");
    CHECK(age_text(1000, 7'301'000) == "2 h 1 min ago");
    CHECK(age_text(5000, 1000) == "0.0 s ago");  // clocks differ
    CHECK(duration_text(90'000) == "1 d 1 h");
}

TEST_CASE("columns are aligned by characters, and colours do not move them") {
    Table table({"NAME", "HEALTH"});
    table.add({"Jürgen", {"GREEN", Style::kGreen}});
    table.add({"a", "RED"});
    std::ostringstream plain;
    table.print(plain, false);
    CHECK(plain.str() ==
          "NAME    HEALTH\n"
          "Jürgen  GREEN\n"
          "a       RED\n");
    std::ostringstream coloured;
    table.print(coloured, true);
    CHECK_THAT(coloured.str(), Catch::Contains("\x1b[32mGREEN\x1b[0m"));
}

TEST_CASE("what an endpoint wrote cannot steer the terminal") {
    Table table({"NAME"});
    table.add({"evil\x1b[2J\nNAME"});
    std::ostringstream out;
    table.print(out, true);
    CHECK_THAT(out.str(), !Catch::Contains("\x1b[2J"));
    CHECK_THAT(out.str(), Catch::Contains("evil[2J NAME"));
}
