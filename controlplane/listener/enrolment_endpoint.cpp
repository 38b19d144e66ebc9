// SPDX-License-Identifier: Apache-2.0
#include "controlplane/listener/enrolment_endpoint.h"

#include <fmt/format.h>
#include <grpcpp/server_context.h>

#include "controlplane/listener/heartbeat_check.h"
#include "controlplane/listener/session.h"
#include "controlplane/pki/certificate_authority.h"
#include "controlplane/pki/key.h"

namespace heartgate::control::listener {

namespace {

constexpr const char* kTooOften = "too many enrolments or renewals from here; try again in a minute";

// One IPv6 host has a whole /64 to choose its address from.
std::string source_of(const PeerAddress& peer) {
    return peer.bytes.size() == 16 ? peer.bytes.substr(0, 8) : peer.bytes;
}

}  // namespace

grpc::ServerUnaryReactor* EnrolmentEndpoint::refuse(grpc::CallbackServerContext* context, grpc::StatusCode status,
                                                    std::string cause, std::string message, std::string endpoint_id) {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status(status, message));
    relay_.refused(std::move(cause), std::move(message), parse_peer(context->peer()), std::move(endpoint_id));
    return reactor;
}

grpc::ServerUnaryReactor* EnrolmentEndpoint::relay(grpc::CallbackServerContext* context, v1::EnrolmentCall call,
                                                   v1::EnrolResponse* response) {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    call.set_peer_address(parse_peer(context->peer()).bytes);
    // Reactor and response live until Finish, which happens exactly once: here.
    relay_.enrolment(std::move(call), [reactor, response](const v1::EnrolmentAnswer& answer) {
        if (answer.status() != grpc::StatusCode::OK)
            return reactor->Finish(grpc::Status(static_cast<grpc::StatusCode>(answer.status()), answer.error()));
        *response = answer.response();
        reactor->Finish(grpc::Status::OK);
    });
    return reactor;
}

grpc::ServerUnaryReactor* EnrolmentEndpoint::Enrol(grpc::CallbackServerContext* context,
                                                   const v1::EnrolRequest* request, v1::EnrolResponse* response) {
    if (!attempts_.allow(source_of(parse_peer(context->peer())), monotonic_ns()))
        return refuse(context, grpc::StatusCode::RESOURCE_EXHAUSTED, "enrolment: too many attempts", kTooOften);
    if (auto problem = check_enrol(*request))
        return refuse(context, grpc::StatusCode::INVALID_ARGUMENT, "enrolment: " + problem->cause, problem->message);
    if (const auto key = pki::csr_key_fingerprint(request->csr_der()); !key)
        return refuse(context, grpc::StatusCode::INVALID_ARGUMENT, "enrolment: bad request", key.error().message);
    v1::EnrolmentCall call;
    *call.mutable_enrol() = *request;
    return relay(context, std::move(call), response);
}

grpc::ServerUnaryReactor* EnrolmentEndpoint::Renew(grpc::CallbackServerContext* context,
                                                   const v1::RenewRequest* request, v1::EnrolResponse* response) {
    const std::string leaf = peer_certificate(*context);
    const pki::ChainVerdict verdict = trust_.get()->verify(leaf, pki::unix_now_s());
    const std::string& id = verdict.identity.endpoint_id;
    if (verdict.result != pki::ChainResult::kOk) {
        const std::string cause(pki::to_string(verdict.result));
        return refuse(context, grpc::StatusCode::UNAUTHENTICATED, cause,
                      fmt::format("certificate: {}; enrol anew", cause), id);
    }
    if (!attempts_.allow(id, monotonic_ns()))
        return refuse(context, grpc::StatusCode::RESOURCE_EXHAUSTED, "renewal: too many attempts", kTooOften, id);
    if (auto problem = check_renew(*request))
        return refuse(context, grpc::StatusCode::INVALID_ARGUMENT, "renewal: " + problem->cause, problem->message, id);
    const auto key = pki::csr_key_fingerprint(request->csr_der());
    const auto own_key = pki::certificate_key_fingerprint(leaf);
    if (!key)
        return refuse(context, grpc::StatusCode::INVALID_ARGUMENT, "renewal: bad request", key.error().message, id);
    if (!own_key || *key != *own_key)
        return refuse(context, grpc::StatusCode::INVALID_ARGUMENT, "renewal: other key",
                      "csr_der: not signed by the key of the certificate; renew with the same key", id);
    v1::EnrolmentCall call;
    *call.mutable_renew() = *request;
    call.set_endpoint_id(id);
    call.set_serial(verdict.identity.serial);
    return relay(context, std::move(call), response);
}

}  // namespace heartgate::control::listener
