// SPDX-License-Identifier: Apache-2.0
// CLOCK_MONOTONIC, the one clock of workers, tables and of all timestamps that cross the process boundary. Without a
// system call; about 20 ns, so once per loop at most.
#pragma once

#include <time.h>

#include <cstdint>

namespace heartgate::dataplane {

[[nodiscard]] inline std::uint64_t monotonic_ns() noexcept {
    timespec now{};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return static_cast<std::uint64_t>(now.tv_sec) * 1'000'000'000U + static_cast<std::uint64_t>(now.tv_nsec);
}

// Wraps after 49 days: compare differences only.
[[nodiscard]] inline std::uint32_t monotonic_ms() noexcept {
    return static_cast<std::uint32_t>(monotonic_ns() / 1'000'000U);
}

}  // namespace heartgate::dataplane
