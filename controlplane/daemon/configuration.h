// SPDX-License-Identifier: Apache-2.0
// heartgated.yaml. packaging/examples/heartgated.yaml documents every key.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "controlplane/common/error.h"

namespace heartgate::control {

struct Configuration {
    std::string file_prefix = "heartgate";
    std::string dataplane_socket = "/run/heartgate/dataplane.sock";
    std::string admin_socket = "/run/heartgate/hgctl.sock";
    std::string listener_socket = "/run/heartgate/listener.sock";
    std::string listener_group;
    unsigned listener_mode = 0660;
    std::string page_socket = "/run/heartgate/page.sock";
    std::string page_group;
    unsigned page_mode = 0660;
    std::string state_directory = "/var/lib/heartgate";
    std::string policy_file = "/etc/heartgate/policy.yaml";
    bool policy_required = false;  // the file was named, so it must be there when it is needed
    std::chrono::seconds certificate_validity{std::chrono::hours{24}};
    std::chrono::seconds accept_expired{0};
    std::vector<std::string> heartbeat_addresses{"192.0.2.1", "2001:db8::1"};
    std::chrono::milliseconds interval{15'000};
    std::string log_level = "info";
};

// Errors: "FILE:LINE: KEY: found FOUND; allowed: ALLOWED".
[[nodiscard]] Expected<Configuration> read_configuration(const std::string& path);
[[nodiscard]] Expected<Configuration> parse_configuration(const std::string& yaml, const std::string& file_name);

}  // namespace heartgate::control
