// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>
#include <string>
#include <vector>

#include "dataplane/config/config.h"

using namespace heartgate::dataplane;

namespace {

const std::string kPorts2 = "ports: {lan: {device: net_ring0}, wan: {device: net_ring1}}\n";

std::string error_of(const std::string& text, const Machine& machine = {}) {
    try {
        (void)parse_config(text, "dataplane.yaml", machine);
    } catch (const ConfigError& problem) {
        return problem.what();
    }
    return "";
}

}  // namespace

TEST_CASE("two ports are a whole configuration") {
    const Config config = parse_config(kPorts2, "dataplane.yaml");
    CHECK(config.dpdk.file_prefix == "heartgate");
    CHECK(config.workers.cores == std::vector<std::uint16_t>{1});
    CHECK(config.ports[0].device == "net_ring0");
    REQUIRE(config.zones.size() == 2);
    CHECK(config.zones[0].name == "lan");
    CHECK(config.zones[0].zone == Zone{ZoneRole::kAttached, 0});
    CHECK(config.zones[1].zone == Zone{ZoneRole::kWan, 1});
    CHECK(config.zones[1].port == 1);
    CHECK(config.zones[1].interface == "hg-wan");
    CHECK(config.control_socket == "/run/heartgate/dataplane.sock");
    CHECK(config.heartbeat_addresses == std::vector<IpAddress>{*parse_ip("192.0.2.1"), *parse_ip("2001:db8::1")});
    CHECK(config.translate);
}

