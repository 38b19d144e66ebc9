// SPDX-License-Identifier: Apache-2.0
// Text in and out of addresses, for configuration, logs and people. Not for the fast path.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "dataplane/packet/address.h"

namespace heartgate::dataplane {

// An address and how many of its bits name the network: 0-32 for IPv4, 0-128 for IPv6.
struct IpPrefix {
    IpAddress address;
    std::uint8_t length = 0;

    friend bool operator==(const IpPrefix&, const IpPrefix&) = default;
};

// "192.0.2.1" or "2001:db8::1"; nothing else.
[[nodiscard]] std::optional<IpAddress> parse_ip(const std::string& text);
// "192.0.2.1/24" or "2001:db8::1/64"; host bits may be set. The length must be given.
[[nodiscard]] std::optional<IpPrefix> parse_prefix(const std::string& text);
// "02:00:00:00:00:01".
[[nodiscard]] std::optional<MacAddress> parse_mac(const std::string& text);

[[nodiscard]] std::string to_text(const IpAddress& address);
[[nodiscard]] std::string to_text(const MacAddress& mac);

// The prefix with its host bits cleared.
[[nodiscard]] IpPrefix network_of(const IpPrefix& prefix) noexcept;

}  // namespace heartgate::dataplane
