// SPDX-License-Identifier: Apache-2.0
// hgctl's commands against real gRPC services on a UNIX socket, whose answers the test decides.
#include <google/protobuf/util/json_util.h>
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <fstream>
#include <sstream>

#include "controlplane/cli/commands.h"
#include "heartgate/v1/administration.grpc.pb.h"
#include "heartgate/v1/endpoint.grpc.pb.h"
#include "heartgate/v1/event.grpc.pb.h"
#include "heartgate/v1/flow.grpc.pb.h"
#include "heartgate/v1/observation.grpc.pb.h"
#include "heartgate/v1/policy.grpc.pb.h"
#include "tests/unit/pki/temporary_directory.h"

using namespace heartgate;                // NOLINT(google-build-using-namespace)
using namespace heartgate::control::cli;  // NOLINT(google-build-using-namespace)
using Catch::Contains;

namespace {

v1::Endpoint sick_endpoint() {
    v1::Endpoint endpoint;
    endpoint.set_id("0b4f2f4e-4d5a-4c39-9a53-0c2a1f0e8d11");
    endpoint.set_host("DESKTOP-SJAJN20");
    endpoint.set_user("anna\x1b[31m");
    endpoint.set_colour(v1::YELLOW);
    endpoint.set_presence(v1::CONNECTED);
    endpoint.set_cut_off(true);
    v1::Reason* reason = endpoint.add_reasons();
    reason->set_code(v1::MALWARE_DETECTED);
    reason->set_finding("Eicar-Test-Signature");
    reason->set_path("/home/anna/eicar.com");
    v1::Binding* binding = endpoint.add_bindings();
    binding->set_mac(std::string("\x02\x00\x00\x00\x00\x01", 6));
    binding->set_address(std::string("\x0A\x0A\x00\x14", 4));
    return endpoint;
}

class Endpoints final : public v1::EndpointService::Service {
public:
    grpc::Status List(grpc::ServerContext*, const v1::ListEndpointsRequest* request,
                      v1::ListEndpointsResponse* reply) override {
        list = *request;
        *reply->add_endpoints() = sick_endpoint();
        return grpc::Status::OK;
    }
    grpc::Status Get(grpc::ServerContext*, const v1::GetEndpointRequest* request, v1::Endpoint* reply) override {
        if (request->endpoint() != "DESKTOP-SJAJN20")
            return {grpc::StatusCode::NOT_FOUND, "no endpoint has this name or id; see hgctl endpoint list"};
        *reply = sick_endpoint();
        return grpc::Status::OK;
    }
    grpc::Status Isolate(grpc::ServerContext*, const v1::IsolateRequest* request, v1::IsolateResponse* reply) override {
        isolate = *request;
        *reply->mutable_endpoint() = sick_endpoint();
        reply->set_applied(applied);
        reply->set_applied_after_us(42);
        return grpc::Status::OK;
    }
    grpc::Status Remove(grpc::ServerContext*, const v1::RemoveEndpointRequest* request,
                        v1::RemoveEndpointResponse* reply) override {
        remove = *request;
        if (!request->force()) return {grpc::StatusCode::FAILED_PRECONDITION, "it is isolated; --force"};
        *reply->mutable_endpoint() = sick_endpoint();
        reply->set_applied(true);
        return grpc::Status::OK;
    }
    v1::RemoveEndpointRequest remove;
    v1::ListEndpointsRequest list;
    v1::IsolateRequest isolate;
    bool applied = true;
};

class Policies final : public v1::PolicyService::Service {
public:
    grpc::Status Get(grpc::ServerContext*, const v1::GetPolicyRequest*, v1::GetPolicyResponse* reply) override {
        reply->mutable_policy()->set_revision(4);
        reply->set_wanted_revision(5);
        reply->set_refusal("too many rules");
        return grpc::Status::OK;
    }
    grpc::Status Check(grpc::ServerContext*, const v1::CheckPolicyRequest* request,
                       v1::CheckPolicyResponse* reply) override {
        if (request->yaml() != "rules: []\n")
            return {grpc::StatusCode::INVALID_ARGUMENT,
                    request->file_name() + ":1: rules: found a text; allowed: a list"};
        reply->add_warnings("machines without heartbeat pass rule 1");
        return grpc::Status::OK;
    }
};

class Administration final : public v1::AdministrationService::Service {
    grpc::Status Status(grpc::ServerContext*, const v1::StatusRequest*, v1::StatusResponse* reply) override {
        reply->set_policy_revision(4);
        reply->set_policy_wanted_revision(5);
        reply->set_policy_refusal("too many rules");
        return grpc::Status::OK;
    }
    grpc::Status CreateToken(grpc::ServerContext*, const v1::CreateTokenRequest* request,
                             v1::CreateTokenResponse* reply) override {
        reply->set_token("hgt1.aa." + std::to_string(request->uses()) + "." + std::to_string(request->valid_s()));
        return grpc::Status::OK;
    }
};

class Flows final : public v1::FlowService::Service {
public:
    grpc::Status List(grpc::ServerContext*, const v1::ListFlowsRequest* request,
                      v1::ListFlowsResponse* reply) override {
        list = *request;
        if (!attached) return {grpc::StatusCode::UNAVAILABLE, "no dataplane is attached; start heartgate-dataplane"};
        *reply->add_flows() = one();
        reply->set_truncated(true);
        return grpc::Status::OK;
    }
    grpc::Status Get(grpc::ServerContext*, const v1::GetFlowRequest* request, v1::Flow* reply) override {
        if (request->id() != "3b00000001") return {grpc::StatusCode::NOT_FOUND, "there is no flow: it has ended"};
        *reply = one();
        return grpc::Status::OK;
    }
    grpc::Status Count(grpc::ServerContext*, const v1::CountFlowsRequest* request,
                       v1::CountFlowsResponse* reply) override {
        count = *request;
        reply->set_flows(12);
        v1::FlowGroup& group = *reply->add_groups();
        group.set_protocol(17);
        group.set_state("established");
        group.set_flows(12);
        group.set_dropping(3);
        return grpc::Status::OK;
    }

