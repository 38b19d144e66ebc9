// SPDX-License-Identifier: Apache-2.0
#include "dataplane/control/kernel_side.h"

#include <fmt/format.h>
#include <net/if.h>
#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <utility>

#include "dataplane/control/static_routes.h"

namespace heartgate::dataplane {
namespace {

std::vector<TapOptions> tap_options(const Config& config, const std::vector<Port>& ports) {
    std::vector<TapOptions> taps;
    bool first_inside = true;
    for (const ZoneConfig& zone : config.zones) {
        TapOptions tap{.name = zone.interface,
                       .zone = zone.zone,
                       .mac = ports[zone.port].mac,
                       .mtu = config.ports[zone.port].mtu,
                       .vlan = zone.vlan,
                       .addresses = zone.addresses};
        // On one interface: they are the appliance's on all of them.
        if (zone.zone.is_inside() && std::exchange(first_inside, false)) {
            for (const IpAddress& address : config.heartbeat_addresses) {
                tap.addresses.push_back({address, static_cast<std::uint8_t>(address.is_ipv4() ? 32 : 128)});
            }
        }
        if (zone.zone.is_wan()) {  // so that Linux answers ARP for them
            for (const IpAddress& address : config.nat_addresses) {
                if (!has_address(tap.addresses, address)) tap.addresses.push_back({address, 32});
            }
        }
        taps.push_back(std::move(tap));
    }
    return taps;
}

// nat.addresses, as far as the WAN has them; where none are named all that it has.
std::vector<std::uint32_t> usable(const Config& config, std::vector<std::uint32_t> addresses) {
    const auto& named = config.nat_addresses;
    if (named.empty()) return addresses;
    std::erase_if(addresses, [&named](std::uint32_t address) {
        return std::find(named.begin(), named.end(), IpAddress::from_ipv4(address)) == named.end();
    });
    return addresses;
}

void use_wan_addresses(FlowTable& flows, const std::vector<std::uint32_t>& addresses) {
    if (!flows.set_wan_addresses(addresses)) {
        spdlog::error("{} IPv4 addresses on the WAN, but source NAT uses at most {}; the former ones stay in use",
                      addresses.size(), NatPool::kMostAddresses);
        return;
    }
    std::string list;
    for (const std::uint32_t address : addresses) list += " " + to_text(IpAddress::from_ipv4(address));
    spdlog::info("source NAT uses:{}", list.empty() ? " nothing, the WAN has no IPv4 address" : list);
}

}  // namespace

KernelSide::KernelSide(const Config& config, const std::vector<Port>& ports, Tables& tables, rte_mempool* pool) {
    for (const ZoneConfig& zone : config.zones) {
        tables.routes.set_link(
            zone.zone,
            {.mac = ports[zone.port].mac, .mtu = config.ports[zone.port].mtu, .vlan = zone.vlan, .port = zone.port});
    }
    if (!config.kernel.enabled) {
        set_static_routes(config, tables.routes);
        use_wan_addresses(tables.flows, usable(config, configured_wan_addresses(config)));
        return;
    }
    if (config.translate) check_port_ranges(config.nat_ports);
    TapKernelPathOptions options;
    options.taps = tap_options(config, ports);
    options.workers = tables.workers;
    options.pool = pool;
    options.doorbells = tables.memory.state().doorbells.data();
    taps_ = std::make_unique<TapKernelPath>(options);
    follow(config, tables);
}

void KernelSide::follow(const Config& config, Tables& tables) {
    NetlinkMirrorOptions options;
    for (const ZoneConfig& zone : config.zones) {
        options.interfaces.push_back(
            {.index = taps_->interface_index(zone.zone), .zone = zone.zone, .port = zone.port, .vlan = zone.vlan});
    }
    options.wan_addresses = [&flows = tables.flows, &config](const std::vector<std::uint32_t>& addresses) {
        use_wan_addresses(flows, usable(config, addresses));
    };
    options.log = [](const std::string& line) { spdlog::warn("{}", line); };
    mirror_ = std::make_unique<NetlinkMirror>(tables.routes, std::move(options));
}

KernelPath& KernelSide::path() noexcept {
    if (taps_) return *taps_;
    return none_;
}

std::optional<MacAddress> interface_mac(const std::string& name) {
    const int query = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (query < 0) return std::nullopt;
    ifreq request{};
    name.copy(request.ifr_name, IFNAMSIZ - 1);
    const bool found = ioctl(query, SIOCGIFHWADDR, &request) == 0;
    close(query);
    if (!found) return std::nullopt;
    MacAddress mac{};
    std::memcpy(mac.data(), request.ifr_hwaddr.sa_data, mac.size());
    return mac;
}

void check_port_ranges(const NatPortRange& nat) {
    std::ifstream file{"/proc/sys/net/ipv4/ip_local_port_range"};
    unsigned first = 0;
    unsigned last = 0;
    if (!(file >> first >> last) || nat.last < first || nat.first > last) return;
    throw std::runtime_error{fmt::format(
        "nat.first_port to nat.last_port ({} to {}) overlaps with the ports of Linux ({} to {}); change them, or run: "
        "sysctl net.ipv4.ip_local_port_range='{} 65535'",
        nat.first, nat.last, first, last, nat.last + 1U)};
}

}  // namespace heartgate::dataplane
