// SPDX-License-Identifier: Apache-2.0
#include "dataplane/config/attachment.h"

#include <fmt/format.h>
#include <net/if.h>

#include <algorithm>
#include <regex>

#include "dataplane/config/values.h"

namespace heartgate::dataplane {
namespace {

constexpr std::string_view kName = "up to 12 letters, digits, '-' and '_'";
constexpr std::size_t kLongestName = IFNAMSIZ - 1 - 3;  // with "hg-" in front it is an interface

// As rules and messages use it.
void check_name(const YamlNode& node, const std::string& name) {
    const bool reserved = name == "any" || name == "local";
    if (name.empty() || name.size() > kLongestName || !has_only(name, "-_") || reserved) {
        node.complain(fmt::format("not a name; allowed: {}, but not 'any' or 'local'", kName));
    }
}

PortConfig read_port(const std::string& name, const YamlNode& node) {
    node.expect_keys({"device", "netns", "mtu", "descriptors", "mac"});
    PortConfig config;
    config.name = name;
    constexpr std::string_view kDevice =
        "a DPDK device: a PCI address (0000:01:00.0) or a vdev (net_tap0,iface=lan-port)";
    const YamlNode device = node.child("device");
    config.device = device.text(kDevice);
    if (!has_only(config.device, "-_.,:=/@")) device.fail(kDevice);
    const std::string driver = config.device.substr(0, config.device.find(','));
    static const std::regex pci{"[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7]"};
    if (driver.find(':') != std::string::npos && !std::regex_match(driver, pci)) device.fail(kDevice);
    config.netns = node.child("netns").text_or("", "the name of a network namespace, or its absolute path");
    config.mtu = node.child("mtu").number_or(config.mtu, 1280, 9216);  // RFC 8200, section 5
    config.descriptors = node.child("descriptors").number_or(config.descriptors, 64, 16384);
    if (node.child("mac").present()) config.mac = read_mac(node.child("mac"));
    return config;
}

std::uint8_t read_port_name(const YamlNode& node, const std::vector<PortConfig>& ports) {
    std::string names;
    for (const PortConfig& port : ports) names += (names.empty() ? "" : ", ") + port.name;
    const std::string allowed = fmt::format("the name of a port: {}", names);
    const std::string name = node.text(allowed);
    const auto found =
        std::find_if(ports.begin(), ports.end(), [&name](const PortConfig& port) { return port.name == name; });
    if (found == ports.end()) node.fail(allowed);
    return static_cast<std::uint8_t>(found - ports.begin());
}

ZoneRole read_role(const YamlNode& node) {
    constexpr std::string_view kRoles = "attached, routed or wan";
    const std::string role = node.text_or("attached", kRoles);
    if (role == "wan") return ZoneRole::kWan;
    if (role == "routed") return ZoneRole::kRouted;
    if (role != "attached") node.fail(kRoles);
    return ZoneRole::kAttached;
}

std::string read_interface(const YamlNode& node, std::string otherwise) {
    const std::string allowed = fmt::format("an interface name of at most {} characters", IFNAMSIZ - 1);
    std::string name = node.text_or(std::move(otherwise), allowed);
    if (name.size() >= IFNAMSIZ || !has_only(name, "-_.")) node.fail(allowed);
    return name;
}

ZoneConfig read_zone(const std::string& name, const YamlNode& node, unsigned number,
                     const std::vector<PortConfig>& ports) {
    node.expect_keys({"port", "vlan", "role", "interface", "addresses"});
    ZoneConfig config;
    config.name = name;
    config.port = read_port_name(node.child("port"), ports);
    config.vlan = node.child("vlan").number_or(config.vlan, 0, 4094);
    config.zone = Zone{read_role(node.child("role")), number};
    config.interface = read_interface(node.child("interface"), "hg-" + name);
    for (const YamlNode& element : node.child("addresses").elements("a list of addresses with prefix length")) {
        config.addresses.push_back(read_prefix(element));
    }
    return config;
}

void check_unlike(const YamlNode& node, const ZoneConfig& zone, const ZoneConfig& other) {
    if (zone.port == other.port && zone.vlan == other.vlan) {
        node.child("vlan").fail(fmt::format("another VLAN than that of {} on the same port", other.name));
    }
    if (zone.interface == other.interface) {
        node.child("interface").fail(fmt::format("another name than the interface of {}", other.name));
    }
}

std::vector<ZoneConfig> zones_by_default(const YamlNode& node, const std::vector<PortConfig>& ports) {
    std::vector<ZoneConfig> zones;
    for (std::uint8_t port = 0; port < ports.size(); ++port) {
        const std::string& name = ports[port].name;
        const ZoneRole role = name == "wan" ? ZoneRole::kWan : ZoneRole::kAttached;
        zones.push_back({.name = name,
                         .zone = Zone{role, port},
                         .port = port,
                         .vlan = 0,
                         .interface = "hg-" + name,
                         .addresses = {}});
    }
    const bool plain = zones.size() == 2 && find_zone(zones, "lan") != nullptr && find_zone(zones, "wan") != nullptr;
    if (!plain) node.fail("a mapping of zones, unless the ports are lan and wan");
    return zones;
}

}  // namespace

std::vector<PortConfig> read_ports(const YamlNode& node) {
    constexpr std::string_view kPorts = "a mapping of 1 to 8 ports by name, such as lan and wan";
    std::vector<PortConfig> ports;
    for (const auto& [name, port] : node.members(kPorts)) {
        check_name(port, name);
        ports.push_back(read_port(name, port));
    }
    if (ports.empty() || ports.size() > kMostPorts) node.fail(kPorts);
    return ports;
}

std::vector<ZoneConfig> read_zones(const YamlNode& node, const std::vector<PortConfig>& ports) {
    if (!node.present()) return zones_by_default(node, ports);
    constexpr std::string_view kZones = "a mapping of zones by name: one with role wan, 1 to 31 others";
    std::vector<ZoneConfig> zones;
    for (const auto& [name, zone] : node.members(kZones)) {
        check_name(zone, name);
        if (zones.size() == kMostZones) node.fail(kZones);
        ZoneConfig config = read_zone(name, zone, static_cast<unsigned>(zones.size()), ports);
        for (const ZoneConfig& other : zones) check_unlike(zone, config, other);
        zones.push_back(std::move(config));
    }
    const auto wans =
        std::count_if(zones.begin(), zones.end(), [](const ZoneConfig& zone) { return zone.zone.is_wan(); });
    if (wans != 1 || zones.size() < 2) node.fail(kZones);
    return zones;
}

const ZoneConfig* find_zone(const std::vector<ZoneConfig>& zones, std::string_view name) {
    const auto found =
        std::find_if(zones.begin(), zones.end(), [name](const ZoneConfig& zone) { return zone.name == name; });
    return found == zones.end() ? nullptr : &*found;
}

const ZoneConfig& wan_of(const std::vector<ZoneConfig>& zones) {
    return *std::find_if(zones.begin(), zones.end(), [](const ZoneConfig& zone) { return zone.zone.is_wan(); });
}

std::string names_of(const std::vector<ZoneConfig>& zones) {
    std::string list;
    for (const ZoneConfig& zone : zones) list += (list.empty() ? "" : ", ") + zone.name;
    return list;
}

}  // namespace heartgate::dataplane
