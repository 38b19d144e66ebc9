// SPDX-License-Identifier: Apache-2.0
// The agent's configuration file. A machine with no file at all is a good client: every key has a default.
#pragma once

#include <string>
#include <vector>

#include "controlplane/agent/core/health.h"
#include "controlplane/common/error.h"

namespace heartgate::control::agent {

struct Gateway {
    std::string address;  // IPv4 or IPv6, without brackets
    std::uint16_t port = 8347;
    // "192.0.2.1:8347", "[2001:db8::1]:8347"
    [[nodiscard]] std::string text() const;
    friend bool operator==(const Gateway&, const Gateway&) = default;
};

struct Config {
    std::vector<Gateway> gateways{{"192.0.2.1", 8347}, {"2001:db8::1", 8347}};
    std::string state_directory = "/var/lib/heartgate-agent";
    std::string control_socket = "/run/heartgate-agent/agent.sock";
    std::string quarantine_directory;  // empty: "quarantine" in the state directory
    Milliseconds interval{15'000};
    std::vector<std::string> watch;  // empty: all local file systems
    std::vector<std::string> exclude;
    HealthTiming timing;
    Milliseconds clean_delay{0};
    std::string host;          // empty: as the system says
    std::string user;          // empty: who is logged in
    bool refuse_peers = true;  // keep away from machines that the gateway names as sick
    std::vector<std::string> notify{"wall"};
    std::string clamd_socket;  // empty: none
    Milliseconds signatures_max_age{72 * 3'600'000LL};
};

[[nodiscard]] Expected<Config> read_config(const std::string& path);
[[nodiscard]] Expected<Config> parse_config(const std::string& text, const std::string& file_name);

}  // namespace heartgate::control::agent
