// SPDX-License-Identifier: Apache-2.0
// Kinds of values that several parts of the configuration have: addresses, networks, names. All throw ConfigError.
#pragma once

#include <string>
#include <string_view>

#include "dataplane/config/yaml_reader.h"
#include "dataplane/packet/address_text.h"

namespace heartgate::dataplane {

[[nodiscard]] IpAddress read_ip(const YamlNode& node);
[[nodiscard]] IpPrefix read_prefix(const YamlNode& node);
[[nodiscard]] MacAddress read_mac(const YamlNode& node);  // unicast
// Letters and digits, and the bytes of `extra`.
[[nodiscard]] bool has_only(const std::string& text, std::string_view extra);

}  // namespace heartgate::dataplane
