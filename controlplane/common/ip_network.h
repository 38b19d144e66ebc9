// SPDX-License-Identifier: Apache-2.0
// IP addresses and networks of the control plane: text, the 4 or 16 bytes of the protocol, and the contract's form.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace heartgate::control {

// IPv6, or IPv4 as ::ffff:a.b.c.d; network order.
struct IpAddress {
    std::array<std::uint8_t, 16> bytes{};

    // "192.0.2.1" or "2001:db8::1"; nothing else.
    [[nodiscard]] static std::optional<IpAddress> from_text(const std::string& text);
    // 4 or 16 bytes in network order, as the protocol carries them.
    [[nodiscard]] static std::optional<IpAddress> from_wire(std::string_view bytes);

    [[nodiscard]] bool is_ipv4() const;
    [[nodiscard]] std::string wire() const;
    [[nodiscard]] std::string text() const;
    // Something that one machine can have and that is routed: not unspecified, loopback, link-local, multicast,
    // broadcast.
    [[nodiscard]] bool is_routed_unicast() const;

    friend bool operator==(const IpAddress&, const IpAddress&) = default;
    friend auto operator<=>(const IpAddress&, const IpAddress&) = default;
};

struct IpNetwork {
    IpAddress address;
    unsigned prefix = 0;  // bits of the 16 bytes: an IPv4 /24 is 120

    // "10.0.0.0/24", or an address alone. nullopt also where bits behind the prefix are set.
    [[nodiscard]] static std::optional<IpNetwork> from_text(const std::string& text);
    [[nodiscard]] bool contains(const IpAddress& other) const;
    [[nodiscard]] std::string text() const;
};

// "02:00:00:00:00:01".
[[nodiscard]] std::string mac_text(std::string_view bytes);

}  // namespace heartgate::control
