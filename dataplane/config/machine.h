// SPDX-License-Identifier: Apache-2.0
// What the machine at hand allows a configuration: its CPUs, and the ports that Linux gives to its own connections.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/nat/nat_pool.h"

namespace heartgate::dataplane {

struct Machine {
    std::optional<std::uint32_t> cpus;        // numbered from 0; nothing: not known
    std::optional<NatPortRange> local_ports;  // net.ipv4.ip_local_port_range; nothing: not known
};

// Of this process's network namespace.
[[nodiscard]] Machine this_machine();

}  // namespace heartgate::dataplane
