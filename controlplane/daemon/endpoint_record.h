// SPDX-License-Identifier: Apache-2.0
// Everything heartgated knows about one endpoint. Owned by EndpointRegistry, touched on the loop alone.
#pragma once

#include <heartgate/v1/endpoint.pb.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/health/endpoint_health.h"
#include "controlplane/policy/wan_rules.h"
#include "controlplane/store/store.h"
#include "dataplane/contract/endpoint_word.h"

namespace heartgate::control {

struct EndpointRecord {
    StoredEndpoint stored;
    EndpointHealth health;

    contract::EndpointState target;  // what follows from health, manual isolation and policy
    contract::EndpointState
        published;             // what the dataplane was told; behind `target` while a release waits for the disk
    std::uint64_t change = 0;  // number of the last change of `target`
    WanDecision decision;

    std::optional<IpAddress> peer;  // of the stream whose heartbeats count
    std::string zone;               // that its heartbeats come from; empty: not heard since the start
    std::string observed;           // peer and interfaces for which bindings were settled
    std::string alarm;              // the last one about its bindings, raised once
    std::string last_directive;     // serialised, as it was sent on the present stream

    [[nodiscard]] std::vector<IpAddress> addresses() const {
        std::vector<IpAddress> result;
        for (const StoredBinding& binding : stored.bindings) result.push_back(binding.address);
        return result;
    }
    // False in a routed zone, where the gateway sees the layer 3 switch's.
    [[nodiscard]] bool has_mac_at(const IpAddress& address) const {
        return std::none_of(stored.bindings.begin(), stored.bindings.end(), [&](const StoredBinding& binding) {
            return binding.address == address && binding.mac == kNoMac;
        });
    }
    [[nodiscard]] bool live() const {
        return health.stream() != 0 && health.presence() == contract::Presence::kConnected;
    }
    // Healthy machines should refuse its traffic.
    [[nodiscard]] bool sick() const {
        return decision.cause == CutOffCause::kIsolated || decision.cause == CutOffCause::kColour ||
               decision.cause == CutOffCause::kMissing;
    }
};

// As an administrator sees it.
[[nodiscard]] v1::Endpoint describe(const EndpointRecord& record);

}  // namespace heartgate::control
