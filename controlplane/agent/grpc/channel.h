// SPDX-License-Identifier: Apache-2.0
// Channels to a gateway: TLS with the CA of the enrolment as only root, keep-alive and limits.
#pragma once

#include <grpcpp/channel.h>

#include <memory>
#include <string>

#include "controlplane/agent/core/identity.h"

namespace heartgate::control::agent {

// With identity.certificate_pem empty no certificate is shown. The server's certificate has to be for servers and from
// identity.ca_pem; its names are not compared, since a gateway is found on the path and not by name.
[[nodiscard]] std::shared_ptr<grpc::Channel> make_channel(const Gateway& gateway, const Identity& identity);

// gRPC's own messages become debug messages of ours: what matters comes back as a status. For the whole process.
void route_grpc_log();

}  // namespace heartgate::control::agent
