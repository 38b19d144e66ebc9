// SPDX-License-Identifier: Apache-2.0
#include "dataplane/packet/address_text.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <charconv>
#include <cstddef>
#include <string_view>

namespace heartgate::dataplane {
namespace {

template <typename Number>
bool parse_number(std::string_view text, int base, Number& number) {
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), number, base);
    return failure == std::errc{} && end == text.data() + text.size();
}

}  // namespace

std::optional<IpAddress> parse_ip(const std::string& text) {
    std::uint32_t ipv4 = 0;
    if (inet_pton(AF_INET, text.c_str(), &ipv4) == 1) return IpAddress::from_ipv4(ipv4);
    IpAddress address;
    if (inet_pton(AF_INET6, text.c_str(), address.bytes.data()) == 1 && !address.is_ipv4()) return address;
    return std::nullopt;
}

std::optional<IpPrefix> parse_prefix(const std::string& text) {
    const std::size_t slash = text.find('/');
    if (slash == std::string::npos) return std::nullopt;
    const std::optional<IpAddress> address = parse_ip(text.substr(0, slash));
    std::uint8_t length = 0;
    if (!address || !parse_number(std::string_view{text}.substr(slash + 1), 10, length)) return std::nullopt;
    if (length > (address->is_ipv4() ? 32U : 128U)) return std::nullopt;
    return IpPrefix{*address, length};
}

std::optional<MacAddress> parse_mac(const std::string& text) {
    MacAddress mac{};
    if (text.size() != mac.size() * 3 - 1) return std::nullopt;
    for (std::size_t i = 0; i < mac.size(); ++i) {
        if (i > 0 && text[i * 3 - 1] != ':') return std::nullopt;
        if (!parse_number(std::string_view{text}.substr(i * 3, 2), 16, mac[i])) return std::nullopt;
    }
    return mac;
}

std::string to_text(const IpAddress& address) {
    std::array<char, INET6_ADDRSTRLEN> text{};
    if (address.is_ipv4()) {
        const std::uint32_t ipv4 = address.ipv4();
        inet_ntop(AF_INET, &ipv4, text.data(), text.size());
    } else {
        inet_ntop(AF_INET6, address.bytes.data(), text.data(), text.size());
    }
    return text.data();
}

std::string to_text(const MacAddress& mac) { return fmt::format("{:02x}", fmt::join(mac, ":")); }

IpPrefix network_of(const IpPrefix& prefix) noexcept {
    IpPrefix network = prefix;
    std::size_t keep = prefix.length + (prefix.address.is_ipv4() ? 96U : 0U);
    for (std::uint8_t& byte : network.address.bytes) {
        const std::size_t bits = keep < 8 ? keep : 8;
        byte = static_cast<std::uint8_t>(byte & (0xff00U >> bits));
        keep -= bits;
    }
    return network;
}

}  // namespace heartgate::dataplane
