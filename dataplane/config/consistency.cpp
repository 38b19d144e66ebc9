// SPDX-License-Identifier: Apache-2.0
#include "dataplane/config/consistency.h"

#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <vector>

namespace heartgate::dataplane {
namespace {

constexpr std::uint32_t kLastPort = 65535;
constexpr std::uint32_t kFewestLocalPorts = 1024;  // that Linux should keep for its own connections

void check_cpus(const YamlNode& root, const Config& config, const Machine& machine) {
    const YamlNode main_core = root.child("dpdk").child("main_core");
    const YamlNode cores = root.child("workers").child("cores");
    const std::vector<YamlNode> elements = cores.elements("a list of CPU numbers such as [1, 2]");
    const auto check = [&](const YamlNode& node, std::uint16_t cpu) {
        if (!machine.cpus || cpu < *machine.cpus) return;
        node.complain(
            fmt::format("found {}; allowed: a CPU of this machine, which has 0 to {}", cpu, *machine.cpus - 1));
    };
    check(main_core, config.dpdk.main_core);
    for (std::size_t worker = 0; worker < config.workers.cores.size(); ++worker) {
        const YamlNode& node = worker < elements.size() ? elements[worker] : cores;
        const std::uint16_t cpu = config.workers.cores[worker];
        check(node, cpu);
        if (cpu != config.dpdk.main_core) continue;
        node.complain(fmt::format(
            "found {}; allowed: another CPU than dpdk.main_core, whose threads a worker would starve", cpu));
    }
}

std::string interface_of(const std::string& device) {
    const std::size_t begin = device.find(",iface=");
    return begin == std::string::npos ? "" : device.substr(begin + 7, device.find(',', begin + 7) - begin - 7);
}

void check_devices(const YamlNode& ports, const Config& config) {
    for (std::size_t i = 0; i < config.ports.size(); ++i) {
        const PortConfig& port = config.ports[i];
        const YamlNode device = ports.child(port.name).child("device");
        const std::string interface = interface_of(port.device);
        for (std::size_t j = 0; j < i; ++j) {
            const PortConfig& other = config.ports[j];
            if (port.device.substr(0, port.device.find(',')) == other.device.substr(0, other.device.find(','))) {
                device.fail(fmt::format("another device than that of {}", other.name));
            }
            if (!interface.empty() && interface == interface_of(other.device) && port.netns == other.netns) {
                device.fail(fmt::format("another interface than that of {}", other.name));
            }
        }
    }
}

bool is_contained(const IpPrefix& inner, const IpPrefix& outer) {
    return inner.address.is_ipv4() == outer.address.is_ipv4() && inner.length >= outer.length &&
           network_of({inner.address, outer.length}) == network_of(outer);
}

// Whether all bits behind the prefix are ones: the broadcast address of an IPv4 network (RFC 919, section 7).
bool host_bits_are_ones(const IpPrefix& prefix) {
    IpPrefix inverted = prefix;
    for (std::uint8_t& byte : inverted.address.bytes) byte = static_cast<std::uint8_t>(~byte);
    // The family's mark is not part of the address.
    if (prefix.address.is_ipv4()) std::copy_n(prefix.address.bytes.begin(), 12, inverted.address.bytes.begin());
    return network_of(inverted) == inverted;
}

bool is_host_address(const IpPrefix& prefix) {
    const IpAddress& address = prefix.address;
    if (address.is_ipv4()) {
        const std::uint8_t first = address.bytes[12];
        if (first == 0 || first == 127 || first >= 224) return false;  // RFC 1122, 3.2.1.3
        if (prefix.length >= 31) return true;                          // RFC 3021
        return network_of(prefix) != prefix && !host_bits_are_ones(prefix);
    }
    if (address.bytes[0] == 0xff || address <= *parse_ip("::1")) return false;
    return prefix.length >= 127 || network_of(prefix) != prefix;  // RFC 4291, 2.6.1: all routers; RFC 6164
}

void check_address(const YamlNode& node, const IpPrefix& address, const ZoneConfig& other) {
    for (const IpPrefix& theirs : other.addresses) {
        if (!is_contained(address, theirs) && !is_contained(theirs, address)) continue;
        node.fail(fmt::format("a network that does not overlap with {}/{} of {}", to_text(network_of(theirs).address),
                              theirs.length, other.name));
    }
}

void check_addresses(const YamlNode& zones, const Config& config) {
    for (std::size_t i = 0; i < config.zones.size(); ++i) {
        const ZoneConfig& zone = config.zones[i];
        const std::vector<YamlNode> nodes =
            zones.child(zone.name).child("addresses").elements("a list of addresses with prefix length");
        for (std::size_t a = 0; a < zone.addresses.size(); ++a) {
            if (!is_host_address(zone.addresses[a])) {
                nodes[a].fail("an address of one host: not that of the network, not broadcast, multicast or loopback");
            }
            for (std::size_t j = 0; j < i; ++j) check_address(nodes[a], zone.addresses[a], config.zones[j]);
        }
    }
}

// The same port must not be in use by a translated connection and by one of the appliance's own.
void check_nat_ports(const YamlNode& root, const Config& config, const Machine& machine) {
    if (!config.kernel.enabled || !config.translate || !machine.local_ports) return;
    const NatPortRange nat = config.nat_ports;
    const NatPortRange local = *machine.local_ports;
    if (local.last < nat.first || nat.last < local.first) return;
    std::string remedy = "narrow nat.first_port and nat.last_port";
    if (nat.last + kFewestLocalPorts <= kLastPort) {
        remedy += fmt::format(", or run: sysctl -w net.ipv4.ip_local_port_range='{} {}'", nat.last + 1, kLastPort);
    } else if (nat.first >= 2 * kFewestLocalPorts) {
        remedy +=
            fmt::format(", or run: sysctl -w net.ipv4.ip_local_port_range='{} {}'", kFewestLocalPorts, nat.first - 1);
    }
    const YamlNode node = root.child("nat");
    const YamlNode last = node.child("last_port");
    (last.present() ? last : node.child("first_port"))
        .complain(fmt::format("found {} to {}; allowed: no port that Linux gives to its own connections "
                              "(net.ipv4.ip_local_port_range is {} to {}); {}",
                              nat.first, nat.last, local.first, local.last, remedy));
}

}  // namespace

void check_consistency(const YamlNode& root, const Config& config, const Machine& machine) {
    check_cpus(root, config, machine);
    check_devices(root.child("ports"), config);
    check_addresses(root.child("zones"), config);
    check_nat_ports(root, config, machine);
}

}  // namespace heartgate::dataplane
