// SPDX-License-Identifier: Apache-2.0
// IP and MAC addresses as values. IPv4 is held as ::ffff:a.b.c.d, so that one type serves both families.
// Text in and out of addresses is for configuration and people: packet/address_text.h.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>

namespace heartgate::dataplane {

using MacAddress = std::array<std::uint8_t, 6>;

// A MAC address in one word, first byte lowest, so that a hit compares it at once. 0: none (not from the LAN).
using PackedMac = std::uint64_t;

[[nodiscard]] inline PackedMac pack(const MacAddress& mac) noexcept {
    PackedMac packed = 0;
    std::memcpy(&packed, mac.data(), mac.size());
    return packed;
}
[[nodiscard]] inline MacAddress unpack(PackedMac packed) noexcept {
    MacAddress mac;
    std::memcpy(mac.data(), &packed, mac.size());
    return mac;
}

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

// RFC 4291, 2.5.6.
[[nodiscard]] inline bool is_ipv6_link_local(const IpAddress& address) noexcept {
    return address.bytes[0] == 0xfe && (address.bytes[1] & 0xc0U) == 0x80U;
}
// Never routed: RFC 4291, 2.5.6 and RFC 3927, 2.7.
[[nodiscard]] inline bool is_link_local(const IpAddress& address) noexcept {
    if (address.is_ipv4()) return address.bytes[12] == 169 && address.bytes[13] == 254;
    return is_ipv6_link_local(address);
}

}  // namespace heartgate::dataplane
