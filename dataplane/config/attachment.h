// SPDX-License-Identifier: Apache-2.0
// How the appliance is attached: its ports, and the zones on them. Errors are ConfigErrors.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/config/yaml_reader.h"
#include "dataplane/packet/address_text.h"
#include "dataplane/port/zone_table.h"

namespace heartgate::dataplane {

struct PortConfig {
    std::string name;
    std::string device;  // DPDK device: "0000:01:00.0", "net_tap0,iface=lan-port"
    std::string netns;   // network namespace in which a vdev's interface lives; empty: our own
    std::uint16_t mtu = 1500;
    std::uint16_t descriptors = 1024;  // of each queue
    std::optional<MacAddress> mac;     // default: the exception interface's, or the device's own
};

struct ZoneConfig {
    std::string name;
    Zone zone;
    std::uint8_t port = 0;            // position among the ports
    std::uint16_t vlan = 0;           // 0: untagged
    std::string interface;            // exception interface in Linux
    std::vector<IpPrefix> addresses;  // the appliance's; with kernel.enabled those in Linux count as well
};

[[nodiscard]] std::vector<PortConfig> read_ports(const YamlNode& node);
// Absent: a zone of the same name on each of the ports lan and wan, untagged.
[[nodiscard]] std::vector<ZoneConfig> read_zones(const YamlNode& node, const std::vector<PortConfig>& ports);

// The one of this name; nullptr: none.
[[nodiscard]] const ZoneConfig* find_zone(const std::vector<ZoneConfig>& zones, std::string_view name);
// The one towards the internet: there is one.
[[nodiscard]] const ZoneConfig& wan_of(const std::vector<ZoneConfig>& zones);

// "lan, guests, wan"
[[nodiscard]] std::string names_of(const std::vector<ZoneConfig>& zones);

}  // namespace heartgate::dataplane
