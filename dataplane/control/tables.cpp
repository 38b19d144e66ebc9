// SPDX-License-Identifier: Apache-2.0
#include "dataplane/control/tables.h"

#include <utility>

namespace heartgate::dataplane {
namespace {

constexpr std::uint16_t kMostNeighbours = 16'384;

FlowTableOptions flow_options(const Config& config, unsigned workers) {
    FlowTableOptions options;
    options.ipv4_flows = config.ipv4_flows;
    options.ipv6_flows = config.ipv6_flows;
    options.workers = workers;
    options.timeouts = config.timeouts;
    options.quota = config.flow_quota;
    options.crowded = config.crowded;
    options.nat_ports = config.nat_ports;
    return options;
}

ZoneTable zone_table(const Config& config) {
    std::vector<ZoneEntry> entries;
    for (const ZoneConfig& zone : config.zones) {
        entries.push_back({.name = zone.name,
                           .zone = zone.zone,
                           .port = zone.port,
                           .vlan = zone.vlan,
                           .interface = config.kernel.enabled ? zone.interface : ""});
    }
    return ZoneTable{std::move(entries)};
}

std::vector<Untranslated> untranslated_of(const Config& config) {
    std::vector<Untranslated> pairs;
    for (const UntranslatedConfig& pair : config.untranslated) {
        pairs.push_back({.lan = {pair.lan.address, pair.lan.length}, .wan = {pair.wan.address, pair.wan.length}});
    }
    return pairs;
}

LocalInOptions local_in_options(const Config& config) {
    LocalInOptions options;
    options.heartbeat_addresses = config.heartbeat_addresses;
    options.heartbeat_port = config.heartbeat_port;
    options.wan_ping = config.wan_ping;
    options.page = config.page;
    for (const IpPrefix& prefix : config.administration) {
        options.administration.emplace_back(prefix.address, prefix.length);
    }
    return options;
}

}  // namespace

Tables::Tables(const Config& config)
    : workers{static_cast<unsigned>(config.workers.cores.size())},
      zones{zone_table(config)},
      quiescence{workers + 1},
      memory{config.endpoints},
      endpoints{config.endpoints},
      activity{config.endpoints},
      bindings{config.endpoints, quiescence},
      routes{kMostNeighbours, quiescence},
      flows{flow_options(config, workers), quiescence},
      gate{endpoints, local_in_options(config)},
      health{memory, endpoints, bindings, gate, quiescence},
      untranslated{untranslated_of(config)} {}

}  // namespace heartgate::dataplane
