// SPDX-License-Identifier: Apache-2.0
#include "dataplane/fragment/received_ranges.h"

#include <algorithm>
#include <array>
#include <bitset>
#include <catch2/catch.hpp>
#include <random>

using namespace heartgate::dataplane;
using Added = ReceivedRanges::Added;

TEST_CASE("a datagram is complete when its bytes have come from the first to the last, in any order") {
    ReceivedRanges ranges;
    CHECK(ranges.add(16, 24, true) == Added::kNew);
    CHECK(!ranges.complete());
    CHECK(ranges.add(0, 8, false) == Added::kNew);
    CHECK(!ranges.complete());
    CHECK(ranges.add(8, 16, false) == Added::kNew);
    CHECK(ranges.complete());
}

TEST_CASE("what comes twice, behind the end or as a second end is an overlap") {
    ReceivedRanges ranges;
    CHECK(ranges.add(8, 24, false) == Added::kNew);
    CHECK(ranges.add(8, 24, false) == Added::kOverlap);
    CHECK(ranges.add(0, 16, false) == Added::kOverlap);
    CHECK(ranges.add(16, 32, false) == Added::kOverlap);
    CHECK(ranges.add(0, 64, false) == Added::kOverlap);
    CHECK(ranges.add(0, 8, true) == Added::kOverlap);
    CHECK(ranges.add(24, 32, true) == Added::kNew);
    CHECK(ranges.add(32, 40, false) == Added::kOverlap);
    CHECK(ranges.add(32, 40, true) == Added::kOverlap);
    CHECK(ranges.add(0, 8, false) == Added::kNew);
    CHECK(ranges.complete());
}

TEST_CASE("ranges agree with a plain set of bytes") {
    std::mt19937 random{4711};
    constexpr unsigned kUnits = 40;
    std::array<unsigned, 3> outcomes{};
    for (int round = 0; round < 20'000; ++round) {
        ReceivedRanges ranges;
        std::bitset<kUnits> seen;
        for (int step = 0; step < 30; ++step) {
            const auto begin = static_cast<unsigned>(random() % kUnits);
            const auto end = static_cast<unsigned>(begin + 1 + random() % std::min(3U, kUnits - begin));
            std::bitset<kUnits> wanted;
            for (unsigned at = begin; at < end; ++at) wanted.set(at);
            const Added added =
                ranges.add(static_cast<std::uint16_t>(begin * 8), static_cast<std::uint16_t>(end * 8), false);
            ++outcomes[static_cast<unsigned>(added)];
            REQUIRE((seen & wanted).any() == (added == Added::kOverlap));
            if (added == Added::kNew) seen |= wanted;
        }
    }
    for (const unsigned count : outcomes) CHECK(count > 100);
}