TEST_CASE("every key arrives") {
    const Config config = parse_config(R"(
dpdk: {file_prefix: hg-2, memory_mb: 512, hugepages: false, main_core: 3, mbufs: 4096}
workers: {cores: [4, 5], idle: {empty_polls: 10, sleep_us: 30, longest_sleep_us: 300}, realtime_priority: 2}
ports:
  lan: {device: "net_tap0,iface=lan-port", netns: switch, mtu: 1400, descriptors: 512, mac: "02:00:00:00:00:09"}
  wan: {device: "0000:01:00.1"}
zones:
  lan: {port: lan, vlan: 7, role: attached, interface: office, addresses: [10.20.0.1/24, "fd00::1/64"]}
  internet: {port: wan, role: wan}
kernel: {enabled: false}
routes: [{to: 0.0.0.0/0, via: 198.18.0.1, zone: internet}]
neighbours: [{address: 198.18.0.1, mac: "02:00:00:00:00:01", zone: internet}]
heartbeat_addresses: []
heartbeat_port: 9000
administration: [10.20.0.0/24]
nat: {enabled: false, first_port: 2000, last_port: 3000, ports_per_host: 100, addresses: [198.18.0.5],
      untranslated: [{lan: 10.20.0.0/24, wan: 172.16.0.0/12}]}
flows: {ipv4_capacity: 2048, ipv6_capacity: 1024, per_source: 7, new_per_second: 8, timeouts: {udp: 3m, tcp_established: 2h, icmp: 5}}
endpoints: {capacity: 100}
wan_ping: true
punt_rates: {dhcp: {total: 0}, heartbeat_syn: {per_sender: 9}}
page: {address: 198.18.0.9, port: 81}
control_socket: /tmp/x.sock
standalone_policy: /tmp/policy.txt
)",
                                       "dataplane.yaml");
    CHECK(config.dpdk.file_prefix == "hg-2");
    CHECK(config.dpdk.memory_mb == 512);
    CHECK_FALSE(config.dpdk.hugepages);
    CHECK(config.dpdk.main_core == 3);
    CHECK(config.dpdk.mbufs == 4096);
    CHECK(config.workers.cores == std::vector<std::uint16_t>{4, 5});
    CHECK(config.workers.idle.empty_polls == 10);
    CHECK(config.workers.idle.sleep_us == 30);
    CHECK(config.workers.idle.longest_sleep_us == 300);
    CHECK(config.workers.realtime_priority == 2);
    CHECK(config.ports[0].netns == "switch");
    CHECK(config.ports[0].mtu == 1400);
    CHECK(config.zones[0].vlan == 7);
    CHECK(config.zones[0].interface == "office");
    CHECK(config.zones[0].addresses.size() == 2);
    CHECK(config.zones[1].name == "internet");
    CHECK(config.ports[0].descriptors == 512);
    CHECK(config.ports[0].mac == parse_mac("02:00:00:00:00:09"));
    CHECK(config.ports[1].device == "0000:01:00.1");
    CHECK_FALSE(config.kernel.enabled);
    REQUIRE(config.routes.size() == 1);
    CHECK(to_text(config.routes[0].gateway) == "198.18.0.1");
    REQUIRE(config.neighbours.size() == 1);
    CHECK(config.neighbours[0].zone == Zone{ZoneRole::kWan, 1});
    CHECK(config.heartbeat_addresses.empty());
    CHECK(config.heartbeat_port == 9000);
    CHECK(config.flow_quota.flows == 7);
    CHECK(config.flow_quota.unanswered == 2048 / 32);
    CHECK(config.new_flows_per_second == 8);
    CHECK(config.punt_rates[PuntKind::kDhcp].total == 0);
    CHECK(config.page.address == *parse_ip("198.18.0.9"));
    CHECK(config.page.port == 81);
    CHECK(config.punt_rates[PuntKind::kDhcp].per_sender == 20);
    CHECK(config.punt_rates[PuntKind::kHeartbeatSyn].per_sender == 9);
    CHECK(config.administration.size() == 1);
    CHECK_FALSE(config.translate);
    CHECK(config.nat_ports.first == 2000);
    CHECK(config.nat_ports.last == 3000);
    CHECK(config.nat_ports.per_host == 100);
    CHECK(config.nat_addresses == std::vector{*parse_ip("198.18.0.5")});
    REQUIRE(config.untranslated.size() == 1);
    CHECK(config.untranslated[0].wan == *parse_prefix("172.16.0.0/12"));
    CHECK(config.ipv4_flows == 2048);
    CHECK(config.ipv6_flows == 1024);
    CHECK(config.timeouts.udp == 180);
    CHECK(config.timeouts.tcp_established == 7200);
    CHECK(config.timeouts.icmp == 5);
    CHECK(config.endpoints == 100);
    CHECK(config.wan_ping);
    CHECK(config.control_socket == "/tmp/x.sock");
    CHECK(config.standalone_policy == "/tmp/policy.txt");
}

