// SPDX-License-Identifier: Apache-2.0
// HeartbeatService: one Session per stream. Runs on gRPC's threads: checks certificate, size, form and rate of what
// comes, passes heartbeats to the relay and writes the directives that it is given.
#pragma once

#include <grpcpp/server_context.h>
#include <grpcpp/support/byte_buffer.h>

#include "controlplane/listener/rate_table.h"
#include "controlplane/listener/relay.h"
#include "controlplane/listener/trust_holder.h"
#include "heartgate/v1/heartbeat.grpc.pb.h"

namespace heartgate::control::listener {

// Raw messages, so that an oversized or malformed one is seen, counted and answered with its reason.
class HeartbeatEndpoint final
    : public v1::HeartbeatService::WithRawCallbackMethod_Session<v1::HeartbeatService::Service> {
public:
    HeartbeatEndpoint(Relay& relay, const TrustHolder& trust) : relay_(relay), trust_(trust) {}

    grpc::ServerBidiReactor<grpc::ByteBuffer, grpc::ByteBuffer>* Session(grpc::CallbackServerContext* context) override;

private:
    Relay& relay_;
    const TrustHolder& trust_;
    // By endpoint, whatever number of streams it opens. Heartbeats come at most every 100 ms, and at once on a change:
    // bursts are allowed, floods are not.
    RateTable heartbeats_{{.per_second = 20, .burst = 40, .keys = 100'000}};
};

// The client certificate of a connection, PEM; empty if there was none.
std::string peer_certificate(const grpc::ServerContextBase& context);

}  // namespace heartgate::control::listener
