// SPDX-License-Identifier: Apache-2.0
// Flows and what is asked about them, as the protocol carries them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <tl/expected.hpp>

#include "dataplane/flow/flow_view.h"

namespace heartgate::v1 {
class Flow;
class FlowFilter;
}  // namespace heartgate::v1

namespace heartgate::dataplane {

class ZoneTable;

// 4 or 16 bytes in network order.
[[nodiscard]] std::string to_wire(const IpAddress& address);

[[nodiscard]] v1::Flow flow_message(const FlowView& view, const ZoneTable& zones);

// Or a sentence with what is wrong and what is allowed. The names of endpoint and rule are heartgated's: not looked at.
[[nodiscard]] tl::expected<FlowFilter, std::string> flow_filter(const v1::FlowFilter& message);

// Hexadecimal digits.
[[nodiscard]] std::string to_text(FlowId id);
[[nodiscard]] std::optional<FlowId> parse_flow_id(std::string_view text);

}  // namespace heartgate::dataplane
