// SPDX-License-Identifier: Apache-2.0
// The appliance's side in Linux: exception interfaces and what is mirrored from them, or their absence.
#pragma once

#include <rte_mempool.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/config/config.h"
#include "dataplane/control/no_kernel_path.h"
#include "dataplane/control/tables.h"
#include "dataplane/kernel/netlink_mirror.h"
#include "dataplane/kernel/tap_kernel_path.h"
#include "dataplane/port/port.h"

namespace heartgate::dataplane {

class KernelSide {
public:
    // Makes the exception interfaces where they are missing, gives them their addresses and the heartbeat addresses,
    // and fills routes, neighbours and NAT's WAN addresses; without the kernel from the configuration. Throws
    // std::runtime_error with a sentence.
    KernelSide(const Config& config, const std::vector<Port>& ports, Tables& tables, rte_mempool* pool);

    [[nodiscard]] KernelPath& path() noexcept;

private:
    void follow(const Config& config, Tables& tables);

    NoKernelPath none_;
    std::unique_ptr<TapKernelPath> taps_;
    std::unique_ptr<NetlinkMirror> mirror_;
};

// MAC address of an interface in our own network namespace; nothing if there is none of that name.
[[nodiscard]] std::optional<MacAddress> interface_mac(const std::string& name);

// Throws std::runtime_error if NAT could choose a port that Linux may choose, too.
void check_port_ranges(const NatPortRange& nat);

}  // namespace heartgate::dataplane
