// SPDX-License-Identifier: Apache-2.0
#include "dataplane/config/config.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <sstream>

#include "dataplane/config/consistency.h"
#include "dataplane/config/values.h"

namespace heartgate::dataplane {
namespace {

constexpr std::uint32_t kDay = 86'400;
constexpr std::uint32_t kPortsPerHost = 4096;

Zone read_zone_name(const YamlNode& node, const std::vector<ZoneConfig>& zones) {
    const std::string allowed = fmt::format("the name of a zone: {}", names_of(zones));
    const ZoneConfig* zone = find_zone(zones, node.text(allowed));
    if (zone == nullptr) node.fail(allowed);
    return zone->zone;
}

std::string read_path(const YamlNode& node, std::string otherwise) {
    constexpr std::string_view kAllowed = "an absolute path";
    std::string path = node.text_or(std::move(otherwise), kAllowed);
    if (path[0] != '/') node.fail(kAllowed);
    return path;
}

DpdkConfig read_dpdk(const YamlNode& node) {
    node.expect_keys({"file_prefix", "memory_mb", "hugepages", "main_core", "mbufs"});
    DpdkConfig config;
    constexpr std::string_view kFilePrefix = "up to 32 letters, digits, '-' and '_'";
    const YamlNode file_prefix = node.child("file_prefix");
    config.file_prefix = file_prefix.text_or(config.file_prefix, kFilePrefix);
    if (config.file_prefix.size() > 32 || !has_only(config.file_prefix, "-_")) file_prefix.fail(kFilePrefix);
    config.memory_mb = node.child("memory_mb").number_or(config.memory_mb, 32, 1U << 20U);
    config.hugepages = node.child("hugepages").boolean_or(config.hugepages);
    config.main_core = node.child("main_core").number_or(config.main_core, 0, 1023);
    config.mbufs = node.child("mbufs").number_or(config.mbufs, 1024, 1U << 24U);
    return config;
}

WorkersConfig read_workers(const YamlNode& node) {
    node.expect_keys({"cores", "idle", "realtime_priority"});
    WorkersConfig config;
    const YamlNode cores = node.child("cores");
    if (cores.present()) {
        config.cores.clear();
        for (const YamlNode& element : cores.elements("a list of CPU numbers such as [1, 2]")) {
            const auto core = element.number<std::uint16_t>(0, 1023);
            if (std::find(config.cores.begin(), config.cores.end(), core) != config.cores.end()) {
                element.complain(fmt::format("CPU {} is given twice; allowed: each once", core));
            }
            config.cores.push_back(core);
        }
        if (config.cores.empty() || config.cores.size() > 64) cores.fail("1 to 64 CPU numbers such as [1, 2]");
    }
    const YamlNode idle = node.child("idle");
    idle.expect_keys({"empty_polls", "sleep_us", "longest_sleep_us"});
    config.idle.empty_polls = idle.child("empty_polls").number_or(config.idle.empty_polls, 0, 1'000'000);
    config.idle.sleep_us = idle.child("sleep_us").number_or(config.idle.sleep_us, 1, 1000);
    const std::uint32_t longest = std::max(config.idle.sleep_us, config.idle.longest_sleep_us);
    config.idle.longest_sleep_us = idle.child("longest_sleep_us").number_or(longest, config.idle.sleep_us, 1000);
    const YamlNode priority = node.child("realtime_priority");
    config.realtime_priority = priority.number_or(config.realtime_priority, 0, 99);
    if (config.realtime_priority > 0 && config.idle.empty_polls == 0) {
        priority.complain("a realtime worker that never sleeps starves its CPU; set workers.idle.empty_polls above 0");
    }
    return config;
}

void read_static(const YamlNode& root, Config& config) {
    constexpr std::string_view kOnlyWithout =
        "only used without the kernel, whose routes and neighbours count otherwise; set kernel.enabled: false";
    const YamlNode routes = root.child("routes");
    const YamlNode neighbours = root.child("neighbours");
    if (config.kernel.enabled && routes.present()) routes.complain(kOnlyWithout);
    if (config.kernel.enabled && neighbours.present()) neighbours.complain(kOnlyWithout);
    for (const YamlNode& element : routes.elements("a list of routes {to, via, zone}")) {
        element.expect_keys({"to", "via", "zone"});
        StaticRoute route;
        route.network = read_prefix(element.child("to"));
        if (route.network != network_of(route.network)) element.child("to").fail("a network, with no host bits set");
        route.gateway = read_ip(element.child("via"));
        if (route.gateway.is_ipv4() != route.network.address.is_ipv4()) {
            element.child("via").fail("an address of the same family as 'to'");
        }
        route.zone = read_zone_name(element.child("zone"), config.zones);
        config.routes.push_back(route);
    }
    for (const YamlNode& element : neighbours.elements("a list of neighbours {address, mac, zone}")) {
        element.expect_keys({"address", "mac", "zone"});
        config.neighbours.push_back({.address = read_ip(element.child("address")),
                                     .zone = read_zone_name(element.child("zone"), config.zones),
                                     .mac = read_mac(element.child("mac"))});
    }
}

// "auto": what fits into the smallest of the ports' MTUs, without IP and TCP header.
MssClamp read_mss_clamp(const YamlNode& node, const Config& config) {
    constexpr std::string_view kAllowed = "auto, off, or a number of bytes from 536 to 9176";
    const std::string text = node.text_or("auto", kAllowed);
    if (text == "off") return {};
    if (text != "auto") {
        std::uint16_t bytes = 0;
        const auto [end, failure] = std::from_chars(text.data(), text.data() + text.size(), bytes);
        if (failure != std::errc{} || end != text.data() + text.size() || bytes < 536 || bytes > 9176) {
            node.fail(kAllowed);
        }
        return {.ipv4 = bytes, .ipv6 = bytes};
    }
    const auto [least, most] =
        std::minmax_element(config.ports.begin(), config.ports.end(),
                            [](const PortConfig& one, const PortConfig& other) { return one.mtu < other.mtu; });
    if (least->mtu == most->mtu) return {};  // both ends know it themselves
    return {.ipv4 = static_cast<std::uint16_t>(least->mtu - 40), .ipv6 = static_cast<std::uint16_t>(least->mtu - 60)};
}

void read_nat(const YamlNode& node, Config& config) {
    node.expect_keys({"enabled", "first_port", "last_port", "ports_per_host", "addresses", "untranslated"});
    config.translate = node.child("enabled").boolean_or(config.translate);
    config.nat_ports.first = node.child("first_port").number_or(config.nat_ports.first, 1024, 65535);
    config.nat_ports.last = node.child("last_port").number_or(config.nat_ports.last, 1024, 65535);
    if (config.nat_ports.last < config.nat_ports.first) {
        node.child("last_port").fail(fmt::format("a number from first_port ({}) to 65535", config.nat_ports.first));
    }
    config.nat_ports.per_host = node.child("ports_per_host").number_or(kPortsPerHost, 0, 1U << 20U);
    for (const YamlNode& element : node.child("addresses").elements("a list of IPv4 addresses")) {
        const IpAddress address = read_ip(element);
        if (!address.is_ipv4()) element.fail("an IPv4 address");
        config.nat_addresses.push_back(address);
    }
    for (const YamlNode& element : node.child("untranslated").elements("a list of {lan, wan}, both networks")) {
        element.expect_keys({"lan", "wan"});
        const UntranslatedConfig pair{.lan = read_prefix(element.child("lan")),
                                      .wan = read_prefix(element.child("wan"))};
        if (!pair.lan.address.is_ipv4()) element.child("lan").fail("an IPv4 network: IPv6 is never translated");
        if (!pair.wan.address.is_ipv4()) element.child("wan").fail("an IPv4 network: IPv6 is never translated");
        config.untranslated.push_back(pair);
    }
}

void read_flows(const YamlNode& node, Config& config) {
    node.expect_keys(
        {"ipv4_capacity", "ipv6_capacity", "per_source", "unanswered_per_source", "new_per_second", "timeouts"});
    config.ipv4_flows = node.child("ipv4_capacity").number_or(config.ipv4_flows, 1024, 1U << 24U);
    config.ipv6_flows = node.child("ipv6_capacity").number_or(config.ipv6_flows, 1024, 1U << 24U);
    // A machine may have an eighth of the table, a quarter of that without an answer.
    const std::uint32_t eighth = config.ipv4_flows / 8;
    config.flow_quota.flows = node.child("per_source").number_or(eighth, 0, 1U << 24U);
    config.flow_quota.unanswered = node.child("unanswered_per_source").number_or(eighth / 4, 0, 1U << 24U);
    config.new_flows_per_second = node.child("new_per_second").number_or(config.new_flows_per_second, 0, 10'000'000);
    const YamlNode timeouts = node.child("timeouts");
    timeouts.expect_keys({"udp_one_way", "udp", "tcp_transitory", "tcp_established", "icmp", "other", "crowded"});
    const auto read = [&](std::string_view name, std::uint32_t& seconds) {
        seconds = timeouts.child(name).seconds_or(seconds, 1, 10 * kDay);
    };
    read("udp_one_way", config.timeouts.udp_one_way);
    read("udp", config.timeouts.udp);
    read("tcp_transitory", config.timeouts.tcp_transitory);
    read("tcp_established", config.timeouts.tcp_established);
    read("icmp", config.timeouts.icmp);
    read("other", config.timeouts.other);
    read("crowded", config.crowded);
}

PageAddress read_page(const YamlNode& node, const Config& config) {
    PageAddress page;
    if (!node.present()) return page;
    node.expect_keys({"address", "port"});
    page.port = node.child("port").number_or(std::uint16_t{8348}, 1, 65535);
    const YamlNode address = node.child("address");
    const auto& own = config.heartbeat_addresses;
    const auto first = std::find_if(own.begin(), own.end(), [](const IpAddress& one) { return one.is_ipv4(); });
    if (!address.present() && first == own.end()) {
        node.fail("an address of the appliance on the LAN, since there is no IPv4 heartbeat address");
    }
    page.address = address.present() ? read_ip(address) : *first;
    if (!page.address.is_ipv4()) address.fail("an IPv4 address of the appliance on the LAN");
    if (page.port == config.heartbeat_port) node.child("port").fail("another port than heartbeat_port");
    return page;
}

void read_punt(const YamlNode& node, PuntRates& rates) {
    static constexpr std::array<std::pair<std::string_view, PuntKind>, PuntRates::kKinds> kKinds{
        {{"neighbour", PuntKind::kNeighbour},
         {"dhcp", PuntKind::kDhcp},
         {"heartbeat_syn", PuntKind::kHeartbeatSyn},
         {"heartbeat", PuntKind::kHeartbeat},
         {"other", PuntKind::kOther},
         {"answer", PuntKind::kAnswer}}};
    node.expect_keys({"neighbour", "dhcp", "heartbeat_syn", "heartbeat", "other", "answer"});
    for (const auto& [name, kind] : kKinds) {
        const YamlNode rate = node.child(name);
        rate.expect_keys({"per_sender", "total"});
        rates[kind].per_sender = rate.child("per_sender").number_or(rates[kind].per_sender, 0, 10'000'000);
        rates[kind].total = rate.child("total").number_or(rates[kind].total, 0, 10'000'000);
    }
}

}  // namespace

bool has_address(const std::vector<IpPrefix>& addresses, const IpAddress& address) {
    return std::any_of(addresses.begin(), addresses.end(),
                       [&address](const IpPrefix& own) { return own.address == address; });
}

Config parse_config(const std::string& text, const std::string& file_name, const Machine& machine) {
    const YamlNode root = YamlNode::parse(text, file_name);
    root.expect_keys({"dpdk", "workers", "ports", "zones", "kernel", "routes", "neighbours", "heartbeat_addresses",
                      "heartbeat_port", "administration", "mss_clamp", "nat", "flows", "endpoints", "wan_ping",
                      "control_socket", "standalone_policy", "punt_rates", "page"});
    Config config;
    config.dpdk = read_dpdk(root.child("dpdk"));
    config.workers = read_workers(root.child("workers"));
    config.ports = read_ports(root.child("ports"));
    config.zones = read_zones(root.child("zones"), config.ports);
    const YamlNode kernel = root.child("kernel");
    kernel.expect_keys({"enabled"});
    config.kernel.enabled = kernel.child("enabled").boolean_or(config.kernel.enabled);
    read_static(root, config);
    const YamlNode heartbeat = root.child("heartbeat_addresses");
    for (const YamlNode& element : heartbeat.elements("a list of IP addresses, or [] for none")) {
        config.heartbeat_addresses.push_back(read_ip(element));
    }
    if (!heartbeat.present()) config.heartbeat_addresses = {*parse_ip("192.0.2.1"), *parse_ip("2001:db8::1")};
    config.heartbeat_port = root.child("heartbeat_port").number_or(config.heartbeat_port, 1, 65535);
    for (const YamlNode& element : root.child("administration").elements("a list of networks, or [] for none")) {
        config.administration.push_back(read_prefix(element));
    }
    config.mss = read_mss_clamp(root.child("mss_clamp"), config);
    read_nat(root.child("nat"), config);
    read_flows(root.child("flows"), config);
    const YamlNode endpoints = root.child("endpoints");
    endpoints.expect_keys({"capacity"});
    config.endpoints = endpoints.child("capacity").number_or(config.endpoints, 2, 1U << 22U);
    config.wan_ping = root.child("wan_ping").boolean_or(config.wan_ping);
    config.page = read_page(root.child("page"), config);
    read_punt(root.child("punt_rates"), config.punt_rates);
    config.control_socket = read_path(root.child("control_socket"), config.control_socket);
    if (config.control_socket.size() >= sizeof(sockaddr_un::sun_path)) {
        root.child("control_socket").fail("a path of at most 107 bytes, as UNIX sockets have");
    }
    config.standalone_policy = read_path(root.child("standalone_policy"), "/");
    if (config.standalone_policy == "/") config.standalone_policy.clear();
    check_consistency(root, config, machine);
    return config;
}

Config load_config(const std::string& path) {
    errno = 0;
    std::ifstream file{path, std::ios::binary};
    std::ostringstream text;
    if (!file || (file.peek() != std::ifstream::traits_type::eof() && !(text << file.rdbuf()))) {
        throw ConfigError{fmt::format("{}: cannot be read: {}", path, std::strerror(errno != 0 ? errno : EIO))};
    }
    return parse_config(text.str(), path, this_machine());
}

}  // namespace heartgate::dataplane
