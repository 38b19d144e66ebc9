// SPDX-License-Identifier: Apache-2.0
// Whether, by which rule and why an endpoint is cut off from the WAN: what its user and the administrator are told.
// Packets are decided by the dataplane's gate with the same table of conditions (contract/heartbeat_condition.h).
#pragma once

#include <heartgate/v1/policy.pb.h>

#include <cstdint>
#include <string>
#include <vector>

#include "controlplane/common/ip_network.h"
#include "controlplane/policy/zones.h"
#include "dataplane/contract/endpoint_word.h"
#include "dataplane/contract/heartbeat_condition.h"

namespace heartgate::control {

enum class CutOffCause : std::uint8_t {
    kNone,      // passes, as far as its health is concerned
    kIsolated,  // whatever the rules say
    kColour,    // below the rule's minimum
    kMissing,   // no heartbeat although traffic goes on
    kNoHeartbeat,
};

struct WanDecision {
    CutOffCause cause = CutOffCause::kNone;
    std::string rule;  // name of the rule whose condition failed

    [[nodiscard]] bool cut_off() const { return cause != CutOffCause::kNone; }
    friend bool operator==(const WanDecision&, const WanDecision&) = default;
};

// The rules from inside to the WAN of one policy.
class WanRules {
public:
    WanRules() = default;
    explicit WanRules(const v1::Policy& policy, const Zones& zones = {});

    // The first rule for these source addresses, down to the one that ends the search for all destinations and
    // services, whose source condition drops an endpoint in this state. Rules with action drop cut off nobody by
    // health. Without known addresses, rules for certain source networks do not count.
    [[nodiscard]] WanDecision decide(const contract::EndpointState& state,
                                     const std::vector<IpAddress>& addresses) const;

    [[nodiscard]] bool isolates(contract::Colour colour) const {
        return ((isolate_on_ >> static_cast<unsigned>(colour)) & 1U) != 0;
    }

private:
    struct Rule {
        std::string name;
        std::vector<IpNetwork> from;  // empty: any
        contract::HeartbeatCondition source;
        bool accept = false;
        bool ends_search = false;  // any destination, any service
    };
    std::vector<Rule> rules_;
    unsigned isolate_on_ = 1U << static_cast<unsigned>(contract::Colour::kRed);
};

}  // namespace heartgate::control
