// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/grpc/grpc_enrolment.h"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include "controlplane/agent/core/server_handshake.h"
#include "controlplane/agent/core/text.h"
#include "controlplane/agent/grpc/channel.h"
#include "heartgate/v1/enrolment.grpc.pb.h"

namespace heartgate::control::agent {
namespace {

constexpr int kHandshakeSeconds = 5;
constexpr std::chrono::seconds kCallWithin{10};

Error to_error(const grpc::Status& status) {
    ErrorKind kind = ErrorKind::kUnavailable;
    if (status.error_code() == grpc::StatusCode::UNAUTHENTICATED) kind = ErrorKind::kUnauthenticated;
    if (status.error_code() == grpc::StatusCode::INVALID_ARGUMENT) kind = ErrorKind::kInvalidArgument;
    return {kind, printable_text(status.error_message())};
}

template <typename Request, typename Method>
Expected<v1::EnrolResponse> call(const Gateway& gateway, const Identity& identity, const Request& request,
                                 Method method) {
    v1::EnrolmentService::Stub stub{make_channel(gateway, identity)};
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + kCallWithin);
    v1::EnrolResponse response;
    const grpc::Status status = (stub.*method)(&context, request, &response);
    if (!status.ok()) return tl::unexpected{to_error(status)};
    return response;
}

}  // namespace

Expected<std::string> GrpcEnrolment::server_chain(const Gateway& gateway) {
    return fetch_server_chain(gateway, kHandshakeSeconds);
}

Expected<v1::EnrolResponse> GrpcEnrolment::enrol(const Gateway& gateway, const std::string& ca_pem,
                                                 const v1::EnrolRequest& request) {
    return call(gateway, {"", "", ca_pem}, request, &v1::EnrolmentService::Stub::Enrol);
}

Expected<v1::EnrolResponse> GrpcEnrolment::renew(const Gateway& gateway, const Identity& identity,
                                                 const v1::RenewRequest& request) {
    return call(gateway, identity, request, &v1::EnrolmentService::Stub::Renew);
}

}  // namespace heartgate::control::agent
