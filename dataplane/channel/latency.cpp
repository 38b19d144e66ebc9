// SPDX-License-Identifier: Apache-2.0
#include "dataplane/channel/latency.h"

#include <algorithm>
#include <numeric>

#include "heartgate/v1/statistics.pb.h"

namespace heartgate::dataplane {
namespace {

using Counts = std::array<std::uint64_t, contract::kLatencyBuckets>;

std::uint64_t quantile(const Counts& counts, std::uint64_t percent, std::uint64_t maximum) {
    const std::uint64_t total = std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
    const std::uint64_t rank = (total * percent + 99) / 100;
    std::uint64_t below = 0;
    for (std::size_t bucket = 0; bucket + 1 < counts.size(); ++bucket) {
        below += counts[bucket];
        if (below >= rank) return std::min(std::uint64_t{1} << bucket, maximum);
    }
    return maximum;
}

}  // namespace

v1::LatencyHistogram latency_message(const contract::SharedState& state) {
    v1::LatencyHistogram histogram;
    Counts counts{};
    for (std::size_t bucket = 0; bucket < counts.size(); ++bucket) {
        counts[bucket] = state.latency[bucket].load(std::memory_order_relaxed);
        histogram.add_upper_bound_us(std::uint64_t{1} << bucket);
        histogram.add_count(counts[bucket]);
    }
    const std::uint64_t maximum = state.latency_maximum_us.load(std::memory_order_relaxed);
    histogram.set_p50_us(quantile(counts, 50, maximum));
    histogram.set_p99_us(quantile(counts, 99, maximum));
    histogram.set_maximum_us(maximum);
    return histogram;
}

}  // namespace heartgate::dataplane
