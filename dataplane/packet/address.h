// SPDX-License-Identifier: Apache-2.0
// IP and MAC addresses as values. IPv4 is held as ::ffff:a.b.c.d, so that one type serves both families.
// Text in and out of addresses is for configuration and people: packet/address_text.h.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

namespace heartgate::dataplane {

using MacAddress = std::array<std::uint8_t, 6>;

struct IpAddress {
    std::array<std::uint8_t, 16> bytes{};  // network order

    // `network_order` as it stands in an IPv4 header.
    [[nodiscard]] static IpAddress from_ipv4(std::uint32_t network_order) noexcept {
        IpAddress address;
        address.bytes[10] = 0xff;
        address.bytes[11] = 0xff;
        std::memcpy(address.bytes.data() + 12, &network_order, 4);
        return address;
    }
    [[nodiscard]] bool is_ipv4() const noexcept {
        static constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
        return std::memcmp(bytes.data(), kMapped.data(), kMapped.size()) == 0;
    }
    // Network order; only meaningful if is_ipv4().
    [[nodiscard]] std::uint32_t ipv4() const noexcept {
        std::uint32_t value = 0;
        std::memcpy(&value, bytes.data() + 12, 4);
        return value;
    }
    friend bool operator==(const IpAddress&, const IpAddress&) = default;
    friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

}  // namespace heartgate::dataplane
