// SPDX-License-Identifier: Apache-2.0
// How often each of many may do something: one token bucket per key, in a table of bounded size. Keys beyond it share
// one bucket, so that a flood of new keys neither takes memory nor forgets who was limited.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace heartgate::control::listener {

class RateTable {
public:
    struct Limits {
        double per_second = 1;
        double burst = 1;  // at least 1
        std::size_t keys = 4096;
    };

    explicit RateTable(Limits limits) : limits_{limits}, shared_{.tokens = limits.burst} {}

    // False: too often. From any thread. `now_ns`: CLOCK_MONOTONIC.
    [[nodiscard]] bool allow(std::string_view key, std::uint64_t now_ns);
    [[nodiscard]] std::size_t size() const;

private:
    struct Bucket {
        double tokens = 0;
        std::uint64_t last_ns = 0;
    };
    [[nodiscard]] double filled(const Bucket& bucket, std::uint64_t now_ns) const;
    [[nodiscard]] Bucket& bucket_of(std::string_view key, std::uint64_t now_ns);

    const Limits limits_;
    mutable std::mutex mutex_;
    std::unordered_map<std::string, Bucket> buckets_;
    Bucket shared_;
    std::uint64_t swept_ns_ = 0;
};

}  // namespace heartgate::control::listener
