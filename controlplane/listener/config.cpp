// SPDX-License-Identifier: Apache-2.0
#include "controlplane/listener/config.h"

#include <sys/un.h>

#include <algorithm>
#include <boost/asio/ip/address.hpp>

#include "controlplane/common/yaml_reader.h"

namespace heartgate::control::listener {
namespace {

ListenerConfig read(const YamlNode& root) {
    root.expect_keys({"daemon_socket", "listen", "port", "user", "limits"});
    ListenerConfig config;
    constexpr auto kSocketAllowed = "an absolute path of at most 107 bytes";
    if (const YamlNode socket = root.child("daemon_socket"); socket.present()) {
        config.daemon_socket = socket.text(kSocketAllowed);
        if (!config.daemon_socket.starts_with('/') || config.daemon_socket.size() >= sizeof(sockaddr_un::sun_path))
            socket.fail(kSocketAllowed);
    }
    config.port = static_cast<std::uint16_t>(root.child("port").number_or(config.port, 1, 65'535));
    config.user = root.child("user").text_or(config.user);

    constexpr auto kListenAllowed = "a list of one to 16 IPv4 or IPv6 addresses";
    if (const YamlNode listen = root.child("listen"); listen.present()) {
        config.listen.clear();
        const auto addresses = listen.elements(kListenAllowed);
        if (addresses.empty() || addresses.size() > 16) listen.fail(kListenAllowed);
        for (const YamlNode& element : addresses) {
            boost::system::error_code problem;
            const auto address = boost::asio::ip::make_address(element.text(), problem);
            if (problem) element.fail("an IPv4 or IPv6 address, such as 192.0.2.1");
            if (std::ranges::find(config.listen, address.to_string()) != config.listen.end())
                element.complain("is listed twice");
            config.listen.push_back(address.to_string());
        }
    }

    if (const YamlNode limits = root.child("limits"); limits.present()) {
        limits.expect_keys({"connections", "connections_per_source"});
        config.max_connections =
            static_cast<std::uint32_t>(limits.child("connections").number_or(config.max_connections, 1, 1'000'000));
        config.max_connections_per_source = static_cast<std::uint32_t>(
            limits.child("connections_per_source").number_or(config.max_connections_per_source, 1, 1'000'000));
    }
    return config;
}

}  // namespace

Expected<ListenerConfig> load_config(const std::string& path) { return from_yaml_file(path, read); }

}  // namespace heartgate::control::listener
