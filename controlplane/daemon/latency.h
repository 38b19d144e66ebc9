// SPDX-License-Identifier: Apache-2.0
// A histogram of latencies that this process measures, as the protocol carries it.
#pragma once

#include <heartgate/v1/statistics.pb.h>

#include <algorithm>
#include <cstdint>

#include "dataplane/contract/latency_histogram.h"

namespace heartgate::control {

class Latency {
public:
    void add(std::uint64_t nanoseconds) {
        const std::uint64_t microseconds = nanoseconds / 1000;
        ++counts_[contract::latency_bucket(microseconds)];
        maximum_us_ = std::max(maximum_us_, microseconds);
    }

    void fill(v1::LatencyHistogram& histogram) const {
        for (std::size_t bucket = 0; bucket < counts_.size(); ++bucket) {
            histogram.add_upper_bound_us(std::uint64_t{1} << bucket);
            histogram.add_count(counts_[bucket]);
        }
        histogram.set_p50_us(contract::latency_quantile(counts_, 50, maximum_us_));
        histogram.set_p99_us(contract::latency_quantile(counts_, 99, maximum_us_));
        histogram.set_maximum_us(maximum_us_);
    }

private:
    contract::LatencyCounts counts_{};
    std::uint64_t maximum_us_ = 0;
};

}  // namespace heartgate::control
