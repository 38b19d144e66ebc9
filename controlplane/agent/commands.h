// SPDX-License-Identifier: Apache-2.0
// The sub-commands of heartgate-agent. Each gives the exit status: 0 well, 1 failed (the reason is on stderr).
#pragma once

#include <string>

#include "controlplane/agent/core/config.h"

namespace heartgate::control::agent {

int run_command(const Config& config);
// Whether a run would find what the configuration names; a clamd that does not answer is only a warning, since a run
// waits for it.
int check_command(const Config& config);
// One of the two is given; the file "-" is standard input.
int enrol_command(const Config& config, const std::string& token, const std::string& token_file);
int status_command(const Config& config, bool json);
int rescan_command(const Config& config);
// 0: nothing found, 1: something found or not everything could be read.
int scan_command(const Config& config, const std::string& path);

}  // namespace heartgate::control::agent
