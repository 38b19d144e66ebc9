// SPDX-License-Identifier: Apache-2.0
// A flow as the protocol carries it.
#pragma once

#include <optional>
#include <string>

#include "dataplane/flow/flow_view.h"
#include "dataplane/packet/address.h"

namespace heartgate::v1 {
class Flow;
}

namespace heartgate::dataplane {

[[nodiscard]] v1::Flow flow_message(const FlowView& view);

// 4 or 16 bytes in network order; nothing otherwise.
[[nodiscard]] std::optional<IpAddress> address_from_wire(const std::string& bytes);

}  // namespace heartgate::dataplane
