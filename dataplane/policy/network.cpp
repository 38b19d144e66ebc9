// SPDX-License-Identifier: Apache-2.0
#include "dataplane/policy/network.h"

#include <arpa/inet.h>

#include <charconv>
#include <string>

namespace heartgate::dataplane {

std::optional<Network> Network::parse(std::string_view text) {
    const std::size_t slash = text.find('/');
    const std::string host{text.substr(0, slash)};
    IpAddress address;
    unsigned bits = 0;
    if (in_addr four{}; inet_pton(AF_INET, host.c_str(), &four) == 1) {
        address = IpAddress::from_ipv4(four.s_addr);
        bits = 32;
    } else if (inet_pton(AF_INET6, host.c_str(), address.bytes.data()) == 1) {
        // ::ffff:a.b.c.d would silently mean the IPv4 address.
        if (address.is_ipv4()) return std::nullopt;
        bits = 128;
    } else {
        return std::nullopt;
    }
    if (slash == std::string_view::npos) return Network{address, bits};
    const std::string_view digits = text.substr(slash + 1);
    unsigned prefix = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    if (error != std::errc{} || end != digits.data() + digits.size() || prefix > bits) return std::nullopt;
    return Network{address, prefix};
}

}  // namespace heartgate::dataplane
