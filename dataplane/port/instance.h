// SPDX-License-Identifier: Apache-2.0
// One instance per file prefix: what must be out of the way before EAL can start as its primary, and what an instance
// leaves behind when it ends.
#pragma once

#include <string>

namespace heartgate::dataplane {

// Where DPDK keeps the files of this prefix (root: /var/run/dpdk/PREFIX).
[[nodiscard]] std::string runtime_directory(const std::string& file_prefix);

// Call before rte_eal_init(), never after. Throws std::runtime_error with a sentence if another primary runs. Waits for
// secondaries of a dead primary, beside which no new one can start: they leave by themselves within 100 ms; one of ours
// (heartgated) that hangs is killed after half a second, another one is named in the error after two.
void claim_instance(const std::string& file_prefix);

// Removes the files of this prefix in the runtime directory and in /dev/hugepages, so that no secondary attaches to a
// primary that is gone. After EAL's end.
void remove_instance_files(const std::string& file_prefix) noexcept;

}  // namespace heartgate::dataplane