TEST_CASE("a mistake is named by file, line, key, what was found and what is allowed") {
    struct Case {
        std::string text;
        std::string error;
    };
    const std::vector<Case> cases{
        {"ports: {lan: {device: a}, wan: {device: b}}\nprots: 1\n",
         "dataplane.yaml:2: prots: unknown key; allowed: dpdk, workers, ports, zones, kernel, routes, neighbours, "
         "heartbeat_addresses, heartbeat_port, administration, mss_clamp, nat, flows, endpoints, wan_ping, "
         "control_socket, "
         "standalone_policy, punt_rates, page"},
        {"", "dataplane.yaml:1: ports: found nothing; allowed: a mapping of 1 to 8 ports by name, such as lan and wan"},
        {"ports: [1]",
         "dataplane.yaml:1: ports: found a list; allowed: a mapping of 1 to 8 ports by name, such as lan and wan"},
        {"ports: {lan: {}}",
         "dataplane.yaml:1: ports.lan.device: found nothing; allowed: a DPDK device: a PCI address (0000:01:00.0) "
         "or a vdev (net_tap0,iface=lan-port)"},
        {"ports: {\"a b\": {device: a}}",
         "dataplane.yaml:1: ports.a b: not a name; allowed: up to 12 letters, digits, '-' and '_', but not 'any' or "
         "'local'"},
        {"ports: {inside: {device: a}, wan: {device: b}}",
         "dataplane.yaml:1: zones: found nothing; allowed: a mapping of zones, unless the ports are lan and wan"},
        {kPorts2 + "zones: {lan: {port: lan}}",
         "dataplane.yaml:2: zones: found a mapping; allowed: a mapping of zones by name: one with role wan, 1 to 31 "
         "others"},
        {kPorts2 + "zones:\n  lan: {port: lan}\n  wan: {port: uplink, role: wan}",
         "dataplane.yaml:4: zones.wan.port: found 'uplink'; allowed: the name of a port: lan, wan"},
        {kPorts2 + "zones:\n  lan: {port: lan}\n  lan: {port: wan, role: wan}",
         "dataplane.yaml:4: zones.lan: given twice; allowed: once"},
        {kPorts2 + "zones:\n  any: {port: lan}",
         "dataplane.yaml:3: zones.any: not a name; allowed: up to 12 letters, digits, '-' and '_', but not 'any' or "
         "'local'"},
        {kPorts2 + "zones:\n  lan: {port: lan, vlan: 4095}",
         "dataplane.yaml:3: zones.lan.vlan: found '4095'; allowed: a number from 0 to 4094"},
        {kPorts2 + "zones:\n  lan: {port: lan, vlan: 20}\n  guests: {port: lan, vlan: 20}",
         "dataplane.yaml:4: zones.guests.vlan: found '20'; allowed: another VLAN than that of lan on the same port"},
        {kPorts2 + "zones:\n  lan: {port: lan, role: dmz}",
         "dataplane.yaml:3: zones.lan.role: found 'dmz'; allowed: attached, routed or wan"},
        {"ports: {lan: {device: \"01:00.0\"}, wan: {device: b}}",
         "dataplane.yaml:1: ports.lan.device: found '01:00.0'; allowed: a DPDK device: a PCI address (0000:01:00.0) or "
         "a vdev (net_tap0,iface=lan-port)"},
        {"ports: {lan: {device: a}, wan: {device: a}}",
         "dataplane.yaml:1: ports.wan.device: found 'a'; allowed: another device than that of lan"},
        {kPorts2 + "dpdk:\n  memory_mb: lots\n",
         "dataplane.yaml:3: dpdk.memory_mb: found 'lots'; allowed: a number from 32 to 1048576"},
        {kPorts2 + "dpdk:\n  file_prefix: ../x\n",
         "dataplane.yaml:3: dpdk.file_prefix: found '../x'; allowed: up to 32 letters, digits, '-' and '_'"},
        {kPorts2 + "dpdk: {hugepages: maybe}",
         "dataplane.yaml:2: dpdk.hugepages: found 'maybe'; allowed: true or false"},
        {kPorts2 + "workers: {cores: []}",
         "dataplane.yaml:2: workers.cores: found a list; allowed: 1 to 64 CPU numbers such as [1, 2]"},
        {kPorts2 + "workers: {cores: [1, 1]}",
         "dataplane.yaml:2: workers.cores[1]: CPU 1 is given twice; allowed: each once"},
        {kPorts2 + "workers: {idle: {empty_polls: 0}, realtime_priority: 1}",
         "dataplane.yaml:2: workers.realtime_priority: a realtime worker that never sleeps starves its CPU; set "
         "workers.idle.empty_polls above 0"},
        {"ports: {lan: {device: a, mtu: 1000}, wan: {device: b}}",
         "dataplane.yaml:1: ports.lan.mtu: found '1000'; allowed: a number from 1280 to 9216"},
        {"ports: {lan: {device: a, mac: \"01:00:00:00:00:00\"}, wan: {device: b}}",
         "dataplane.yaml:1: ports.lan.mac: found '01:00:00:00:00:00'; allowed: a unicast MAC address such as "
         "02:48:47:00:00:01"},
        {kPorts2 + "zones: {lan: {port: lan, addresses: [10.0.0.1]}}",
         "dataplane.yaml:2: zones.lan.addresses[0]: found '10.0.0.1'; allowed: an IP address with its prefix length "
         "such as 10.20.0.1/24 or 2001:db8::1/64"},
        {kPorts2 + "zones: {lan: {port: lan, interface: abcdefghijklmnop}}",
         "dataplane.yaml:2: zones.lan.interface: found 'abcdefghijklmnop'; allowed: an interface name of at most 15 "
         "characters"},
        {kPorts2 + "zones:\n  lan: {port: lan}\n  wan: {port: wan, role: wan, interface: hg-lan}",
         "dataplane.yaml:4: zones.wan.interface: found 'hg-lan'; allowed: another name than the interface of lan"},
        {kPorts2 + "routes: []",
         "dataplane.yaml:2: routes: only used without the kernel, whose routes and neighbours count otherwise; set "
         "kernel.enabled: false"},
        {kPorts2 + "kernel: {enabled: false}\nroutes: [{to: 10.0.0.1/8, via: 10.0.0.1, zone: lan}]",
         "dataplane.yaml:3: routes[0].to: found '10.0.0.1/8'; allowed: a network, with no host bits set"},
        {kPorts2 + "kernel: {enabled: false}\nroutes: [{to: 10.0.0.0/8, via: \"::1\", zone: lan}]",
         "dataplane.yaml:3: routes[0].via: found '::1'; allowed: an address of the same family as 'to'"},
        {kPorts2 + "kernel: {enabled: false}\nneighbours: [{address: 10.0.0.1, mac: \"02:00:00:00:00:01\", zone: dmz}]",
         "dataplane.yaml:3: neighbours[0].zone: found 'dmz'; allowed: the name of a zone: lan, wan"},
        {kPorts2 + "heartbeat_addresses: [host]",
         "dataplane.yaml:2: heartbeat_addresses[0]: found 'host'; allowed: an IP address such as 192.0.2.1 or "
         "2001:db8::1"},
        {kPorts2 + "mss_clamp: 535",
         "dataplane.yaml:2: mss_clamp: found '535'; allowed: auto, off, or a number of bytes from 536 to 9176"},
        {kPorts2 + "nat: {first_port: 3000, last_port: 2000}",
         "dataplane.yaml:2: nat.last_port: found '2000'; allowed: a number from first_port (3000) to 65535"},
        {kPorts2 + "nat: {addresses: [\"2001:db8::1\"]}",
         "dataplane.yaml:2: nat.addresses[0]: found '2001:db8::1'; allowed: an IPv4 address"},
        {kPorts2 + "nat: {untranslated: [{lan: \"fd00::/8\", wan: 172.16.0.0/12}]}",
         "dataplane.yaml:2: nat.untranslated[0].lan: found 'fd00::/8'; allowed: an IPv4 network: IPv6 is never "
         "translated"},
        {kPorts2 + "flows: {timeouts: {udp: 5d}}",
         "dataplane.yaml:2: flows.timeouts.udp: found '5d'; allowed: a duration such as 30s, 10m or 2h, from 1s to "
         "864000s"},
        {kPorts2 + "control_socket: run.sock",
         "dataplane.yaml:2: control_socket: found 'run.sock'; allowed: an absolute path"},
        {kPorts2 + "wan_ping: true\nwan_ping: false\n", "dataplane.yaml:3: wan_ping: given twice; allowed: once"},
        {kPorts2 + "nat: {", "dataplane.yaml:2: not valid YAML: end of map flow not found"},
        {kPorts2 + "wan_ping: \"\\e[31mred\"", "dataplane.yaml:2: wan_ping: found '?[31mred'; allowed: true or false"},
    };
    for (const Case& wrong : cases) {
        INFO(wrong.text);
        CHECK(error_of(wrong.text) == wrong.error);
    }
}

