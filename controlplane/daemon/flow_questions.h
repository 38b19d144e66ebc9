// SPDX-License-Identifier: Apache-2.0
// What administrators ask about flows: names become the dataplane's numbers, the dataplane filters, and its numbers
// become names again.
#pragma once

#include <heartgate/v1/flow.pb.h>

#include "controlplane/daemon/administration/backend.h"
#include "controlplane/daemon/dataplane_link.h"
#include "controlplane/daemon/endpoint_registry.h"
#include "controlplane/daemon/policy_keeper.h"

namespace heartgate::control {

class FlowQuestions {
public:
    template <typename Response>
    using Answer = AdministrationBackend::Answer<Response>;

    FlowQuestions(DataplaneLink& dataplane, EndpointRegistry& registry, PolicyKeeper& policy)
        : dataplane_{dataplane}, registry_{registry}, policy_{policy} {}

    void list(const v1::ListFlowsRequest& request, const Answer<v1::ListFlowsResponse>& answer);
    void get(const v1::GetFlowRequest& request, const Answer<v1::Flow>& answer);
    void count(const v1::CountFlowsRequest& request, const Answer<v1::CountFlowsResponse>& answer);

private:
    // Checks it, and puts numbers in place of names.
    [[nodiscard]] Expected<void> translate(v1::FlowFilter& filter) const;
    void name(v1::Flow& flow) const;

    DataplaneLink& dataplane_;
    EndpointRegistry& registry_;
    PolicyKeeper& policy_;
};

}  // namespace heartgate::control
