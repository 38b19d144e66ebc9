// SPDX-License-Identifier: Apache-2.0
#include "dataplane/control/alarms.h"

#include <catch2/catch.hpp>

#include "dataplane/packet/address_text.h"
#include "tests/zones.h"

using namespace heartgate::dataplane;
using heartgate::contract::DropReason;

namespace {

const ZoneTable kZones = test::zones();

Alarm spoof(std::uint8_t host) {
    return {.reason = DropReason::kSpoofedNeighbour,
            .zone = test::kLanZone,
            .mac = pack({2, 0, 0, 0, 0, host}),
            .address = *parse_ip("10.0.0.10")};
}

}  // namespace

TEST_CASE("an alarm is told once a minute") {
    Alarms alarms;
    CHECK(alarms.add(spoof(1), kZones, 1'000));
    CHECK_FALSE(alarms.add(spoof(1), kZones, 60'999));
    CHECK(alarms.add(spoof(2), kZones, 2'000));
    CHECK(alarms.add(spoof(1), kZones, 61'000));
    CHECK(sentence(spoof(1), test::zones()) ==
          "02:00:00:00:00:01 in zone lan claims 10.0.0.10, which belongs to another machine");
}

TEST_CASE("made-up MAC addresses fill no memory") {
    Alarms alarms;
    std::size_t told = 0;
    for (std::uint64_t mac = 1; mac < 10'000; ++mac) {
        told += alarms.add({.reason = DropReason::kOwnAddress, .zone = test::kLanZone, .mac = mac << 8U}, kZones, 1'000)
                    ? 1U
                    : 0U;
    }
    CHECK(told == Alarms::kMostKept);
}

TEST_CASE("a worker that stands still is told when it begins and when it ends") {
    Alarms alarms;
    CHECK_FALSE(alarms.stalled(0, 3, 0));
    CHECK(alarms.stalled(0, 3, 1));
    CHECK_FALSE(alarms.stalled(0, 3, 2));
    CHECK_FALSE(alarms.stalled(1, 4, 0));
    CHECK(alarms.stalled(0, 3, 0));
}