TEST_CASE("a CPU that the machine does not have, or that the main threads need, forwards nothing") {
    const Machine machine{.cpus = 4, .local_ports = {}};
    CHECK(error_of(kPorts2 + "workers: {cores: [1, 3]}", machine).empty());
    CHECK(error_of(kPorts2 + "workers:\n  cores: [1, 99]", machine) ==
          "dataplane.yaml:3: workers.cores[1]: found 99; allowed: a CPU of this machine, which has 0 to 3");
    CHECK(error_of(kPorts2 + "dpdk: {main_core: 4}", machine) ==
          "dataplane.yaml:2: dpdk.main_core: found 4; allowed: a CPU of this machine, which has 0 to 3");
    CHECK(error_of(kPorts2, Machine{.cpus = 1, .local_ports = {}}) ==
          "dataplane.yaml:1: workers.cores: found 1; allowed: a CPU of this machine, which has 0 to 0");
    CHECK(
        error_of(kPorts2 + "workers: {cores: [1, 0]}", machine) ==
        "dataplane.yaml:2: workers.cores[1]: found 0; allowed: another CPU than dpdk.main_core, whose threads a worker "
        "would starve");
    CHECK(error_of(kPorts2 + "dpdk: {main_core: 1}\nworkers: {cores: [0]}", machine).empty());
}