    v1::ListFlowsRequest list;
    v1::CountFlowsRequest count;
    bool attached = true;

private:
    static v1::Flow one() {
        v1::Flow flow;
        flow.set_id("3b00000001");
        flow.set_protocol(6);
        flow.set_source(std::string("\x0A\x0A\x00\x14", 4));
        flow.set_source_port(40'000);
        flow.set_destination(std::string("\xC6\x12\x00\x01", 4));
        flow.set_destination_port(443);
        flow.set_from_zone("lan");
        flow.set_to_zone("wan");
        flow.set_state("established");
        flow.set_source_host("adserver");
        flow.set_dropping(true);
        flow.set_drop_reason("source-heartbeat");
        return flow;
    }
};

class Observation final : public v1::ObservationService::Service {
public:
    grpc::Status WatchDrops(grpc::ServerContext*, const v1::WatchDropsRequest* request,
                            grpc::ServerWriter<v1::DroppedPacket>* writer) override {
        watch = *request;
        v1::DroppedPacket packet;
        packet.set_unix_ns(1'700'000'000'123'456'000);
        packet.set_reason("source-heartbeat");
        packet.set_zone("lan");
        packet.set_length(74);
        packet.set_source_mac(std::string("\x02\x00\x00\x00\x00\x01", 6));
        packet.set_ether_type(0x0800);
        packet.set_protocol(6);
        packet.set_source(std::string("\x0A\x0A\x00\x14", 4));
        packet.set_source_port(40'000);
        packet.set_destination(std::string("\xC6\x12\x00\x01", 4));
        packet.set_destination_port(443);
        packet.set_source_host("adserver");
        for (std::uint64_t lost : {0U, 12U}) {
            packet.set_lost(lost);
            writer->Write(packet);
        }
        return grpc::Status::OK;
    }
    grpc::Status Capture(grpc::ServerContext*, const v1::CaptureRequest* request,
                         grpc::ServerWriter<v1::CapturedPackets>* writer) override {
        capture = *request;
        v1::CapturedPackets piece;
        piece.set_packets(2);
        for (const auto* part : {"first ", "second"}) {
            piece.set_pcapng(part);
            piece.set_lost(piece.lost() + 3);
            writer->Write(piece);
        }
        return grpc::Status::OK;
    }
    v1::WatchDropsRequest watch;
    v1::CaptureRequest capture;
};

class Events final : public v1::EventService::Service {
    grpc::Status Follow(grpc::ServerContext*, const v1::FollowEventsRequest* request,
                        grpc::ServerWriter<v1::Event>* writer) override {
        for (std::uint32_t i = 1; i <= request->last(); ++i) {
            v1::Event event;
            event.set_id(i);
            event.set_kind(v1::ISOLATED);
            event.set_host("adserver");
            event.set_text("isolated by hand");
            writer->Write(event);
        }
        return {grpc::StatusCode::RESOURCE_EXHAUSTED, "the reader was too slow; begin again"};
    }
};

struct Result {
    int code = 0;
    std::string out;
    std::string err;
};

class Gateway {
public:
    Gateway() {
        grpc::ServerBuilder builder;
        builder.AddListeningPort("unix:" + socket(), grpc::InsecureServerCredentials());
        builder.RegisterService(&endpoints);
        builder.RegisterService(&policies);
        builder.RegisterService(&administration_);
        builder.RegisterService(&flows);
        builder.RegisterService(&observation);
        builder.RegisterService(&events_);
        server_ = builder.BuildAndStart();
        REQUIRE(server_);
    }
    std::string socket() const { return (directory.path() / "hgctl.sock").string(); }

