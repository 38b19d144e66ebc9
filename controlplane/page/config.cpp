// SPDX-License-Identifier: Apache-2.0
#include "controlplane/page/config.h"

#include <sys/un.h>

#include "controlplane/common/ip_network.h"
#include "controlplane/common/yaml_reader.h"

namespace heartgate::control::page {
namespace {

PageConfig read(const YamlNode& root) {
    constexpr auto kSocketAllowed = "an absolute path of at most 107 bytes";
    constexpr auto kListenAllowed = "an IPv4 address of the appliance on the LAN";
    root.expect_keys({"daemon_socket", "listen", "port", "user"});
    PageConfig config;
    if (const YamlNode socket = root.child("daemon_socket"); socket.present()) {
        config.daemon_socket = socket.text(kSocketAllowed);
        if (!config.daemon_socket.starts_with('/') || config.daemon_socket.size() >= sizeof(sockaddr_un::sun_path)) {
            socket.fail(kSocketAllowed);
        }
    }
    if (const YamlNode listen = root.child("listen"); listen.present()) {
        const auto address = IpAddress::from_text(listen.text(kListenAllowed));
        if (!address || !address->is_ipv4()) listen.fail(kListenAllowed);
        config.listen = address->text();
    }
    config.port = static_cast<std::uint16_t>(root.child("port").number_or(config.port, 1, 65'535));
    config.user = root.child("user").text_or(config.user);
    return config;
}

}  // namespace

Expected<PageConfig> load_config(const std::string& path) { return from_yaml_file(path, read); }

}  // namespace heartgate::control::page
