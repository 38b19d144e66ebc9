// SPDX-License-Identifier: Apache-2.0
// Framing of the UNIX socket between heartgated and the dataplane: 4 bytes of length in network order, then a
// serialised message.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace heartgate::dataplane {

inline constexpr std::size_t kFrameHeader = 4;
inline constexpr std::uint32_t kMostFrameBytes = 64U << 20U;

using FrameHeader = std::array<std::uint8_t, kFrameHeader>;

[[nodiscard]] constexpr std::uint32_t frame_length(const FrameHeader& header) {
    return (std::uint32_t{header[0]} << 24U) | (std::uint32_t{header[1]} << 16U) | (std::uint32_t{header[2]} << 8U) |
           header[3];
}
[[nodiscard]] constexpr FrameHeader frame_header(std::uint32_t length) {
    return {static_cast<std::uint8_t>(length >> 24U), static_cast<std::uint8_t>(length >> 16U),
            static_cast<std::uint8_t>(length >> 8U), static_cast<std::uint8_t>(length)};
}

}  // namespace heartgate::dataplane
