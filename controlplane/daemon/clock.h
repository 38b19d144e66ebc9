// SPDX-License-Identifier: Apache-2.0
// The two clocks of the daemon: CLOCK_MONOTONIC for order and durations, the wall clock for people.
#pragma once

#include <chrono>
#include <cstdint>

#include "controlplane/health/endpoint_health.h"

namespace heartgate::control {

[[nodiscard]] inline Instant monotonic_now() { return std::chrono::steady_clock::now(); }

[[nodiscard]] inline std::uint64_t monotonic_ns() {
    return static_cast<std::uint64_t>(monotonic_now().time_since_epoch().count());
}

[[nodiscard]] inline std::int64_t unix_now_ms() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

}  // namespace heartgate::control
