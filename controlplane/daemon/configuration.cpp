// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/configuration.h"

#include <sys/un.h>

#include <algorithm>

#include "controlplane/common/ip_network.h"
#include "controlplane/common/yaml_reader.h"

namespace heartgate::control {
namespace {

using std::chrono::duration_cast;
using std::chrono::seconds;

constexpr std::string_view kPath = "an absolute path";
constexpr std::string_view kSocketPath = "an absolute path of at most 107 bytes";

void read_path(const YamlNode& node, std::string& path) {
    if (!node.present()) return;
    path = node.text(kPath);
    if (path.empty() || path.front() != '/') node.fail(kPath);
}

void read_socket_path(const YamlNode& node, std::string& path) {
    if (!node.present()) return;
    path = node.text(kSocketPath);
    if (path.empty() || path.front() != '/' || path.size() >= sizeof(sockaddr_un::sun_path)) node.fail(kSocketPath);
}

void read_file_prefix(const YamlNode& node, std::string& prefix) {
    constexpr std::string_view kAllowed = "1 to 63 letters, digits, '-' and '_', as in dataplane.yaml";
    if (!node.present()) return;
    prefix = node.text(kAllowed);
    const bool fine = std::all_of(prefix.begin(), prefix.end(), [](unsigned char byte) {
        return std::isalnum(byte) != 0 || byte == '-' || byte == '_';
    });
    if (prefix.empty() || prefix.size() > 63 || !fine) node.fail(kAllowed);
}

void read_socket(const YamlNode& node, std::string& path, std::string& group, unsigned& permissions) {
    node.expect_keys({"path", "group", "mode"});
    read_socket_path(node.child("path"), path);
    group = node.child("group").text_or("");
    if (const YamlNode mode = node.child("mode"); mode.present()) {
        constexpr std::string_view kAllowed = "an octal mode in quotes, \"0600\" to \"0666\"";
        const std::string text = mode.text(kAllowed);
        const bool octal = text.size() == 4 && text[0] == '0' && text.find_first_not_of("01234567") == text.npos;
        if (!octal) mode.fail(kAllowed);
        permissions = static_cast<unsigned>(std::stoul(text, nullptr, 8));
        if ((permissions & ~0666U) != 0 || (permissions & 0600U) != 0600) mode.fail(kAllowed);
    }
}

void read_heartbeat(const YamlNode& node, Configuration& configuration) {
    node.expect_keys({"addresses", "interval"});
    if (const YamlNode list = node.child("addresses"); list.present()) {
        configuration.heartbeat_addresses.clear();
        for (const YamlNode& entry : list.elements("a list of IPv4 and IPv6 addresses")) {
            const auto address = IpAddress::from_text(entry.text("an IPv4 or IPv6 address"));
            if (!address) entry.fail("an IPv4 or IPv6 address");
            configuration.heartbeat_addresses.push_back(address->text());
        }
        if (configuration.heartbeat_addresses.empty()) list.complain("found no address; allowed: one or more");
    }
    configuration.interval =
        node.child("interval")
            .duration_or(configuration.interval, std::chrono::milliseconds{100}, std::chrono::milliseconds{60'000});
}

Configuration read(const YamlNode& root) {
    Configuration configuration;
    root.expect_keys({"dpdk", "dataplane_socket", "admin_socket", "listener_socket", "page_socket", "state_directory",
                      "policy", "certificates", "heartbeat", "log_level"});
    const YamlNode dpdk = root.child("dpdk");
    dpdk.expect_keys({"file_prefix"});
    read_file_prefix(dpdk.child("file_prefix"), configuration.file_prefix);
    read_socket_path(root.child("dataplane_socket"), configuration.dataplane_socket);
    read_socket_path(root.child("admin_socket"), configuration.admin_socket);
    read_socket(root.child("listener_socket"), configuration.listener_socket, configuration.listener_group,
                configuration.listener_mode);
    read_socket(root.child("page_socket"), configuration.page_socket, configuration.page_group,
                configuration.page_mode);
    // Whoever may speak on the listener's socket says what health machines have; the page must not be able to.
    if (!configuration.page_group.empty() && configuration.page_group == configuration.listener_group) {
        root.child("page_socket").child("group").fail("another group than that of listener_socket");
    }
    read_path(root.child("state_directory"), configuration.state_directory);
    read_path(root.child("policy"), configuration.policy_file);
    configuration.policy_required = root.child("policy").present();
    const YamlNode certificates = root.child("certificates");
    certificates.expect_keys({"validity", "accept_expired"});
    configuration.certificate_validity = duration_cast<seconds>(
        certificates.child("validity")
            .duration_or(configuration.certificate_validity, std::chrono::minutes{1}, std::chrono::hours{24 * 365}));
    configuration.accept_expired = duration_cast<seconds>(
        certificates.child("accept_expired")
            .duration_or(configuration.accept_expired, seconds{0}, std::chrono::hours{24 * 365}));
    read_heartbeat(root.child("heartbeat"), configuration);
    if (const YamlNode level = root.child("log_level"); level.present()) {
        constexpr std::string_view kAllowed = "debug, info, warning or error";
        configuration.log_level = level.text(kAllowed);
        if (configuration.log_level != "debug" && configuration.log_level != "info" &&
            configuration.log_level != "warning" && configuration.log_level != "error") {
            level.fail(kAllowed);
        }
    }
    return configuration;
}

}  // namespace

Expected<Configuration> read_configuration(const std::string& path) { return from_yaml_file(path, read); }

Expected<Configuration> parse_configuration(const std::string& yaml, const std::string& file_name) {
    return from_yaml_text(yaml, file_name, read);
}

}  // namespace heartgate::control
