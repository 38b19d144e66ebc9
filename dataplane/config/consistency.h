// SPDX-License-Identifier: Apache-2.0
// What can only be judged once a configuration is read whole: keys that contradict each other, or the machine.
#pragma once

#include "dataplane/config/config.h"
#include "dataplane/config/machine.h"
#include "dataplane/config/yaml_reader.h"

namespace heartgate::dataplane {

// `root` is what `config` was read from, for the lines of errors. Throws ConfigError.
void check_consistency(const YamlNode& root, const Config& config, const Machine& machine);

}  // namespace heartgate::dataplane
