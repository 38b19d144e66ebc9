// SPDX-License-Identifier: Apache-2.0
// What the workers read and share: one of each, made from the configuration before any worker starts.
#pragma once

#include "dataplane/channel/health_consumer.h"
#include "dataplane/channel/shared_memory.h"
#include "dataplane/concurrent/quiescence.h"
#include "dataplane/config/config.h"
#include "dataplane/endpoint/activity.h"
#include "dataplane/endpoint/binding_table.h"
#include "dataplane/endpoint/endpoint_table.h"
#include "dataplane/flow/flow_table.h"
#include "dataplane/fragment/fragment_tracker.h"
#include "dataplane/observe/observers.h"
#include "dataplane/policy/gate.h"
#include "dataplane/port/zone_table.h"
#include "dataplane/route/route_table.h"

namespace heartgate::dataplane {

struct Tables {
    // Throws std::runtime_error: one sentence, also where memory is short.
    explicit Tables(const Config& config);

    // A number of `quiescence` for the control thread, which reads flows.
    [[nodiscard]] unsigned flow_reader() const noexcept { return workers; }

    const unsigned workers;
    const ZoneTable zones;
    Quiescence quiescence;
    SharedMemory memory;
    EndpointTable endpoints;
    EndpointActivity activity;
    BindingTable bindings;
    RouteTable routes;
    FlowTable flows;
    FragmentTracker fragments;
    Observers observers{quiescence};
    Gate gate;
    HealthConsumer health;
    const std::vector<Untranslated> untranslated;
};

}  // namespace heartgate::dataplane
