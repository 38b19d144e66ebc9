// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/definitions.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <charconv>
#include <optional>

#include "controlplane/common/ip_network.h"

namespace heartgate::control {
namespace {

constexpr std::size_t kMostName = 31;
constexpr std::size_t kMostEntries = 4'096;
constexpr std::string_view kNames = "a name of 1 to 31 of a-z, 0-9, - and _ that begins with a letter";
constexpr std::uint32_t kEchoRequest = 8;      // RFC 792
constexpr std::uint32_t kV6EchoRequest = 128;  // RFC 4443

v1::Service service(std::uint32_t protocol, std::uint32_t from = 0, std::uint32_t to = 0) {
    v1::Service made;
    made.set_protocol(protocol);
    made.set_port_from(from);
    made.set_port_to(to == 0 ? from : to);
    return made;
}

bool is_name(std::string_view text) {
    const auto letter = [](char byte) { return byte >= 'a' && byte <= 'z'; };
    return !text.empty() && text.size() <= kMostName && letter(text.front()) &&
           std::all_of(text.begin(), text.end(), [&](char byte) {
               return letter(byte) || (byte >= '0' && byte <= '9') || byte == '-' || byte == '_';
           });
}

std::optional<std::uint32_t> port(std::string_view text) {
    std::uint32_t value = 0;
    const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (failure != std::errc{} || end != text.data() + text.size() || value == 0 || value > 65535) return std::nullopt;
    return value;
}

// "443" or "8000-8100".
std::optional<v1::Service> port_range(std::uint32_t protocol, std::string_view text) {
    const std::size_t dash = text.find('-');
    const auto from = port(text.substr(0, dash));
    const auto to = dash == std::string_view::npos ? from : port(text.substr(dash + 1));
    if (!from || !to || *from > *to) return std::nullopt;
    return service(protocol, *from, *to);
}

template <typename Map>
std::string names_of(const Map& map) {
    std::string text;
    for (const auto& [name, unused] : map) text += (text.empty() ? "" : ", ") + name;
    return text;
}

// Reads "name: [entry, ...]" by name; an entry is read by `one`, so that it knows the names above it.
template <typename Map, typename One>
void read_names(const YamlNode& node, Map& map, One&& one) {
    for (const auto& [name, list] : node.entries("a mapping of names to lists")) {
        if (!is_name(name)) list.complain(fmt::format("found this name; allowed: {}", kNames));
        if (map.count(name) != 0) list.complain("this name is taken; allowed: another one");
        typename Map::mapped_type all;
        for (const YamlNode& entry : list.elements("a list")) {
            auto some = one(entry);
            std::move(some.begin(), some.end(), std::back_inserter(all));
        }
        if (all.empty() || all.size() > kMostEntries) {
            list.complain(fmt::format("stands for {} entries; allowed: 1 to {}", all.size(), kMostEntries));
        }
        map.emplace(name, std::move(all));
    }
}

}  // namespace

Definitions::Definitions()
    : services_{{"any", {service(0)}},
                {"tcp", {service(IPPROTO_TCP)}},
                {"udp", {service(IPPROTO_UDP)}},
                {"icmp", {service(IPPROTO_ICMP)}},
                {"icmpv6", {service(IPPROTO_ICMPV6)}},
                {"ping", {service(IPPROTO_ICMP, kEchoRequest), service(IPPROTO_ICMPV6, kV6EchoRequest)}},
                {"http", {service(IPPROTO_TCP, 80)}},
                {"https", {service(IPPROTO_TCP, 443)}},
                {"quic", {service(IPPROTO_UDP, 443)}},
                {"dns", {service(IPPROTO_UDP, 53), service(IPPROTO_TCP, 53)}},
                {"ssh", {service(IPPROTO_TCP, 22)}},
                {"ntp", {service(IPPROTO_UDP, 123)}},
                {"smtp", {service(IPPROTO_TCP, 25)}},
                {"submission", {service(IPPROTO_TCP, 587), service(IPPROTO_TCP, 465)}},
                {"imaps", {service(IPPROTO_TCP, 993)}},
                {"rdp", {service(IPPROTO_TCP, 3389), service(IPPROTO_UDP, 3389)}}} {}

void Definitions::read_services(const YamlNode& node) {
    read_names(node, services_, [this](const YamlNode& entry) { return services(entry); });
}

void Definitions::read_networks(const YamlNode& node) {
    read_names(node, networks_, [this](const YamlNode& entry) { return networks(entry); });
}

std::vector<v1::Service> Definitions::services(const YamlNode& entry) const {
    const std::string allowed = fmt::format(
        "{}; tcp/PORTS or udp/PORTS with ports from 1 to 65535 as in tcp/443 or udp/5000-5010", names_of(services_));
    const std::string text = entry.text(allowed);
    const std::size_t slash = text.find('/');
    const auto known = services_.find(text.substr(0, slash));
    if (known == services_.end()) entry.fail(allowed);
    if (slash == std::string::npos) return known->second;
    const bool has_ports = known->first == "tcp" || known->first == "udp";
    const auto range = port_range(known->second.front().protocol(), std::string_view{text}.substr(slash + 1));
    if (!has_ports || !range) entry.fail(allowed);
    return {*range};
}

std::vector<std::string> Definitions::networks(const YamlNode& entry) const {
    const std::string text = entry.text(kNetworkForms);
    if (const auto known = networks_.find(text); known != networks_.end()) return known->second;
    const auto network = IpNetwork::from_text(text);
    if (!network) entry.fail(kNetworkForms);
    return {network->text()};
}

}  // namespace heartgate::control
