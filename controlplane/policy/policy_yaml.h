// SPDX-License-Identifier: Apache-2.0
// policy.yaml -> heartgate.v1.Policy, validated whole: either all of it is right, or one error says where it is not.
// What the rules mean for a packet is the dataplane's gate; what they mean for a person is policy/wan_rules.h.
#pragma once

#include <heartgate/v1/policy.pb.h>

#include <string>
#include <vector>

#include "controlplane/common/error.h"
#include "controlplane/policy/zones.h"

namespace heartgate::control {

struct ParsedPolicy {
    v1::Policy policy;                  // without a revision
    std::vector<std::string> warnings;  // right, but perhaps not what is wanted
};

// `file_name` is for messages only. `zones`: for the warnings. Errors: "FILE:LINE: KEY: found FOUND; allowed: ALLOWED".
[[nodiscard]] Expected<ParsedPolicy> parse_policy(const std::string& yaml, const std::string& file_name,
                                                  const Zones& zones = {});

}  // namespace heartgate::control
