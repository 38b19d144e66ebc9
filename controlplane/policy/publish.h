// SPDX-License-Identifier: Apache-2.0
// The list of published services of a policy file.
#pragma once

#include <heartgate/v1/policy.pb.h>

#include <string>
#include <vector>

#include "controlplane/common/yaml_reader.h"
#include "controlplane/policy/definitions.h"
#include "controlplane/policy/zones.h"

namespace heartgate::control {

// Reads `publish` into the policy, whose rules are there already. Returns warnings: services that no rule lets in.
// Throws YamlError.
std::vector<std::string> read_publish(const YamlNode& node, const Definitions& names, const Zones& zones,
                                      v1::Policy& policy);

}  // namespace heartgate::control
