// SPDX-License-Identifier: Apache-2.0
// What heartgated does with its own process: directories, locks for life, and starting anew.
#pragma once

#include <string>

#include "controlplane/common/error.h"

namespace heartgate::control {

// Makes the directory (and those above it, mode 0755) if it does not exist.
[[nodiscard]] Expected<void> make_directory(const std::string& path, unsigned mode);

// A lock that this process holds until it ends, however it ends. Waits a moment for a predecessor that is ending.
[[nodiscard]] Expected<void> lock_for_life(const std::string& path);

// Replaces the process image by the same program with the same arguments; every other descriptor is closed. Returns
// only if that fails.
void start_anew(char** arguments);

}  // namespace heartgate::control
