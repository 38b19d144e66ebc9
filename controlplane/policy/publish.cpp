// SPDX-License-Identifier: Apache-2.0
#include "controlplane/policy/publish.h"

#include <fmt/format.h>
#include <netinet/in.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "controlplane/common/ip_network.h"

namespace heartgate::control {
namespace {

constexpr std::size_t kMostPublished = 1'000;
constexpr int kMostSources = 256;
constexpr std::string_view kPort = "a port from 1 to 65535";

std::string read_address(const YamlNode& node, std::string_view expected) {
    const auto address = IpAddress::from_text(node.text(expected));
    if (!address || !address->is_ipv4() || !address->is_routed_unicast()) node.fail(expected);
    return address->text();
}

v1::PublishedService read_service(const YamlNode& node, const Definitions& names) {
    node.expect_keys({"protocol", "address", "port", "to", "to_port", "sources"});
    v1::PublishedService service;
    const YamlNode protocol = node.required("protocol", "tcp or udp");
    const std::string word = protocol.text("tcp or udp");
    if (word != "tcp" && word != "udp") protocol.fail("tcp or udp");
    service.set_protocol(word == "tcp" ? IPPROTO_TCP : IPPROTO_UDP);
    if (const YamlNode address = node.child("address"); address.present()) {
        service.set_address(read_address(address, "an IPv4 address of the WAN; without the key every one"));
    }
    const YamlNode port = node.required("port", kPort);
    service.set_port(static_cast<std::uint32_t>(port.number_or(0, 1, 65535)));
    // DHCP answers to the appliance itself come to this port, whatever the address (RFC 2131, 4.1).
    if (service.protocol() == IPPROTO_UDP && service.port() == 68) {
        port.complain("UDP port 68 is that of the appliance's own DHCP client; allowed: any other");
    }
    service.set_to(read_address(node.required("to", "the IPv4 address of a machine on the LAN"),
                                "the IPv4 address of a machine on the LAN"));
    service.set_to_port(static_cast<std::uint32_t>(node.child("to_port").number_or(service.port(), 1, 65535)));
    for (const YamlNode& entry : node.child("sources").elements("a list of networks")) {
        for (std::string& network : names.networks(entry)) service.add_sources(std::move(network));
        if (service.sources_size() > kMostSources) {
            entry.complain(fmt::format("more than {} networks up to here", kMostSources));
        }
    }
    return service;
}

bool lets_in(const v1::Rule& rule, const v1::PublishedService& service, const Zones& zones) {
    const bool from_wan = rule.from_zone().empty() || zones.wan(rule.from_zone());
    if (rule.action() != v1::ACCEPT || !from_wan || zones.wan(rule.to_zone())) return false;
    const auto address = IpAddress::from_text(service.to());
    const bool reaches =
        rule.to_networks().empty() ||
        std::any_of(rule.to_networks().begin(), rule.to_networks().end(), [&](const std::string& text) {
            const auto network = IpNetwork::from_text(text);
            return network && address && network->contains(*address);
        });
    const auto fits = [&](const v1::Service& one) {
        const bool any_port = one.port_from() == 0 && one.port_to() == 0;
        return (one.protocol() == 0 || one.protocol() == service.protocol()) &&
               (any_port || (one.port_from() <= service.to_port() && service.to_port() <= one.port_to()));
    };
    return reaches && (rule.services().empty() || std::any_of(rule.services().begin(), rule.services().end(), fits));
}

}  // namespace

std::vector<std::string> read_publish(const YamlNode& node, const Definitions& names, const Zones& zones,
                                      v1::Policy& policy) {
    std::vector<std::string> warnings;
    const auto entries = node.elements("a list of {protocol, address, port, to, to_port, sources}");
    if (entries.size() > kMostPublished) node.complain(fmt::format("at most {} services are allowed", kMostPublished));
    std::map<std::tuple<std::uint32_t, std::uint32_t, std::string>, int> lines;
    for (const YamlNode& entry : entries) {
        v1::PublishedService service = read_service(entry, names);
        const auto [first, unique] =
            lines.emplace(std::tuple{service.protocol(), service.port(), service.address()}, entry.line());
        if (!unique) {
            entry.child("port").complain(
                fmt::format("port {} is published at line {}, too; allowed: once for each protocol and address",
                            service.port(), first->second));
        }
        const bool open = std::any_of(policy.rules().begin(), policy.rules().end(),
                                      [&](const v1::Rule& rule) { return lets_in(rule, service, zones); });
        if (!open) {
            const char* protocol = service.protocol() == IPPROTO_TCP ? "tcp" : "udp";
            warnings.push_back(fmt::format(
                "line {}: no rule accepts what comes from the WAN for {} {}/{}: nobody reaches it; a rule with from: "
                "wan, to: lan, to_networks: [{}], services: [{}/{}] does",
                entry.line(), service.to(), protocol, service.to_port(), service.to(), protocol, service.to_port()));
        }
        *policy.add_publish() = std::move(service);
    }
    return warnings;
}

}  // namespace heartgate::control
