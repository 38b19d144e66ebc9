// SPDX-License-Identifier: Apache-2.0
// A flow as people and programs see it: a copy, made by FlowTable::snapshot() for `hgctl flow list`.
#pragma once

#include <cstdint>
#include <optional>

#include "dataplane/contract/drop_reason.h"
#include "dataplane/flow/flow_state.h"
#include "dataplane/policy/gate.h"

namespace heartgate::dataplane {

struct FlowFilter {
    std::optional<IpAddress> address;       // source or destination
    std::optional<std::uint32_t> endpoint;  // source's or destination's
    std::optional<std::uint8_t> protocol;
};

struct FlowView {
    Question question;  // the initiator's original tuple and both endpoints
    std::uint16_t vlan = 0;
    bool translated = false;
    std::uint32_t nat_address = 0;  // network order
    std::uint16_t nat_port = 0;     // host order
    contract::DropReason reason = contract::DropReason::kNone;
    std::uint32_t rule = 0;
    std::uint8_t state = 0;  // flow_state bits
    std::uint32_t age_ms = 0;
    std::uint32_t idle_ms = 0;
    std::uint32_t expires_ms = 0;  // time left if it stays silent
    std::uint16_t worker = 0;
};

}  // namespace heartgate::dataplane