    testing::TemporaryDirectory directory;
    Endpoints endpoints;
    Policies policies;
    Flows flows;
    Observation observation;

private:
    Administration administration_;
    Events events_;
    std::unique_ptr<grpc::Server> server_;
};

Result hgctl(const std::string& socket, std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"hgctl", "--socket", socket});
    std::vector<const char*> pointers;
    for (const std::string& argument : arguments) pointers.push_back(argument.c_str());
    std::ostringstream out;
    std::ostringstream err;
    const int code = run(static_cast<int>(pointers.size()), pointers.data(), out, err, false);
    return {code, out.str(), err.str()};
}

}  // namespace

TEST_CASE("endpoint list shows who is how, cleaned") {
    const Gateway gateway;
    const auto result = hgctl(gateway.socket(), {"endpoint", "list"});
    CHECK(result.code == kOk);
    for (const auto* part : {"DESKTOP-SJAJN20", "YELLOW", "CONNECTED", "cut off", "10.10.0.20", "02:00:00:00:00:01",
                             "MALWARE_DETECTED", "anna[31m"})
        CHECK_THAT(result.out, Contains(part));
    CHECK_THAT(result.out, !Contains("\x1b"));
    CHECK(result.err.empty());
}

TEST_CASE("a policy that the dataplane refuses is shown beside the running one") {
    const Gateway gateway;
    for (const auto* noun : {"status", "policy"}) {
        const auto result = noun == std::string("status") ? hgctl(gateway.socket(), {"status"})
                                                          : hgctl(gateway.socket(), {"policy", "show"});
        CHECK(result.code == kOk);
        CHECK_THAT(result.out, Contains("revision 5, wanted but not in force"));
        CHECK_THAT(result.out, Contains("too many rules"));
        CHECK_THAT(result.out, Contains("4"));
    }
}

TEST_CASE("endpoint remove asks first, needs force for a held one, and says who removes") {
    const Gateway gateway;
    const std::vector<std::string> plain{"endpoint", "remove", "DESKTOP-SJAJN20"};
    CHECK(hgctl(gateway.socket(), plain).code != kOk);  // nobody answers the question
    CHECK(gateway.endpoints.remove.endpoint().empty());
    const auto refused = hgctl(gateway.socket(), {"endpoint", "remove", "DESKTOP-SJAJN20", "--yes"});
    CHECK(refused.code == kFailed);
    CHECK_THAT(refused.err, Contains("--force"));
    const auto removed = hgctl(gateway.socket(), {"endpoint", "remove", "DESKTOP-SJAJN20", "--yes", "--force"});
    CHECK(removed.code == kOk);
    CHECK_THAT(removed.out, Contains("its certificate is revoked"));
    CHECK_FALSE(gateway.endpoints.remove.by().empty());
}

