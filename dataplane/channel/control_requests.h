// SPDX-License-Identifier: Apache-2.0
// What heartgated asks through the UNIX socket, answered on the control thread: attach, policy, and the queries.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "dataplane/channel/control_server.h"
#include "dataplane/channel/flow_queries.h"
#include "dataplane/channel/observations.h"
#include "dataplane/channel/producer.h"

namespace heartgate::v1 {
class AttachReply;
class AttachRequest;
class EndpointActivityReply;
class EndpointActivityRequest;
class LoadPolicyReply;
class LoadPolicyRequest;
class Policy;
class Statistics;
class TakeAlarmsReply;
}  // namespace heartgate::v1

namespace heartgate::dataplane {

class EndpointActivity;
class EndpointTable;
class FlowTable;
class Gate;
class HealthConsumer;
class Quiescence;
class SharedMemory;
class ZoneTable;

struct ControlRequestsDependencies {
    SharedMemory& memory;
    HealthConsumer& health;
    EndpointTable& endpoints;
    EndpointActivity& activity;
    FlowTable& flows;
    Gate& gate;
    Quiescence& quiescence;
    const ZoneTable& zones;
    Observers& observers;
    unsigned workers = 1;
    unsigned flow_reader = 0;                          // a number of Quiescence that no worker has
    std::function<void(v1::Statistics&)> statistics;   // adds ports, workers and drops
    std::function<void(v1::TakeAlarmsReply&)> alarms;  // since the last call
};

class ControlRequests final : public ControlServer::Handler {
public:
    explicit ControlRequests(ControlRequestsDependencies dependencies);

    [[nodiscard]] v1::DataplaneReply answer(const v1::DataplaneRequest& request, std::uint64_t connection) override;
    void closed(std::uint64_t connection) override;

    // Compiles and swaps; returns once no worker uses the old one. Empty, or what is wrong with the policy, in which
    // case the running one stays in force.
    [[nodiscard]] std::string load(const v1::Policy& policy);

    // For the control loop, each second or so: once per minute forgets old activity, and returns what the administrator
    // must know of that minute, as a sentence for the log; mostly empty. `now_ms` of the monotonic clock.
    [[nodiscard]] std::string keep(std::uint64_t now_ms);

private:
    [[nodiscard]] std::string attach(const v1::AttachRequest& request, std::uint64_t connection,
                                     v1::AttachReply& reply);
    [[nodiscard]] std::string load_policy(const v1::LoadPolicyRequest& request, v1::LoadPolicyReply& reply);
    // What stands in the way of this policy; empty: nothing.
    [[nodiscard]] std::string check(const v1::Policy& policy) const;
    void fill_statistics(v1::Statistics& reply) const;
    void activity(const v1::EndpointActivityRequest& request, v1::EndpointActivityReply& reply) const;

    ControlRequestsDependencies dependencies_;
    FlowQueries flows_;
    Observations observations_;
    Producer producer_;
    std::optional<std::uint64_t> kept_;  // when keep() last did something
    std::uint64_t failed_binds_ = 0;     // of which keep() has told
};

}  // namespace heartgate::dataplane
