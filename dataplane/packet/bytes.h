// SPDX-License-Identifier: Apache-2.0
// Unaligned loads and stores of header fields. Bounds are the caller's: each is proven by a length check before it.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace heartgate::dataplane {

static_assert(std::endian::native == std::endian::little);

template <class Value>
[[nodiscard]] inline Value load_raw(const std::uint8_t* at) noexcept {
    Value value;
    std::memcpy(&value, at, sizeof value);
    return value;
}
template <class Value>
inline void store_raw(std::uint8_t* at, Value value) noexcept {
    std::memcpy(at, &value, sizeof value);
}

[[nodiscard]] constexpr std::uint16_t swap16(std::uint16_t value) noexcept { return __builtin_bswap16(value); }
[[nodiscard]] constexpr std::uint32_t swap32(std::uint32_t value) noexcept { return __builtin_bswap32(value); }

// A MAC address in the low 48 bits, first byte lowest. Reads two bytes beyond it; one load, since six bytes copied into
// eight would make the processor wait for the copy.
[[nodiscard]] inline std::uint64_t load_mac(const std::uint8_t* at) noexcept {
    return load_raw<std::uint64_t>(at) & 0xffff'ffff'ffffU;
}

// Network order to host order and back.
[[nodiscard]] inline std::uint16_t load16(const std::uint8_t* at) noexcept {
    return swap16(load_raw<std::uint16_t>(at));
}
[[nodiscard]] inline std::uint32_t load32(const std::uint8_t* at) noexcept {
    return swap32(load_raw<std::uint32_t>(at));
}
inline void store16(std::uint8_t* at, std::uint16_t value) noexcept { store_raw(at, swap16(value)); }
inline void store32(std::uint8_t* at, std::uint32_t value) noexcept { store_raw(at, swap32(value)); }

}  // namespace heartgate::dataplane
