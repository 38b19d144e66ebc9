// SPDX-License-Identifier: Apache-2.0
// What a rewrite adds to an Internet checksum, worked out once per flow (RFC 1624, equation 3: HC' = ~(~HC + ~m + m')).
// The opposite rewrite adds the complement.
#pragma once

#include <cstdint>

namespace heartgate::dataplane {

[[nodiscard]] constexpr std::uint16_t fold(std::uint32_t sum) noexcept {
    sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>((sum & 0xffffU) + (sum >> 16U));
}

// All values as they stand in the packet, both of the same width.
[[nodiscard]] constexpr std::uint16_t checksum_delta(std::uint16_t before, std::uint16_t after) noexcept {
    return fold(std::uint32_t{static_cast<std::uint16_t>(~before)} + after);
}
[[nodiscard]] constexpr std::uint16_t checksum_delta(std::uint32_t before, std::uint32_t after) noexcept {
    const std::uint32_t inverted = ~before;
    return fold((inverted & 0xffffU) + (inverted >> 16U) + (after & 0xffffU) + (after >> 16U));
}
[[nodiscard]] constexpr std::uint16_t add_deltas(std::uint16_t a, std::uint16_t b) noexcept {
    return fold(std::uint32_t{a} + b);
}

// The checksum after the rewrite. UDP: a checksum of zero means none and stays, a result of zero is sent as 0xffff
// (RFC 768); both are the caller's.
[[nodiscard]] constexpr std::uint16_t apply_delta(std::uint16_t checksum, std::uint16_t delta) noexcept {
    return static_cast<std::uint16_t>(~fold(std::uint32_t{static_cast<std::uint16_t>(~checksum)} + delta));
}

}  // namespace heartgate::dataplane
