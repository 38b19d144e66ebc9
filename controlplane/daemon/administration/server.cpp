// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/administration/server.h"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>
#include <heartgate/v1/administration.grpc.pb.h>
#include <heartgate/v1/endpoint.grpc.pb.h>
#include <heartgate/v1/event.grpc.pb.h>
#include <heartgate/v1/flow.grpc.pb.h>
#include <heartgate/v1/observation.grpc.pb.h>
#include <heartgate/v1/policy.grpc.pb.h>
#include <heartgate/v1/statistics.grpc.pb.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>

#include "controlplane/daemon/administration/message_stream.h"
#include "controlplane/daemon/administration/unary.h"

namespace heartgate::control {
namespace {

constexpr int kMostRequestBytes = 2 << 20;  // a policy of 1 MiB and its envelope
constexpr std::chrono::milliseconds kShutdownPatience{500};

using Context = grpc::CallbackServerContext;
using Unary = grpc::ServerUnaryReactor;
using Backend = AdministrationBackend;

struct Place {
    boost::asio::io_context& loop;
    AdministrationBackend& backend;

    template <typename Request, typename Response, typename Method>
    Unary* call(Context* context, const Request* request, Response* response, Method method) const {
        return on_loop(loop, backend, context, request, response, method);
    }
};

class Endpoints : public v1::EndpointService::CallbackService {
public:
    explicit Endpoints(Place place) : place_{place} {}
    Unary* List(Context* context, const v1::ListEndpointsRequest* request,
                v1::ListEndpointsResponse* response) override {
        return place_.call(context, request, response, &Backend::list_endpoints);
    }
    Unary* Get(Context* context, const v1::GetEndpointRequest* request, v1::Endpoint* response) override {
        return place_.call(context, request, response, &Backend::get_endpoint);
    }
    Unary* Isolate(Context* context, const v1::IsolateRequest* request, v1::IsolateResponse* response) override {
        return place_.call(context, request, response, &Backend::isolate);
    }
    Unary* Release(Context* context, const v1::ReleaseRequest* request, v1::ReleaseResponse* response) override {
        return place_.call(context, request, response, &Backend::release);
    }
    Unary* Remove(Context* context, const v1::RemoveEndpointRequest* request,
                  v1::RemoveEndpointResponse* response) override {
        return place_.call(context, request, response, &Backend::remove);
    }

private:
    Place place_;
};

class Policies : public v1::PolicyService::CallbackService {
public:
    explicit Policies(Place place) : place_{place} {}
    Unary* Get(Context* context, const v1::GetPolicyRequest* request, v1::GetPolicyResponse* response) override {
        return place_.call(context, request, response, &Backend::get_policy);
    }
    Unary* Check(Context* context, const v1::CheckPolicyRequest* request, v1::CheckPolicyResponse* response) override {
        return place_.call(context, request, response, &Backend::check_policy);
    }
    Unary* Apply(Context* context, const v1::ApplyPolicyRequest* request, v1::ApplyPolicyResponse* response) override {
        return place_.call(context, request, response, &Backend::apply_policy);
    }

private:
    Place place_;
};

class StatisticsAnswers : public v1::StatisticsService::CallbackService {
public:
    explicit StatisticsAnswers(Place place) : place_{place} {}
    Unary* Get(Context* context, const v1::GetStatisticsRequest* request, v1::Statistics* response) override {
        return place_.call(context, request, response, &Backend::statistics);
    }

private:
    Place place_;
};

class Flows : public v1::FlowService::CallbackService {
public:
    explicit Flows(Place place) : place_{place} {}
    Unary* List(Context* context, const v1::ListFlowsRequest* request, v1::ListFlowsResponse* response) override {
        return place_.call(context, request, response, &Backend::list_flows);
    }
    Unary* Get(Context* context, const v1::GetFlowRequest* request, v1::Flow* response) override {
        return place_.call(context, request, response, &Backend::get_flow);
    }
    Unary* Count(Context* context, const v1::CountFlowsRequest* request, v1::CountFlowsResponse* response) override {
        return place_.call(context, request, response, &Backend::count_flows);
    }

private:
    Place place_;
};

class Observation : public v1::ObservationService::CallbackService {
public:
    explicit Observation(Place place) : place_{place} {}
    grpc::ServerWriteReactor<v1::DroppedPacket>* WatchDrops(Context* /*context*/,
                                                            const v1::WatchDropsRequest* request) override {
        return stream<v1::DroppedPacket>(*request, &Backend::watch_drops);
    }
    grpc::ServerWriteReactor<v1::CapturedPackets>* Capture(Context* /*context*/,
                                                           const v1::CaptureRequest* request) override {
        return stream<v1::CapturedPackets>(*request, &Backend::capture);
    }

private:
    template <typename Message, typename Request, typename Method>
    MessageStream<Message>* stream(const Request& request, Method method) {
        return new MessageStream<Message>{
            place_.loop, [&backend = place_.backend, request, method](Backend::Sink<Message> sink) -> Backend::Stop {
                return (backend.*method)(request, std::move(sink));
            }};
    }
    Place place_;
};

class Administration : public v1::AdministrationService::CallbackService {
public:
    explicit Administration(Place place) : place_{place} {}
    Unary* Status(Context* context, const v1::StatusRequest* request, v1::StatusResponse* response) override {
        return place_.call(context, request, response, &Backend::status);
    }
    Unary* CreateToken(Context* context, const v1::CreateTokenRequest* request,
                       v1::CreateTokenResponse* response) override {
        return place_.call(context, request, response, &Backend::create_token);
    }

private:
    Place place_;
};

class Events : public v1::EventService::CallbackService {
public:
    explicit Events(Place place) : place_{place} {}
    Unary* List(Context* context, const v1::ListEventsRequest* request, v1::ListEventsResponse* response) override {
        return place_.call(context, request, response, &Backend::list_events);
    }
    grpc::ServerWriteReactor<v1::Event>* Follow(Context* /*context*/, const v1::FollowEventsRequest* request) override {
        return new MessageStream<v1::Event>{
            place_.loop,
            [&backend = place_.backend, past = request->last()](const Backend::Sink<v1::Event>& sink) -> Backend::Stop {
                const std::uint64_t number = backend.follow_events(past, sink.message);
                return [&backend, number] { backend.unfollow_events(number); };
            }};
    }

private:
    Place place_;
};

}  // namespace

struct AdministrationServer::Parts {
    explicit Parts(Place place)
        : endpoints{place},
          policies{place},
          statistics{place},
          flows{place},
          observation{place},
          administration{place},
          events{place} {}

