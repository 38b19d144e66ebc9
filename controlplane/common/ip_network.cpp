// SPDX-License-Identifier: Apache-2.0
#include "controlplane/common/ip_network.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace heartgate::control {
namespace {

constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool bit(const IpAddress& address, unsigned position) {
    return ((address.bytes[position / 8] >> (7 - position % 8)) & 1U) != 0;
}

}  // namespace

std::optional<IpAddress> IpAddress::from_text(const std::string& text) {
    IpAddress address;
    if (inet_pton(AF_INET, text.c_str(), address.bytes.data() + 12) == 1) {
        std::copy(kMapped.begin(), kMapped.end(), address.bytes.begin());
        return address;
    }
    if (inet_pton(AF_INET6, text.c_str(), address.bytes.data()) == 1 && !address.is_ipv4()) return address;
    return std::nullopt;
}

std::optional<IpAddress> IpAddress::from_wire(std::string_view bytes) {
    IpAddress address;
    if (bytes.size() == 4) {
        std::copy(kMapped.begin(), kMapped.end(), address.bytes.begin());
        std::memcpy(address.bytes.data() + 12, bytes.data(), 4);
        return address;
    }
    if (bytes.size() != 16) return std::nullopt;
    std::memcpy(address.bytes.data(), bytes.data(), 16);
    return address;
}

bool IpAddress::is_ipv4() const { return std::equal(kMapped.begin(), kMapped.end(), bytes.begin()); }

std::string IpAddress::wire() const {
    const auto* begin = reinterpret_cast<const char*>(bytes.data());
    return is_ipv4() ? std::string(begin + 12, 4) : std::string(begin, 16);
}

std::string IpAddress::text() const {
    std::array<char, INET6_ADDRSTRLEN> buffer{};
    if (is_ipv4()) return inet_ntop(AF_INET, bytes.data() + 12, buffer.data(), buffer.size());
    return inet_ntop(AF_INET6, bytes.data(), buffer.data(), buffer.size());
}

bool IpAddress::is_routed_unicast() const {
    if (is_ipv4()) {
        const std::uint8_t first = bytes[12];
        return first != 0 && first != 127 && first < 224 && !(first == 169 && bytes[13] == 254);
    }
    const bool link_local = bytes[0] == 0xfe && (bytes[1] & 0xc0U) == 0x80;
    const bool unspecified_or_loopback =
        std::all_of(bytes.begin(), bytes.begin() + 15, [](std::uint8_t byte) { return byte == 0; }) && bytes[15] <= 1;
    return bytes[0] != 0xff && !link_local && !unspecified_or_loopback;
}

std::optional<IpNetwork> IpNetwork::from_text(const std::string& text) {
    const std::size_t slash = text.find('/');
    const auto address = IpAddress::from_text(text.substr(0, slash));
    if (!address) return std::nullopt;
    IpNetwork network{*address, 128};
    if (slash != std::string::npos) {
        const std::string_view digits = std::string_view{text}.substr(slash + 1);
        unsigned prefix = 0;
        const auto [end, failure] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
        if (failure != std::errc{} || end != digits.data() + digits.size()) return std::nullopt;
        if (prefix > (address->is_ipv4() ? 32U : 128U)) return std::nullopt;
        network.prefix = address->is_ipv4() ? prefix + 96 : prefix;
    }
    for (unsigned position = network.prefix; position < 128; ++position) {
        if (bit(network.address, position)) return std::nullopt;
    }
    return network;
}

bool IpNetwork::contains(const IpAddress& other) const {
    if (address.is_ipv4() != other.is_ipv4()) return false;
    const unsigned whole = prefix / 8;
    if (!std::equal(address.bytes.begin(), address.bytes.begin() + whole, other.bytes.begin())) return false;
    for (unsigned position = whole * 8; position < prefix; ++position) {
        if (bit(address, position) != bit(other, position)) return false;
    }
    return true;
}

std::string IpNetwork::text() const {
    return fmt::format("{}/{}", address.text(), address.is_ipv4() ? prefix - 96 : prefix);
}

std::string mac_text(std::string_view bytes) {
    std::string text;
    for (const char byte : bytes) {
        text += fmt::format("{}{:02x}", text.empty() ? "" : ":", static_cast<unsigned char>(byte));
    }
    return text;
}

}  // namespace heartgate::control
