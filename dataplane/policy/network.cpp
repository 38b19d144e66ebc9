// SPDX-License-Identifier: Apache-2.0
#include "dataplane/policy/network.h"

#include <string>

#include "dataplane/packet/address_text.h"

namespace heartgate::dataplane {

std::optional<Network> Network::parse(const std::string& text) {
    if (const auto prefix = parse_prefix(text)) return Network{prefix->address, prefix->length};
    if (const auto address = parse_ip(text)) return Network{*address, address->is_ipv4() ? 32U : 128U};
    return std::nullopt;
}

}  // namespace heartgate::dataplane
