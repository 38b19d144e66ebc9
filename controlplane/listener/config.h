// SPDX-License-Identifier: Apache-2.0
// listener.yaml: where the listener listens, where heartgated is, and how much it takes from whom.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "controlplane/common/error.h"

namespace heartgate::control::listener {

struct ListenerConfig {
    std::string daemon_socket = "/run/heartgate/listener.sock";
    std::vector<std::string> listen{"192.0.2.1", "2001:db8::1"};  // need not be assigned yet
    std::uint16_t port = 8347;                                    // 0: any free one, for tests
    std::string user;                                             // to become when started as root; empty: stay
    std::uint32_t max_connections = 50'000;
    std::uint32_t max_connections_per_source = 64;  // of one address
};

// The message names file, line, key, what was found and what is allowed.
Expected<ListenerConfig> load_config(const std::string& path);

}  // namespace heartgate::control::listener
