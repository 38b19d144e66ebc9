// SPDX-License-Identifier: Apache-2.0
#include "controlplane/listener/rate_table.h"

#include <algorithm>

namespace heartgate::control::listener {
namespace {

constexpr std::uint64_t kSweepEvery = 1'000'000'000;  // ns: a full table is not walked for each new key

}  // namespace

bool RateTable::allow(std::string_view key, std::uint64_t now_ns) {
    const std::lock_guard lock{mutex_};
    Bucket& bucket = bucket_of(key, now_ns);
    bucket.tokens = filled(bucket, now_ns);
    bucket.last_ns = std::max(bucket.last_ns, now_ns);
    if (bucket.tokens < 1) return false;
    bucket.tokens -= 1;
    return true;
}

std::size_t RateTable::size() const {
    const std::lock_guard lock{mutex_};
    return buckets_.size();
}

double RateTable::filled(const Bucket& bucket, std::uint64_t now_ns) const {
    if (now_ns <= bucket.last_ns) return bucket.tokens;
    const double seconds = static_cast<double>(now_ns - bucket.last_ns) * 1e-9;
    return std::min(limits_.burst, bucket.tokens + seconds * limits_.per_second);
}

RateTable::Bucket& RateTable::bucket_of(std::string_view key, std::uint64_t now_ns) {
    const std::string name{key};
    if (const auto found = buckets_.find(name); found != buckets_.end()) return found->second;
    if (buckets_.size() >= limits_.keys && now_ns - swept_ns_ >= kSweepEvery) {
        swept_ns_ = now_ns;
        // A full bucket says no more than none.
        std::erase_if(buckets_, [&](const auto& entry) { return filled(entry.second, now_ns) >= limits_.burst; });
    }
    if (buckets_.size() >= limits_.keys) return shared_;
    return buckets_.emplace(name, Bucket{.tokens = limits_.burst, .last_ns = now_ns}).first->second;
}

}  // namespace heartgate::control::listener
