// SPDX-License-Identifier: Apache-2.0
// What the administration services ask of the daemon. Every function runs on the loop, and answers there, at once or
// later; the services turn gRPC calls into these and nothing else.
#pragma once

#include <heartgate/v1/administration.pb.h>
#include <heartgate/v1/endpoint.pb.h>
#include <heartgate/v1/event.pb.h>
#include <heartgate/v1/flow.pb.h>
#include <heartgate/v1/observation.pb.h>
#include <heartgate/v1/policy.pb.h>
#include <heartgate/v1/statistics.pb.h>

#include <functional>

#include "controlplane/common/error.h"

namespace heartgate::control {

class AdministrationBackend {
public:
    template <typename Response>
    using Answer = std::function<void(Expected<Response>)>;

    // Where things go as they happen, until `end`: called once, by either side of a call.
    template <typename Message>
    struct Sink {
        std::function<void(const Message&)> message;
        std::function<void(const Expected<void>&)> end;
        std::function<std::size_t()> waiting;  // messages that were not sent yet
    };
    using Stop = std::function<void()>;

    virtual ~AdministrationBackend() = default;

    virtual void list_endpoints(const v1::ListEndpointsRequest&, Answer<v1::ListEndpointsResponse>) = 0;
    virtual void get_endpoint(const v1::GetEndpointRequest&, Answer<v1::Endpoint>) = 0;
    virtual void isolate(const v1::IsolateRequest&, Answer<v1::IsolateResponse>) = 0;
    virtual void release(const v1::ReleaseRequest&, Answer<v1::ReleaseResponse>) = 0;
    virtual void remove(const v1::RemoveEndpointRequest&, Answer<v1::RemoveEndpointResponse>) = 0;

    virtual void get_policy(const v1::GetPolicyRequest&, Answer<v1::GetPolicyResponse>) = 0;
    virtual void check_policy(const v1::CheckPolicyRequest&, Answer<v1::CheckPolicyResponse>) = 0;
    virtual void apply_policy(const v1::ApplyPolicyRequest&, Answer<v1::ApplyPolicyResponse>) = 0;

    virtual void statistics(const v1::GetStatisticsRequest&, Answer<v1::Statistics>) = 0;

    virtual void list_flows(const v1::ListFlowsRequest&, Answer<v1::ListFlowsResponse>) = 0;
    virtual void get_flow(const v1::GetFlowRequest&, Answer<v1::Flow>) = 0;
    virtual void count_flows(const v1::CountFlowsRequest&, Answer<v1::CountFlowsResponse>) = 0;

    // Both give back what ends them; empty where they have ended already.
    virtual Stop watch_drops(const v1::WatchDropsRequest&, const Sink<v1::DroppedPacket>&) = 0;
    virtual Stop capture(const v1::CaptureRequest&, const Sink<v1::CapturedPackets>&) = 0;

    virtual void status(const v1::StatusRequest&, Answer<v1::StatusResponse>) = 0;
    virtual void create_token(const v1::CreateTokenRequest&, Answer<v1::CreateTokenResponse>) = 0;

    virtual void list_events(const v1::ListEventsRequest&, Answer<v1::ListEventsResponse>) = 0;
    // `past`: how many past events come first. The number ends it.
    virtual std::uint64_t follow_events(std::uint32_t past, std::function<void(const v1::Event&)> follower) = 0;
    virtual void unfollow_events(std::uint64_t number) = 0;
};

}  // namespace heartgate::control
