// SPDX-License-Identifier: Apache-2.0
// Start and end of DPDK's environment for this process, from the configuration.
#pragma once

#include <string>
#include <vector>

#include "dataplane/config/config.h"

namespace heartgate::dataplane {

// EAL's lcore id of a worker; the main lcore is 0.
[[nodiscard]] constexpr unsigned worker_lcore(unsigned worker) { return worker + 1; }

// The arguments for rte_eal_init(), the program's name first. Memory is reserved at start and never grows, since growth
// would wait for every secondary. Workers and the main lcore may share a CPU.
[[nodiscard]] std::vector<std::string> eal_arguments(const Config& config);

// Starts EAL as primary. The calling thread becomes the main lcore, but keeps its CPU affinity less the workers' CPUs,
// and so do threads that it starts later. Throws std::runtime_error: one sentence with what mends it. Before this the
// caller blocks the signals that only pollers may get (port/signals.h).
void start_eal(const Config& config);

}  // namespace heartgate::dataplane
