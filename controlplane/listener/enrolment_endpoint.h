// SPDX-License-Identifier: Apache-2.0
// EnrolmentService: checks form and, for a renewal, the client's certificate and key; heartgated, which has the CA and
// the tokens, answers.
#pragma once

#include "controlplane/listener/rate_table.h"
#include "controlplane/listener/relay.h"
#include "controlplane/listener/trust_holder.h"
#include "heartgate/v1/enrolment.grpc.pb.h"

namespace heartgate::control::listener {

class EnrolmentEndpoint final : public v1::EnrolmentService::CallbackService {
public:
    EnrolmentEndpoint(Relay& relay, const TrustHolder& trust) : relay_(relay), trust_(trust) {}

    grpc::ServerUnaryReactor* Enrol(grpc::CallbackServerContext* context, const v1::EnrolRequest* request,
                                    v1::EnrolResponse* response) override;
    grpc::ServerUnaryReactor* Renew(grpc::CallbackServerContext* context, const v1::RenewRequest* request,
                                    v1::EnrolResponse* response) override;

private:
    grpc::ServerUnaryReactor* refuse(grpc::CallbackServerContext* context, grpc::StatusCode status, std::string cause,
                                     std::string message, std::string endpoint_id = {});
    grpc::ServerUnaryReactor* relay(grpc::CallbackServerContext* context, v1::EnrolmentCall call,
                                    v1::EnrolResponse* response);

    Relay& relay_;
    const TrustHolder& trust_;
    // Enrolments by source address, renewals by endpoint: each costs a signature, and the database a write.
    RateTable attempts_{{.per_second = 0.5, .burst = 20, .keys = 4096}};
};

}  // namespace heartgate::control::listener