TEST_CASE("endpoint list passes its filters on") {
    const Gateway gateway;
    CHECK(
        hgctl(gateway.socket(), {"endpoint", "list", "--health", "YELLOW,RED", "--presence", "NONE", "--name", "desk"})
            .code == kOk);
    REQUIRE(gateway.endpoints.list.colours_size() == 2);
    CHECK(gateway.endpoints.list.colours(1) == v1::RED);
    CHECK(gateway.endpoints.list.presences(0) == v1::PRESENCE_NONE);
    CHECK(gateway.endpoints.list.name_contains() == "desk");
    CHECK(hgctl(gateway.socket(), {"endpoint", "list", "--health", "PURPLE"}).code == kUsage);
}

TEST_CASE("the JSON output is the reply, with the names of the contract and every field") {
    const Gateway gateway;
    const auto result = hgctl(gateway.socket(), {"endpoint", "list", "--output", "json"});
    v1::ListEndpointsResponse reply;
    REQUIRE(google::protobuf::util::JsonStringToMessage(result.out, &reply).ok());
    CHECK(reply.endpoints(0).SerializeAsString() == sick_endpoint().SerializeAsString());
    CHECK_THAT(result.out, Contains("\"last_heartbeat_unix_ms\"") && Contains("\"isolated\": false"));
    CHECK_THAT(result.out, !Contains("\x1b"));
}

TEST_CASE("an unknown endpoint has an exit code of its own") {
    const Gateway gateway;
    const auto result = hgctl(gateway.socket(), {"endpoint", "show", "nobody"});
    CHECK(result.code == kNotFound);
    CHECK(result.out.empty());
    CHECK_THAT(result.err, Contains("nobody") && Contains("hgctl endpoint list"));
    CHECK(hgctl(gateway.socket(), {"endpoint", "show", "DESKTOP-SJAJN20"}).code == kOk);
}

TEST_CASE("isolate needs a reason, and tells whether the dataplane has applied it") {
    Gateway gateway;
    CHECK(hgctl(gateway.socket(), {"endpoint", "isolate", "adserver"}).code == kUsage);
    const auto done = hgctl(gateway.socket(), {"endpoint", "isolate", "adserver", "--reason", "ticket 4711"});
    CHECK(done.code == kOk);
    CHECK_THAT(done.out, Contains("42 us"));
    CHECK(gateway.endpoints.isolate.endpoint() == "adserver");
    CHECK(gateway.endpoints.isolate.reason() == "ticket 4711");
    gateway.endpoints.applied = false;
    const auto stored = hgctl(gateway.socket(), {"endpoint", "isolate", "adserver", "--reason", "ticket 4711"});
    CHECK(stored.code == kNotApplied);
    CHECK_THAT(stored.err, Contains("hgctl status"));
}

TEST_CASE("policy check gives the gateway's words about the file") {
    const Gateway gateway;
    const auto file = (gateway.directory.path() / "policy.yaml").string();
    std::ofstream(file) << "rules: []\n";
    const auto good = hgctl(gateway.socket(), {"policy", "check", file});
    CHECK(good.code == kOk);
    CHECK_THAT(good.err, Contains("without heartbeat"));
    std::ofstream(file) << "rules: yes\n";
    const auto bad = hgctl(gateway.socket(), {"policy", "check", file});
    CHECK(bad.code == kInvalid);
    CHECK_THAT(bad.err, Contains(file + ":1: rules"));
    const auto missing = hgctl(gateway.socket(), {"policy", "check", "/nonexistent"});
    CHECK(missing.code == kFailed);
    CHECK_THAT(missing.err, Contains("/nonexistent") && Contains("No such file"));
}

