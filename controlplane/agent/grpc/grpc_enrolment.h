// SPDX-License-Identifier: Apache-2.0
// Enrolment and renewal over gRPC; blocking, for a command or a thread of their own.
#pragma once

#include "controlplane/agent/core/identity.h"

namespace heartgate::control::agent {

class GrpcEnrolment final : public EnrolmentTransport {
public:
    Expected<std::string> server_chain(const Gateway& gateway) override;
    Expected<v1::EnrolResponse> enrol(const Gateway& gateway, const std::string& ca_pem,
                                      const v1::EnrolRequest& request) override;
    Expected<v1::EnrolResponse> renew(const Gateway& gateway, const Identity& identity,
                                      const v1::RenewRequest& request) override;
};

}  // namespace heartgate::control::agent
