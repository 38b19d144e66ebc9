// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/core/config.h"

#include <fmt/format.h>

#include <boost/asio/ip/address.hpp>
#include <limits>

#include "controlplane/common/yaml_reader.h"

namespace heartgate::control::agent {
namespace {

constexpr Milliseconds kDay{86'400'000};

std::string absolute_path(const YamlNode& node) {
    std::string path = node.text("an absolute path");
    if (path.empty() || path.front() != '/') node.fail("an absolute path");
    while (path.size() > 1 && path.back() == '/') path.pop_back();
    return path;
}

void read_path(const YamlNode& node, std::string& path) {
    if (node.present()) path = absolute_path(node);
}

std::vector<std::string> paths(const YamlNode& node) {
    std::vector<std::string> result;
    for (const YamlNode& element : node.elements("a list of absolute paths")) result.push_back(absolute_path(element));
    return result;
}

std::string ip_address(const YamlNode& node) {
    const std::string text = node.text("an IPv4 or IPv6 address");
    boost::system::error_code failure;
    boost::asio::ip::make_address(text, failure);
    if (failure) node.fail("an IPv4 or IPv6 address");
    return text;
}

void read_gateways(const YamlNode& node, Config& config) {
    node.expect_keys({"addresses", "port"});
    const auto port =
        static_cast<std::uint16_t>(node.child("port").number_or(8347, 1, std::numeric_limits<std::uint16_t>::max()));
    const YamlNode addresses = node.child("addresses");
    if (addresses.present()) {
        config.gateways.clear();
        for (const YamlNode& element : addresses.elements("a list of addresses")) {
            config.gateways.push_back({ip_address(element), port});
        }
        if (config.gateways.empty()) addresses.fail("at least one address");
    }
    for (Gateway& gateway : config.gateways) gateway.port = port;
}

void read_names(const YamlNode& root, Config& config) {
    config.host = root.child("host").text_or("");
    config.user = root.child("user").text_or("");
    if (config.host.size() > 255) root.child("host").fail("at most 255 bytes");
    if (config.user.size() > 255) root.child("user").fail("at most 255 bytes");
    const YamlNode notify = root.child("notify");
    if (!notify.present()) return;
    config.notify.clear();
    for (const YamlNode& word : notify.elements("a list: the program and its arguments; [] for none")) {
        config.notify.push_back(word.text());
    }
}

Config read_root(const YamlNode& root) {
    root.expect_keys({"gateway", "state_directory", "control_socket", "quarantine_directory", "interval_ms", "watch",
                      "exclude", "dwell_s", "repeat_within_s", "repeat_yellow_s", "clean_delay_s", "host", "user",
                      "notify", "refuse_peers", "clamd_socket", "signatures_max_age"});
    Config config;
    read_gateways(root.child("gateway"), config);
    read_path(root.child("state_directory"), config.state_directory);
    read_path(root.child("control_socket"), config.control_socket);
    config.quarantine_directory = config.state_directory + "/quarantine";
    read_path(root.child("quarantine_directory"), config.quarantine_directory);
    config.interval = Milliseconds{root.child("interval_ms").number_or(15'000, 100, 60'000)};
    config.watch = paths(root.child("watch"));
    config.exclude = paths(root.child("exclude"));
    HealthTiming& timing = config.timing;
    timing.dwell = root.child("dwell_s").duration_or(timing.dwell, Milliseconds{0}, kDay);
    timing.repeat_within = root.child("repeat_within_s").duration_or(timing.repeat_within, Milliseconds{0}, kDay);
    timing.repeat_dwell = root.child("repeat_yellow_s").duration_or(timing.repeat_dwell, Milliseconds{0}, kDay);
    config.clean_delay = root.child("clean_delay_s").duration_or(Milliseconds{0}, Milliseconds{0}, kDay);
    read_names(root, config);
    config.refuse_peers = root.child("refuse_peers").boolean_or(true);
    read_path(root.child("clamd_socket"), config.clamd_socket);
    config.signatures_max_age =
        root.child("signatures_max_age").duration_or(config.signatures_max_age, Milliseconds{3'600'000}, kDay * 365);
    return config;
}

}  // namespace

std::string Gateway::text() const {
    return address.find(':') == std::string::npos ? fmt::format("{}:{}", address, port)
                                                  : fmt::format("[{}]:{}", address, port);
}

Expected<Config> read_config(const std::string& path) { return from_yaml_file(path, read_root); }

Expected<Config> parse_config(const std::string& text, const std::string& file_name) {
    return from_yaml_text(text, file_name, read_root);
}

}  // namespace heartgate::control::agent
