// SPDX-License-Identifier: Apache-2.0
// The names that a policy's rules may use for services and networks: those that everybody knows, and its own.
#pragma once

#include <heartgate/v1/policy.pb.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/common/yaml_reader.h"

namespace heartgate::control {

inline constexpr std::string_view kNetworkForms =
    "an IPv4 or IPv6 network such as 10.0.0.0/24 (no bits set behind the prefix), one address, or a name under "
    "networks";

// Functions throw YamlError.
class Definitions {
public:
    Definitions();  // the well-known services alone

    // A policy's own: mappings of a name to a list, whose entries may be names that stand above it. Names are 1 to 31
    // of a-z, 0-9, - and _, begin with a letter, and are not taken.
    void read_services(const YamlNode& node);
    void read_networks(const YamlNode& node);

    // One entry: any, PROTOCOL, tcp/PORT, udp/FROM-TO and the like, or a name. Protocol 0 is any.
    [[nodiscard]] std::vector<v1::Service> services(const YamlNode& entry) const;
    // One entry: a network, an address, or a name. In CIDR form.
    [[nodiscard]] std::vector<std::string> networks(const YamlNode& entry) const;

private:
    std::map<std::string, std::vector<v1::Service>, std::less<>> services_;
    std::map<std::string, std::vector<std::string>, std::less<>> networks_;
};

}  // namespace heartgate::control
