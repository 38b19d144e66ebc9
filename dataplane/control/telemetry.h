// SPDX-License-Identifier: Apache-2.0
// Heartgate's numbers on DPDK's telemetry socket (/var/run/dpdk/PREFIX/dpdk_telemetry.v2), beside those of DPDK itself:
// /heartgate/workers, /heartgate/drops, /heartgate/flows, /heartgate/latency. Ask with dpdk-telemetry.py -f PREFIX.
#pragma once

#include "dataplane/control/tables.h"
#include "dataplane/control/workers.h"

namespace heartgate::dataplane {

// Answers while it lives, on a thread of DPDK; one at a time in a process, since DPDK gives its callbacks no argument.
class Telemetry {
public:
    // Throws std::runtime_error.
    Telemetry(const Tables& tables, const Workers& workers);
    ~Telemetry();
    Telemetry(const Telemetry&) = delete;
    Telemetry& operator=(const Telemetry&) = delete;
};

}  // namespace heartgate::dataplane
