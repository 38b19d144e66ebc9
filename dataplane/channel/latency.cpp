// SPDX-License-Identifier: Apache-2.0
#include "dataplane/channel/latency.h"

#include "heartgate/v1/statistics.pb.h"

namespace heartgate::dataplane {
v1::LatencyHistogram latency_message(const contract::SharedState& state) {
    v1::LatencyHistogram histogram;
    contract::LatencyCounts counts{};
    for (std::size_t bucket = 0; bucket < counts.size(); ++bucket) {
        counts[bucket] = state.latency[bucket].load(std::memory_order_relaxed);
        histogram.add_upper_bound_us(std::uint64_t{1} << bucket);
        histogram.add_count(counts[bucket]);
    }
    const std::uint64_t maximum = state.latency_maximum_us.load(std::memory_order_relaxed);
    histogram.set_p50_us(contract::latency_quantile(counts, 50, maximum));
    histogram.set_p99_us(contract::latency_quantile(counts, 99, maximum));
    histogram.set_maximum_us(maximum);
    return histogram;
}

}  // namespace heartgate::dataplane
