// SPDX-License-Identifier: Apache-2.0
// Which of the mounted file systems hold files of this machine.
#pragma once

#include <string>
#include <vector>

namespace heartgate::control::agent {

// Mount points of file systems that can be written to and whose data is here: no kernel interfaces, no network shares.
[[nodiscard]] std::vector<std::string> local_mounts(const std::string& mountinfo_path = "/proc/thread-self/mountinfo");

}  // namespace heartgate::control::agent
