// SPDX-License-Identifier: Apache-2.0
#include "dataplane/config/machine.h"

#include <unistd.h>

#include <fstream>

namespace heartgate::dataplane {

Machine this_machine() {
    Machine machine;
    const long cpus = sysconf(_SC_NPROCESSORS_ONLN);
    if (cpus > 0) machine.cpus = static_cast<std::uint32_t>(cpus);
    NatPortRange ports;
    if (std::ifstream file{"/proc/sys/net/ipv4/ip_local_port_range"}; file >> ports.first >> ports.last) {
        machine.local_ports = ports;
    }
    return machine;
}

}  // namespace heartgate::dataplane
