// SPDX-License-Identifier: Apache-2.0
#include "dataplane/config/values.h"

#include <algorithm>
#include <cctype>

namespace heartgate::dataplane {
namespace {

constexpr std::string_view kAddress = "an IP address such as 192.0.2.1 or 2001:db8::1";
constexpr std::string_view kPrefix = "an IP address with its prefix length such as 10.20.0.1/24 or 2001:db8::1/64";
constexpr std::string_view kMac = "a unicast MAC address such as 02:48:47:00:00:01";

}  // namespace

IpAddress read_ip(const YamlNode& node) {
    const auto address = parse_ip(node.text(kAddress));
    if (!address) node.fail(kAddress);
    return *address;
}

IpPrefix read_prefix(const YamlNode& node) {
    const auto prefix = parse_prefix(node.text(kPrefix));
    if (!prefix) node.fail(kPrefix);
    return *prefix;
}

MacAddress read_mac(const YamlNode& node) {
    const auto mac = parse_mac(node.text(kMac));
    if (!mac || ((*mac)[0] & 1U) != 0 || *mac == MacAddress{}) node.fail(kMac);
    return *mac;
}

bool has_only(const std::string& text, std::string_view extra) {
    return std::all_of(text.begin(), text.end(), [&](char byte) {
        return std::isalnum(static_cast<unsigned char>(byte)) != 0 || extra.find(byte) != std::string_view::npos;
    });
}

}  // namespace heartgate::dataplane