TEST_CASE("an interface has the address of a host") {
    const auto error = [](const std::string& address) {
        return error_of(kPorts2 + "zones: {lan: {port: lan, addresses: [\"" + address +
                        "\"]}, wan: {port: wan, role: wan}}");
    };
    for (const char* address : {"10.20.0.1/24", "10.20.0.254/24", "10.20.0.255/16", "10.20.0.0/31", "10.20.0.1/31",
                                "10.20.0.0/32", "192.0.2.1/30", "fd00:20::1/64", "fd00:20::/127", "fd00::1/128"}) {
        INFO(address);
        CHECK(error(address).empty());
    }
    for (const char* address :
         {"10.20.0.0/24", "10.20.0.255/24", "10.20.255.255/16", "192.0.2.0/30", "192.0.2.3/30", "0.0.0.0/0",
          "127.0.0.1/8", "224.0.0.1/24", "255.255.255.255/32", "fd00:20::/64", "ff02::1/64", "::1/128", "::/0"}) {
        INFO(address);
        CHECK(error(address) == "dataplane.yaml:2: zones.lan.addresses[0]: found '" + std::string{address} +
                                    "'; allowed: an address of one host: not that of the network, not broadcast, "
                                    "multicast or loopback");
    }
}

TEST_CASE("two ports are different devices") {
    const auto error = [](const std::string& lan, const std::string& wan) {
        return error_of("ports: {lan: {" + lan + "}, wan: {" + wan + "}}");
    };
    CHECK(error("device: \"net_tap0,iface=a\"", "device: \"net_tap1,iface=b\"").empty());
    CHECK(error("device: \"net_tap0,iface=a\"", "device: \"net_tap0,iface=b\"") ==
          "dataplane.yaml:1: ports.wan.device: found 'net_tap0,iface=b'; allowed: another device than that of lan");
    CHECK(error("device: \"net_tap0,iface=a,x=1\"", "device: \"net_tap1,iface=a\"") ==
          "dataplane.yaml:1: ports.wan.device: found 'net_tap1,iface=a'; allowed: another interface than that of lan");
    CHECK(error("device: \"net_tap0,iface=a\", netns: x", "device: \"net_tap1,iface=a\", netns: y").empty());
}

