// SPDX-License-Identifier: Apache-2.0
// A flow as people and programs see it: a copy, made by FlowTable for `hgctl flow`, and what one can ask for.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "dataplane/contract/drop_reason.h"
#include "dataplane/flow/flow_state.h"
#include "dataplane/policy/gate.h"
#include "dataplane/policy/network.h"

namespace heartgate::dataplane {

enum class FlowPhase : std::uint8_t { kNew, kEstablished, kClosing };
inline constexpr std::array<std::string_view, 3> kFlowPhaseNames{"new", "established", "closing"};

[[nodiscard]] constexpr FlowPhase phase_of(std::uint8_t protocol, std::uint8_t state) noexcept {
    if (protocol == IPPROTO_TCP && (state & (flow_state::kReset | flow_state::kFinBoth)) != 0) {
        return FlowPhase::kClosing;
    }
    return flow_state::settled(protocol, state) ? FlowPhase::kEstablished : FlowPhase::kNew;
}

// A record and its present life: nothing else has it while the flow lives.
struct FlowId {
    std::uint32_t record = 0;
    std::uint32_t created_ms = 0;
};

struct FlowView {
    FlowId id;
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

    [[nodiscard]] FlowPhase phase() const noexcept { return phase_of(question.protocol, state); }
    [[nodiscard]] bool dropping() const noexcept { return reason != contract::DropReason::kNone; }
};

// All that is set must be true of a flow.
struct FlowFilter {
    std::optional<Network> source;
    std::optional<Network> destination;
    std::optional<Network> address;         // source, destination or translated
    std::optional<std::uint32_t> endpoint;  // source's or destination's
    std::optional<std::uint8_t> protocol;
    std::optional<std::uint16_t> port;  // source's, destination's or translated
    std::optional<FlowPhase> phase;
    std::optional<std::uint32_t> rule;
    std::optional<bool> dropping;

    [[nodiscard]] bool matches(const FlowView& flow) const noexcept;
};

}  // namespace heartgate::dataplane