TEST_CASE("token create gives the token alone on the standard output") {
    const Gateway gateway;
    const auto result = hgctl(gateway.socket(), {"token", "create", "--uses", "3", "--valid", "2h"});
    CHECK(result.code == kOk);
    CHECK(result.out == "hgt1.aa.3.7200\n");
    CHECK(hgctl(gateway.socket(), {"token", "create"}).out == "hgt1.aa.1.86400\n");
    CHECK(hgctl(gateway.socket(), {"token", "create", "--valid", "31d"}).code == kUsage);
    CHECK(hgctl(gateway.socket(), {"token", "create", "--uses", "0"}).code == kUsage);
}

TEST_CASE("event follow prints as it comes and says why it ended") {
    const Gateway gateway;
    const auto result = hgctl(gateway.socket(), {"event", "follow", "--last", "2", "--output", "json"});
    CHECK(result.code == kFailed);
    CHECK_THAT(result.err, Contains("too slow"));
    std::istringstream lines(result.out);
    std::string line;
    int count = 0;
    while (std::getline(lines, line)) {
        v1::Event event;
        REQUIRE(google::protobuf::util::JsonStringToMessage(line, &event).ok());
        CHECK(event.id() == static_cast<std::uint64_t>(++count));
    }
    CHECK(count == 2);
    CHECK_THAT(hgctl(gateway.socket(), {"event", "follow", "--last", "1"}).out, Contains("adserver: isolated by hand"));
}

TEST_CASE("flow list sends its filters and shows verdict and reason") {
    const Gateway gateway;
    const auto result =
        hgctl(gateway.socket(),
              {"flow",       "list",        "--endpoint",    "adserver",   "--source",  "10.10.0.0/24", "--destination",
               "198.18.0.1", "--address",   "2001:db8::/32", "--protocol", "TCP",       "--port",       "443",
               "--state",    "established", "--rule",        "internet",   "--verdict", "dropped",      "--limit",
               "7"});
    CHECK(result.code == kOk);
    const v1::FlowFilter& filter = gateway.flows.list.filter();
    CHECK(gateway.flows.list.limit() == 7);
    CHECK(filter.endpoint() == "adserver");
    CHECK(filter.source() == "10.10.0.0/24");
    CHECK(filter.destination() == "198.18.0.1");
    CHECK(filter.address() == "2001:db8::/32");
    CHECK(filter.protocol() == 6);
    CHECK(filter.port() == 443);
    CHECK(filter.state() == "established");
    CHECK(filter.rule() == "internet");
    CHECK(filter.verdict() == "dropped");
    for (const auto* part : {"3b00000001", "tcp", "10.10.0.20:40000", "198.18.0.1:443", "dropped: source-heartbeat"})
        CHECK_THAT(result.out, Contains(part));
    CHECK_THAT(result.err, Contains("more flows"));
}

TEST_CASE("a flow filter that cannot be is refused before anyone is asked") {
    for (const std::vector<std::string>& wrong : std::vector<std::vector<std::string>>{{"--source", "nowhere"},
                                                                                       {"--destination", "10.0.0.1/24"},
                                                                                       {"--protocol", "0"},
                                                                                       {"--protocol", "sctp"},
                                                                                       {"--port", "65536"},
                                                                                       {"--state", "half-open"},
                                                                                       {"--verdict", "drop"},
                                                                                       {"--limit", "0"}}) {
        std::vector<std::string> command{"flow", "list"};
        command.insert(command.end(), wrong.begin(), wrong.end());
        CHECK(hgctl("/x", command).code == kUsage);
    }
}

TEST_CASE("flow show names both sides; a flow that has ended is not found") {
    const Gateway gateway;
    const auto one = hgctl(gateway.socket(), {"flow", "show", "3b00000001"});
    CHECK(one.code == kOk);
    CHECK_THAT(one.out, Contains("10.10.0.20:40000 on lan, adserver") && Contains("198.18.0.1:443 on wan\n"));
    CHECK(hgctl(gateway.socket(), {"flow", "show", "3b00000002"}).code == kNotFound);
}

TEST_CASE("flow count takes the same filters and adds up") {
    const Gateway gateway;
    const auto result = hgctl(gateway.socket(), {"flow", "count", "--protocol", "udp"});
    CHECK(result.code == kOk);
    CHECK(gateway.flows.count.filter().protocol() == 17);
    CHECK_THAT(result.out, Contains("udp") && Contains("established") && Contains("12") && Contains("3"));
}

