// SPDX-License-Identifier: Apache-2.0
// The policy of a dataplane that runs without heartgated, from a file.
#pragma once

#include <string>

namespace heartgate::v1 {
class Policy;
}

namespace heartgate::dataplane {

// A heartgate.v1.Policy in protobuf's text format. Throws std::runtime_error that names file and line.
void read_policy(const std::string& path, v1::Policy& policy);

}  // namespace heartgate::dataplane
