// SPDX-License-Identifier: Apache-2.0
// Latencies in buckets of powers of two: bucket i counts those below 2^i microseconds, the last one everything above.
// Both processes count and sum up in the same way.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <numeric>

namespace heartgate::contract {

inline constexpr std::size_t kLatencyBuckets = 24;
using LatencyCounts = std::array<std::uint64_t, kLatencyBuckets>;

[[nodiscard]] constexpr std::size_t latency_bucket(std::uint64_t microseconds) noexcept {
    return std::min(static_cast<std::size_t>(std::bit_width(microseconds)), kLatencyBuckets - 1);
}

// The upper bound of the bucket in which the quantile lies, or the maximum where that is less. Microseconds.
[[nodiscard]] inline std::uint64_t latency_quantile(const LatencyCounts& counts, std::uint64_t percent,
                                                    std::uint64_t maximum_us) noexcept {
    const std::uint64_t total = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
    const std::uint64_t rank = (total * percent + 99) / 100;
    std::uint64_t below = 0;
    for (std::size_t bucket = 0; bucket + 1 < counts.size(); ++bucket) {
        below += counts[bucket];
        if (below >= rank) return std::min(std::uint64_t{1} << bucket, maximum_us);
    }
    return maximum_us;
}

}  // namespace heartgate::contract
