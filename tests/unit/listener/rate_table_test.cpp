// SPDX-License-Identifier: Apache-2.0
#include "controlplane/listener/rate_table.h"

#include <catch2/catch.hpp>

using heartgate::control::listener::RateTable;

namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr std::uint64_t kStart = 100 * kSecond;

int allowed(RateTable& table, const std::string& key, int attempts, std::uint64_t now_ns) {
    int count = 0;
    for (int attempt = 0; attempt < attempts; ++attempt) count += table.allow(key, now_ns) ? 1 : 0;
    return count;
}

}  // namespace

TEST_CASE("a key has its burst, then its rate, and no other key feels it") {
    RateTable table{{.per_second = 2, .burst = 5, .keys = 10}};
    CHECK(allowed(table, "a", 20, kStart) == 5);
    CHECK(allowed(table, "b", 20, kStart) == 5);
    CHECK(allowed(table, "a", 20, kStart + kSecond) == 2);
    CHECK(allowed(table, "a", 20, kStart + 100 * kSecond) == 5);
}

TEST_CASE("a flood of keys neither grows the table nor forgets who was limited") {
    RateTable table{{.per_second = 1, .burst = 2, .keys = 10}};
    CHECK(allowed(table, "a", 5, kStart) == 2);
    int strangers = 0;
    for (int key = 0; key < 1000; ++key) strangers += allowed(table, std::to_string(key), 1, kStart);
    CHECK(strangers == 9 + 2);  // their own buckets, then the shared one
    CHECK(table.size() == 10);
    CHECK(allowed(table, "a", 5, kStart) == 0);
    // Those that have been quiet make room.
    CHECK(allowed(table, "new", 5, kStart + 10 * kSecond) == 2);
    CHECK(table.size() == 1);
}
