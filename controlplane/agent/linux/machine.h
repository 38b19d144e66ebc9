// SPDX-License-Identifier: Apache-2.0
// What Linux says about this machine: names, user, interfaces, boot.
#pragma once

#include <string>
#include <vector>

#include "controlplane/agent/core/agent.h"

namespace heartgate::control::agent {

[[nodiscard]] Boot current_boot();
[[nodiscard]] std::string host_name();
// Who logged in last and is still there; empty: nobody.
[[nodiscard]] std::string logged_in_user();
[[nodiscard]] std::string operating_system();
// /etc/machine-id: stays with the installation.
[[nodiscard]] std::string machine_id();
// Without loopback; with their MAC and addresses, link-local ones included.
[[nodiscard]] std::vector<v1::Interface> network_interfaces();
[[nodiscard]] std::uint64_t monotonic_ns();

// All of it, with what the configuration overrides.
[[nodiscard]] MachineFacts machine_facts(const Config& config);

}  // namespace heartgate::control::agent