TEST_CASE("networks of two zones do not overlap") {
    const auto error = [](const std::string& lan, const std::string& wan) {
        return error_of(kPorts2 + "zones:\n  lan: {port: lan, addresses: [" + lan +
                        "]}\n  wan: {port: wan, role: wan, addresses: [" + wan + "]}");
    };
    CHECK(error("10.20.0.1/24", "10.20.1.1/24").empty());
    CHECK(error("\"fd00:1::1/64\", 10.20.0.1/24", "\"fd00:2::1/64\"").empty());
    CHECK(
        error("10.20.0.1/24", "198.18.0.2/24, 10.20.0.2/24") ==
        "dataplane.yaml:4: zones.wan.addresses[1]: found '10.20.0.2/24'; allowed: a network that does not overlap with "
        "10.20.0.0/24 of lan");
    CHECK(
        error("10.20.0.1/16", "10.20.7.1/24") ==
        "dataplane.yaml:4: zones.wan.addresses[0]: found '10.20.7.1/24'; allowed: a network that does not overlap with "
        "10.20.0.0/16 of lan");
    CHECK(error("\"fd00::1/64\"", "\"fd00::2:0:0:0:1/48\"") ==
          "dataplane.yaml:4: zones.wan.addresses[0]: found 'fd00::2:0:0:0:1/48'; allowed: a network that does not "
          "overlap with fd00::/64 of lan");
}

TEST_CASE("ports of source NAT and of the appliance's own connections are disjoint") {
    const auto with = [](std::uint16_t first, std::uint16_t last) {
        return Machine{.cpus = {}, .local_ports = NatPortRange{.first = first, .last = last}};
    };
    CHECK(error_of(kPorts2, with(32768, 60999)).empty());
    CHECK(error_of(kPorts2, with(15000, 60999)) ==
          "dataplane.yaml:1: nat.first_port: found 1024 to 32767; allowed: no port that Linux gives to its own "
          "connections (net.ipv4.ip_local_port_range is 15000 to 60999); narrow nat.first_port and nat.last_port, or "
          "run: "
          "sysctl -w net.ipv4.ip_local_port_range='32768 65535'");
    CHECK(
        error_of(kPorts2 + "nat:\n  first_port: 32768\n  last_port: 65535\n", with(32768, 60999)) ==
        "dataplane.yaml:4: nat.last_port: found 32768 to 65535; allowed: no port that Linux gives to its own "
        "connections "
        "(net.ipv4.ip_local_port_range is 32768 to 60999); narrow nat.first_port and nat.last_port, or run: sysctl -w "
        "net.ipv4.ip_local_port_range='1024 32767'");
    CHECK(error_of(kPorts2 + "nat: {last_port: 65535}", with(32768, 60999)) ==
          "dataplane.yaml:2: nat.last_port: found 1024 to 65535; allowed: no port that Linux gives to its own "
          "connections "
          "(net.ipv4.ip_local_port_range is 32768 to 60999); narrow nat.first_port and nat.last_port");
    CHECK(error_of(kPorts2 + "nat: {enabled: false}", with(15000, 60999)).empty());
    CHECK(error_of(kPorts2 + "kernel: {enabled: false}", with(15000, 60999)).empty());
}

TEST_CASE("a file that is not there is named") {
    CHECK_THROWS_WITH(load_config("/nonexistent/dataplane.yaml"),
                      "/nonexistent/dataplane.yaml: cannot be read: No such file or directory");
}

TEST_CASE("mss_clamp fits TCP's segments to the smaller of two different MTUs unless told otherwise") {
    const auto clamp = [](const std::string& rest, int wan_mtu) {
        const std::string text =
            "ports: {lan: {device: a0}, wan: {device: b0, mtu: " + std::to_string(wan_mtu) + "}}\n";
        return parse_config(text + rest, "dataplane.yaml").mss;
    };
    CHECK(clamp("", 1500).ipv4 == 0);
    CHECK(clamp("", 1492).ipv4 == 1452);
    CHECK(clamp("mss_clamp: auto", 1492).ipv6 == 1432);
    CHECK(clamp("mss_clamp: off", 1492).ipv4 == 0);
    CHECK(clamp("mss_clamp: 1200", 1500).ipv4 == 1200);
    CHECK(clamp("mss_clamp: 1200", 1500).ipv6 == 1200);
}
