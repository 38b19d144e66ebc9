// SPDX-License-Identifier: Apache-2.0
// The configuration of heartgate-dataplane: one YAML file, read whole and checked whole before anything starts.
// packaging/examples/dataplane.yaml shows every key.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/config/attachment.h"
#include "dataplane/config/machine.h"
#include "dataplane/config/yaml_reader.h"
#include "dataplane/flow/flow_sources.h"
#include "dataplane/flow/flow_state.h"
#include "dataplane/nat/nat_pool.h"
#include "dataplane/packet/address_text.h"
#include "dataplane/worker/worker.h"

namespace heartgate::dataplane {

struct DpdkConfig {
    std::string file_prefix = "heartgate";  // names the instance; heartgated has the same
    std::uint32_t memory_mb = 256;          // reserved at start, never more
    bool hugepages = true;                  // false: heartgated cannot attach
    std::uint16_t main_core = 0;
    std::uint32_t mbufs = 16384;
};

struct WorkersConfig {
    std::vector<std::uint16_t> cores{1};
    IdlePolicy idle;
    int realtime_priority = 0;  // 0: none; 1-99: SCHED_RR
};

struct KernelConfig {
    bool enabled = true;
};

struct StaticRoute {
    IpPrefix network;
    Zone zone;
    IpAddress gateway;
};
struct StaticNeighbour {
    IpAddress address;
    Zone zone;
    MacAddress mac{};
};

struct UntranslatedConfig {
    IpPrefix lan;
    IpPrefix wan;
};

// Whether one of the appliance's own `addresses`, each with its network, is this one.
[[nodiscard]] bool has_address(const std::vector<IpPrefix>& addresses, const IpAddress& address);

struct Config {
    DpdkConfig dpdk;
    WorkersConfig workers;
    std::vector<PortConfig> ports;
    std::vector<ZoneConfig> zones;
    KernelConfig kernel;
    std::vector<StaticRoute> routes;          // only without the kernel
    std::vector<StaticNeighbour> neighbours;  // only without the kernel
    std::vector<IpAddress> heartbeat_addresses;
    std::uint16_t heartbeat_port = 8347;
    std::vector<IpPrefix> administration;  // networks inside that may reach SSH; none: nobody
    MssClamp mss;                          // what TCP may announce; by default what fits all ports
    bool translate = true;                 // source NAT for IPv4 from inside to WAN
    NatPortRange nat_ports;
    std::vector<IpAddress> nat_addresses;          // of the WAN; none: all that it has
    std::vector<UntranslatedConfig> untranslated;  // pairs of networks without translation between them
    FlowTimeouts timeouts;
    std::uint32_t crowded = 4;  // seconds: a handshake that has lost a packet takes one more (RFC 6298, 2.1)
    FlowQuota flow_quota;       // 0: no limit
    std::uint32_t new_flows_per_second = 2000;  // of each MAC address inside and worker; 0: no limit
    std::uint32_t ipv4_flows = 1U << 16;
    std::uint32_t ipv6_flows = 1U << 14;
    std::uint32_t endpoints = 1U << 16;
    bool wan_ping = false;
    PageAddress page;  // port 0: none
    PuntRates punt_rates;
    std::string control_socket = "/run/heartgate/dataplane.sock";
    std::string standalone_policy;  // heartgate.v1.Policy as protobuf text: in force at once, without heartgated
};

// Both throw ConfigError. load_config() judges by this machine.
[[nodiscard]] Config parse_config(const std::string& text, const std::string& file_name, const Machine& machine = {});
[[nodiscard]] Config load_config(const std::string& path);

}  // namespace heartgate::dataplane