TEST_CASE("drop watch shows each packet with its reason and says what it left out") {
    const Gateway gateway;
    const auto result =
        hgctl(gateway.socket(), {"drop", "watch", "--reason", "source-heartbeat", "--reason", "rule-drop", "--source",
                                 "10.10.0.0/24", "--protocol", "tcp", "--rate", "50"});
    CHECK(result.code == kOk);
    CHECK_THAT(result.out, Contains("source-heartbeat") && Contains("tcp") && Contains("10.10.0.20:40000 (adserver)") &&
                               Contains("198.18.0.1:443") && Contains("74 bytes") && Contains("02:00:00:00:00:01") &&
                               Contains(".123456") && Contains("... 12 more, not shown"));
    CHECK(gateway.observation.watch.reasons_size() == 2);
    CHECK(gateway.observation.watch.per_second() == 50);
    CHECK(gateway.observation.watch.filter().instructions_size() > 4);

    const auto one = hgctl(gateway.socket(), {"drop", "watch", "--count", "1", "--output", "json"});
    CHECK(one.code == kOk);
    CHECK(std::count(one.out.begin(), one.out.end(), '\n') == 1);
    CHECK(gateway.observation.watch.filter().instructions_size() == 0);
}

TEST_CASE("capture writes the file as it comes and says how much is in it") {
    const Gateway gateway;
    const auto file = (gateway.directory.path() / "capture.pcapng").string();
    const auto result =
        hgctl(gateway.socket(), {"capture", "--filter", "host 10.10.0.20 and tcp", "--write", file, "--at", "drop",
                                 "--count", "4", "--seconds", "9", "--snap-length", "96"});
    CHECK(result.code == kOk);
    std::ifstream written(file);
    CHECK(std::string(std::istreambuf_iterator<char>(written), {}) == "first second");
    CHECK_THAT(result.err, Contains("4 packets in " + file) && Contains("6 lost"));
    const v1::CaptureRequest& request = gateway.observation.capture;
    CHECK(request.points_size() == 1);
    CHECK(request.count() == 4);
    CHECK(request.seconds() == 9);
    CHECK(request.snap_length() == 96);
    CHECK(request.filter().instructions_size() > 4);

    const auto wrong = hgctl("/x", {"capture", "--filter", "hosst 10.10.0.20", "--write", file});
    CHECK(wrong.code == kUsage);
    CHECK_THAT(wrong.err, Contains("hosst") && Contains("pcap-filter(7)"));
    CHECK(hgctl(gateway.socket(), {"capture", "--write", "/nonexistent/file"}).code == kFailed);
    CHECK(hgctl("/x", {"capture"}).code == kUsage);
}

TEST_CASE("no heartgated and no dataplane are told apart in words") {
    Gateway gateway;
    gateway.flows.attached = false;
    const auto dataplane = hgctl(gateway.socket(), {"flow", "list"});
    CHECK(dataplane.code == kUnreachable);
    CHECK_THAT(dataplane.err, Contains("start heartgate-dataplane"));
    const auto daemon = hgctl("/nonexistent/hgctl.sock", {"status"});
    CHECK(daemon.code == kUnreachable);
    CHECK_THAT(daemon.err, Contains("/nonexistent/hgctl.sock") && Contains("start heartgated"));
}

TEST_CASE("wrong usage says what was wrong; help is no error") {
    const auto unknown = hgctl("/x", {"endpoint", "expel"});
    CHECK(unknown.code == kUsage);
    CHECK_THAT(unknown.err, Contains("expel"));
    const auto help = hgctl("/x", {"endpoint", "isolate", "--help"});
    CHECK(help.code == kOk);
    CHECK_THAT(help.out, Contains("Example: hgctl endpoint isolate"));
    CHECK(hgctl("/x", {"--help"}).code == kOk);
    CHECK(hgctl("/x", {"flow", "list", "--address", "nowhere"}).code == kUsage);
}
