// SPDX-License-Identifier: Apache-2.0
// The dataplane's rings and shared state, mapped as a DPDK secondary process. Uses rings and memzones alone: no ports,
// no hash tables, and never rte_eal_cleanup(), which could stop the primary's NIC.
#pragma once

#include <memory>
#include <string>

#include "controlplane/common/error.h"
#include "controlplane/daemon/message_ring.h"

namespace heartgate::control {

// Whether a primary with this file prefix runs. Needs no attachment.
[[nodiscard]] bool primary_alive(const std::string& file_prefix);

// Attaches; takes 40 ms of CPU time, on a busy machine seconds: not for the loop's thread. Only once in the life of a
// process, also if it fails: EAL cannot be initialised twice, so that the next attempt needs a new process image. The
// thread that calls it gets its CPU affinity back.
[[nodiscard]] Expected<std::unique_ptr<MessageRings>> attach_to_primary(const std::string& file_prefix);

}  // namespace heartgate::control
