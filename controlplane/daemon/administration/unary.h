// SPDX-License-Identifier: Apache-2.0
// One unary call: posted to the loop, answered from there.
#pragma once

#include <grpcpp/grpcpp.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <utility>

#include "controlplane/daemon/administration/backend.h"
#include "controlplane/daemon/grpc_status.h"

namespace heartgate::control {

[[nodiscard]] inline grpc::Status to_status(const Error& problem) {
    return {static_cast<grpc::StatusCode>(status_code(problem.kind)), problem.message};
}

// The request and the response live until Finish().
template <typename Request, typename Response>
grpc::ServerUnaryReactor* on_loop(boost::asio::io_context& loop, AdministrationBackend& backend,
                                  grpc::CallbackServerContext* context, const Request* request, Response* response,
                                  void (AdministrationBackend::*method)(const Request&,
                                                                        std::function<void(Expected<Response>)>)) {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    boost::asio::post(loop, [&backend, request, response, reactor, method] {
        (backend.*method)(*request, [response, reactor](Expected<Response> result) {
            if (result) *response = std::move(*result);
            reactor->Finish(result ? grpc::Status::OK : to_status(result.error()));
        });
    });
    return reactor;
}

}  // namespace heartgate::control
