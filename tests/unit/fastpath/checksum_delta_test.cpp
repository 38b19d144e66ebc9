// SPDX-License-Identifier: Apache-2.0
#include "dataplane/nat/checksum_delta.h"

#include <arpa/inet.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstring>
#include <random>

using namespace heartgate::dataplane;

namespace {

// RFC 1071, over whole 16-bit words.
template <std::size_t Size>
std::uint16_t checksum(const std::array<std::uint16_t, Size>& words) {
    std::uint32_t sum = 0;
    for (const std::uint16_t word : words) sum += word;
    return static_cast<std::uint16_t>(~fold(sum));
}

}  // namespace

TEST_CASE("a delta turns the checksum before a rewrite into the one computed anew, and back") {
    std::mt19937 random{1624};
    for (int round = 0; round < 20'000; ++round) {
        std::array<std::uint16_t, 10> header{};
        for (std::uint16_t& word : header) word = static_cast<std::uint16_t>(random());
        header[0] |= 1;  // an IP header is never all zero (RFC 1624, section 3)
        const std::uint16_t before = checksum(header);

        std::uint32_t old_address = 0;
        std::memcpy(&old_address, &header[6], 4);
        const std::uint16_t old_port = header[8];
        const auto new_address = static_cast<std::uint32_t>(random());
        const auto new_port = static_cast<std::uint16_t>(random());
        const std::uint16_t delta =
            add_deltas(checksum_delta(old_address, new_address), checksum_delta(old_port, new_port));
        std::memcpy(&header[6], &new_address, 4);
        header[8] = new_port;

        const std::uint16_t after = apply_delta(before, delta);
        REQUIRE(after == checksum(header));
        REQUIRE(apply_delta(after, static_cast<std::uint16_t>(~delta)) == before);
    }
}

TEST_CASE("the example of RFC 1624, section 4, does not end in minus zero") {
    const std::uint16_t delta = checksum_delta(std::uint16_t{0x5555}, std::uint16_t{0x3285});
    CHECK(apply_delta(0xdd2f, delta) == 0x0000);
}
