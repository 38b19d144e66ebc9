// SPDX-License-Identifier: Apache-2.0
// heartgated --check-config: what a start would find wrong on this machine, without touching anything.
#pragma once

#include <string>
#include <vector>

#include "controlplane/common/error.h"
#include "controlplane/daemon/configuration.h"

namespace heartgate::control {

// The configuration of this file, the group that it names, the policy file and what stands where the state is to be
// kept. One line for each thing that is right.
[[nodiscard]] Expected<std::vector<std::string>> check_start(const std::string& file);

}  // namespace heartgate::control