    Endpoints endpoints;
    Policies policies;
    StatisticsAnswers statistics;
    Flows flows;
    Observation observation;
    Administration administration;
    Events events;
    std::unique_ptr<grpc::Server> server;
};

AdministrationServer::AdministrationServer(std::unique_ptr<Parts> parts) : parts_{std::move(parts)} {}

AdministrationServer::~AdministrationServer() {
    parts_->server->Shutdown(std::chrono::system_clock::now() + kShutdownPatience);
    parts_->server->Wait();
}

Expected<std::unique_ptr<AdministrationServer>> AdministrationServer::listen(const std::string& path,
                                                                             boost::asio::io_context& loop,
                                                                             AdministrationBackend& backend) {
    auto parts = std::make_unique<Parts>(Place{loop, backend});
    ::unlink(path.c_str());
    grpc::ServerBuilder builder;
    builder.SetMaxReceiveMessageSize(kMostRequestBytes);
    builder.AddListeningPort("unix:" + path, grpc::InsecureServerCredentials());
    builder.RegisterService(&parts->endpoints);
    builder.RegisterService(&parts->policies);
    builder.RegisterService(&parts->statistics);
    builder.RegisterService(&parts->flows);
    builder.RegisterService(&parts->observation);
    builder.RegisterService(&parts->administration);
    builder.RegisterService(&parts->events);
    const mode_t mask = umask(0077);
    parts->server = builder.BuildAndStart();
    umask(mask);
    if (!parts->server) {
        return error(ErrorKind::kInternal, fmt::format("{}: cannot listen: does its directory exist, and may this "
                                                       "process write there?",
                                                       path));
    }
    return std::unique_ptr<AdministrationServer>{new AdministrationServer{std::move(parts)}};
}

}  // namespace heartgate::control
