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
    CHECK(told == Alarms::kMostOfCause);
    CHECK(alarms.add(spoof(1), kZones, 1'000));  // of another cause
    heartgate::v1::AlarmStatistics statistics;
    alarms.fill(statistics);
    CHECK(statistics.told() == told + 1);
    CHECK(statistics.repeated() == 9'999 - told);
}

TEST_CASE("what was told is handed on once, with MAC and address; the oldest goes when nobody asks") {
    Alarms alarms;
    REQUIRE(alarms.add(spoof(1), kZones, 1'000));
    heartgate::v1::TakeAlarmsReply taken;
    alarms.take(taken);
    REQUIRE(taken.alarms_size() == 1);
    CHECK(taken.alarms(0).kind() == heartgate::v1::SPOOF);
    CHECK(taken.alarms(0).mac() == std::string("\x02\x00\x00\x00\x00\x01", 6));
    CHECK(taken.alarms(0).address() == std::string("\x0a\x00\x00\x0a", 4));
    CHECK(taken.alarms(0).text() == sentence(spoof(1), kZones));
    taken.Clear();
    alarms.take(taken);
    CHECK(taken.alarms_size() == 0);

    for (std::uint64_t minute = 1; minute <= Alarms::kMostKept + 3; ++minute) {
        REQUIRE(alarms.add({.reason = DropReason::kOwnMac, .zone = test::kLanZone, .mac = 7}, kZones,
                           minute * Alarms::kAgainMs));
    }
    alarms.take(taken);
    CHECK(taken.alarms_size() == Alarms::kMostKept);
    CHECK(taken.alarms(0).kind() == heartgate::v1::OWN_MAC);
    heartgate::v1::AlarmStatistics statistics;
    alarms.fill(statistics);
    CHECK(statistics.untold() == 3);
}

TEST_CASE("a worker that stands still is told when it begins and when it ends") {
    Alarms alarms;
    CHECK_FALSE(alarms.stalled(0, 3, 0));
    CHECK(alarms.stalled(0, 3, 1));
    CHECK_FALSE(alarms.stalled(0, 3, 2));
    CHECK_FALSE(alarms.stalled(1, 4, 0));
    CHECK(alarms.stalled(0, 3, 0));
    heartgate::v1::TakeAlarmsReply taken;
    alarms.take(taken);
    REQUIRE(taken.alarms_size() == 2);
    CHECK(taken.alarms(0).kind() == heartgate::v1::WORKER_STALLED);
    CHECK(taken.alarms(1).kind() == heartgate::v1::WORKER_RECOVERED);
}
