// SPDX-License-Identifier: Apache-2.0
#include "dataplane/worker/token_bucket.h"

#include <catch2/catch.hpp>

using namespace heartgate::dataplane;

namespace {

unsigned taken(TokenBucket& bucket, std::uint32_t per_second, std::uint32_t now_ms, unsigned tries) {
    unsigned count = 0;
    for (unsigned i = 0; i < tries; ++i) count += bucket.take(per_second, now_ms) ? 1U : 0U;
    return count;
}

}  // namespace

TEST_CASE("a token bucket is full at first, then earns its rate, and never holds more than a second's worth") {
    TokenBucket bucket;
    constexpr std::uint32_t kStart = 0xffff'ff00;  // the clock wraps on the way
    CHECK(taken(bucket, 50, kStart, 100) == 50);
    CHECK(taken(bucket, 50, kStart + 19, 100) == 0);
    CHECK(taken(bucket, 50, kStart + 20, 100) == 1);
    unsigned sum = 0;
    for (std::uint32_t ms = 21; ms <= 10'020; ++ms) sum += taken(bucket, 50, kStart + ms, 3);
    CHECK(sum == 500);
    CHECK(taken(bucket, 50, kStart + 3'600'000, 100) == 50);
}

TEST_CASE("a rate of zero is no limit") {
    TokenBucket bucket;
    CHECK(taken(bucket, 0, 7, 100'000) == 100'000);
}

TEST_CASE("each sender has buckets of its own, and a thousand others cost nobody a token") {
    PerSender<TokenBucket> senders{0x1234'5678'9abc'def0};
    CHECK(taken(senders.of(1), 5, 0, 10) == 5);
    CHECK(taken(senders.of(2), 5, 0, 10) == 5);
    unsigned without = 0;
    for (PackedMac mac = 100; mac < 5'000; ++mac) without += senders.of(mac).take(5, 0) ? 0U : 1U;
    CHECK(without == 0);
}
