// SPDX-License-Identifier: Apache-2.0
// The UNIX socket as heartgated meets it: frames, refusals, one producer, policy and queries.
#include <fmt/format.h>
#include <openssl/sha.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <chrono>
#include <filesystem>
#include <string>
#include <thread>

#include "dataplane/channel/control_requests.h"
#include "dataplane/channel/control_server.h"
#include "dataplane/channel/frame.h"
#include "dataplane/channel/health_consumer.h"
#include "dataplane/concurrent/clock.h"
#include "dataplane/endpoint/activity.h"
#include "dataplane/flow/flow_table.h"
#include "dataplane/packet/address_text.h"
#include "heartgate/v1/dataplane.pb.h"
#include "heartgate/v1/policy.pb.h"
#include "tests/packet/verdict/eal.h"
#include "tests/zones.h"

using namespace heartgate;
using namespace heartgate::dataplane;

namespace {

std::string sha256(const std::string& bytes) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
    return {digest.begin(), digest.end()};
}

// Blocking, with a time limit on every read.
class Client {
public:
    explicit Client(const std::string& path) : socket_{socket(AF_UNIX, SOCK_STREAM, 0)} {
        const timeval limit{.tv_sec = 10, .tv_usec = 0};
        setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
        sockaddr_un address{};
        address.sun_family = AF_UNIX;
        path.copy(address.sun_path, sizeof(address.sun_path) - 1);
        REQUIRE(connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    }
    ~Client() { close(socket_); }
    Client(const Client&) = delete;
    Client& operator=(const Client&) = delete;

    void send_bytes(const std::string& bytes) const {
        REQUIRE(send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
    }
    void send_frame(const std::string& payload) const {
        const FrameHeader header = frame_header(static_cast<std::uint32_t>(payload.size()));
        send_bytes(std::string{header.begin(), header.end()} + payload);
    }
    [[nodiscard]] v1::DataplaneReply receive() const {
        FrameHeader header{};
        REQUIRE(recv(socket_, header.data(), header.size(), MSG_WAITALL) == static_cast<ssize_t>(header.size()));
        std::string payload(frame_length(header), '\0');
        REQUIRE(recv(socket_, payload.data(), payload.size(), MSG_WAITALL) == static_cast<ssize_t>(payload.size()));
        v1::DataplaneReply reply;
        REQUIRE(reply.ParseFromString(payload));
        return reply;
    }
    [[nodiscard]] v1::DataplaneReply ask(const v1::DataplaneRequest& request) const {
        send_frame(request.SerializeAsString());
        return receive();
    }
    [[nodiscard]] v1::DataplaneReply attach(std::uint32_t version = contract::kContractVersion) const {
        v1::DataplaneRequest request;
        request.mutable_attach()->set_contract_version(version);
        return ask(request);
    }
    [[nodiscard]] bool is_closed() const {
        char byte = 0;
        return recv(socket_, &byte, 1, 0) == 0;
    }

private:
    int socket_;
};

struct Eal {
    Eal() { start_eal(); }
};

std::filesystem::path temporary_folder() {
    std::string pattern = std::filesystem::temp_directory_path() / "heartgate-channel-XXXXXX";
    REQUIRE(mkdtemp(pattern.data()) != nullptr);
    return pattern;
}

FlowTableOptions flow_options() {
    FlowTableOptions options;
    options.ipv4_flows = 1024;
    options.ipv6_flows = 1024;
    return options;
}

struct Fixture : Eal {
    Quiescence quiescence{2};
    SharedMemory memory{1024};
    EndpointTable endpoints{1024};
    EndpointActivity activity{1024};
    BindingTable bindings{1024, quiescence};
    FlowTable flows{flow_options(), quiescence};
    Gate gate{endpoints};
    const ZoneTable zones = test::zones();
    HealthConsumer health{memory, endpoints, bindings, gate, quiescence};
    Observers observers{quiescence};
    ControlRequests requests{{.memory = memory,
                              .health = health,
                              .endpoints = endpoints,
                              .activity = activity,
                              .flows = flows,
                              .gate = gate,
                              .quiescence = quiescence,
                              .zones = zones,
                              .observers = observers,
                              .workers = 1,
                              .flow_reader = 1,
                              .statistics = [](v1::Statistics& reply) { reply.add_workers()->set_lcore(3); },
                              .alarms = [](v1::TakeAlarmsReply& reply) { reply.add_alarms()->set_text("spoof"); }}};
    std::filesystem::path folder = temporary_folder();
    std::string path = folder / "run" / "dataplane.sock";
    boost::asio::io_context loop;
    std::unique_ptr<ControlServer> server = std::make_unique<ControlServer>(loop, path, requests);
    std::thread thread{[this] { loop.run(); }};

    ~Fixture() {
        loop.stop();
        thread.join();
        server.reset();
        std::filesystem::remove_all(folder);
    }

    [[nodiscard]] static v1::DataplaneRequest policy_request(const v1::Policy& policy) {
        v1::DataplaneRequest request;
        request.mutable_load_policy()->set_policy(policy.SerializeAsString());
        request.mutable_load_policy()->set_sha256(sha256(request.load_policy().policy()));
        return request;
    }
};

v1::Policy accept_all() {
    v1::Policy policy;
    v1::Rule& rule = *policy.add_rules();
    rule.set_id(1);
    rule.set_name("all");
    rule.set_action(v1::ACCEPT);
    return policy;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "the socket is for its owner alone and goes with the server") {
    struct stat status {};
    REQUIRE(stat(path.c_str(), &status) == 0);
    CHECK((status.st_mode & 0777U) == 0600);
    loop.stop();
    thread.join();
    server.reset();
    CHECK_FALSE(std::filesystem::exists(path));
    loop.restart();
    thread = std::thread{[this] { loop.run(); }};
}

TEST_CASE_METHOD(Fixture, "a socket left behind is replaced, a file is not") {
    const std::string stale = folder / "stale.sock";
    const int old = socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    stale.copy(address.sun_path, sizeof(address.sun_path) - 1);
    REQUIRE(bind(old, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0);
    close(old);
    boost::asio::io_context other;
    CHECK_NOTHROW(ControlServer{other, stale, requests});
    const std::string file = folder / "file";
    std::filesystem::create_directory(file);
    CHECK_THROWS_WITH(ControlServer(other, file, requests), Catch::Contains(file) && Catch::Contains("in use"));
}

TEST_CASE_METHOD(Fixture, "an attached producer gets its incarnation and what it must know") {
    const Client client{path};
    const v1::DataplaneReply reply = client.attach();
    CHECK(reply.error().empty());
    CHECK(reply.attach().incarnation() != 0);
    CHECK_FALSE(reply.attach().forwarding());
    REQUIRE(reply.attach().zones_size() == 5);
    CHECK(reply.attach().zones(0).name() == "lan");
    CHECK(reply.attach().zones(0).role() == v1::ZONE_ROLE_ATTACHED);
    CHECK(reply.attach().zones(0).interface() == "hg-lan");
    CHECK(reply.attach().zones(1).role() == v1::ZONE_ROLE_WAN);
    CHECK(reply.attach().zones(4).role() == v1::ZONE_ROLE_ROUTED);
    CHECK(reply.attach().endpoint_capacity() == 1024);
    health.poll();
    CHECK(memory.state().incarnation.load() == reply.attach().incarnation());
}

TEST_CASE_METHOD(Fixture, "a second producer is refused while the first lives, and gets another incarnation after it") {
    std::uint64_t first = 0;
    const Client second{path};
    {
        const Client client{path};
        first = client.attach().attach().incarnation();
        CHECK(second.attach().error() == "another heartgated is attached; stop it first");
    }
    v1::DataplaneReply reply = second.attach();
    // The server may read the second's request before it sees the first's end.
    for (unsigned attempt = 0; attempt < 1000 && !reply.error().empty(); ++attempt) reply = second.attach();
    CHECK(reply.error().empty());
    CHECK(reply.attach().incarnation() != first);
}

TEST_CASE_METHOD(Fixture, "a producer of another contract version is refused") {
    const Client client{path};
    CHECK(client.attach(contract::kContractVersion + 1).error() ==
          fmt::format("contract version {}, this dataplane has {}; use the same version of both programs",
                      contract::kContractVersion + 1, contract::kContractVersion));
    CHECK(client.attach().error().empty());
}

TEST_CASE_METHOD(Fixture, "an oversized frame closes the connection after a reply that says why") {
    const Client client{path};
    client.send_bytes("\x7f\xff\xff\xff");
    CHECK(client.receive().error() == "frame of 2147483647 bytes; allowed: at most 67108864");
    CHECK(client.is_closed());
    CHECK(Client{path}.attach().error().empty());
}

TEST_CASE_METHOD(Fixture, "a frame that is no request closes the connection after a reply that says why") {
    const Client client{path};
    client.send_frame("\xff\xff\xff");
    CHECK(client.receive().error() == "not a heartgate.v1.DataplaneRequest");
    CHECK(client.is_closed());
}

TEST_CASE_METHOD(Fixture, "an empty request is answered, and the connection goes on") {
    const Client client{path};
    client.send_frame("");
    CHECK_THAT(client.receive().error(), Catch::Contains("empty or unknown"));
    CHECK(client.attach().error().empty());
}

TEST_CASE_METHOD(Fixture, "requests that arrive in pieces or together are each answered") {
    const Client client{path};
    v1::DataplaneRequest request;
    request.mutable_statistics();
    const std::string payload = request.SerializeAsString();
    const FrameHeader header = frame_header(static_cast<std::uint32_t>(payload.size()));
    const std::string frame = std::string{header.begin(), header.end()} + payload;
    client.send_bytes(frame.substr(0, 3));
    client.send_bytes(frame.substr(3) + frame);
    CHECK(client.receive().has_statistics());
    CHECK(client.receive().has_statistics());
}

TEST_CASE_METHOD(Fixture, "connections beyond the limit are closed, the others go on") {
    std::vector<std::unique_ptr<Client>> clients;
    for (std::size_t i = 0; i < ControlServer::kMostConnections; ++i) {
        clients.push_back(std::make_unique<Client>(path));
        REQUIRE(clients.back()->ask(v1::DataplaneRequest{}).error() != "");
    }
    CHECK(Client{path}.is_closed());
    CHECK(clients.front()->attach().error().empty());
}

TEST_CASE_METHOD(Fixture, "a policy is loaded as a whole or refused as a whole") {
    const Client client{path};
    const std::uint32_t before = gate.policy_epoch();
    const v1::DataplaneReply loaded = client.ask(policy_request(accept_all()));
    CHECK(loaded.error().empty());
    CHECK(loaded.load_policy().epoch() != before);
    const std::uint32_t epoch = gate.policy_epoch();

    v1::DataplaneRequest damaged = policy_request(accept_all());
    damaged.mutable_load_policy()->mutable_policy()->push_back('\0');
    CHECK(client.ask(damaged).error() == "the policy does not have the SHA-256 sum given with it");

    v1::Policy wrong = accept_all();
    wrong.mutable_rules(0)->add_to_networks("300.0.0.0/8");
    CHECK_THAT(client.ask(policy_request(wrong)).error(), Catch::Contains("300.0.0.0/8"));

    v1::DataplaneRequest garbage;
    garbage.mutable_load_policy()->set_policy("\xff\xff");
    garbage.mutable_load_policy()->set_sha256(sha256("\xff\xff"));
    CHECK(client.ask(garbage).error() == "the policy is not a heartgate.v1.Policy");
    CHECK(gate.policy_epoch() == epoch);
}

TEST_CASE_METHOD(Fixture, "a policy that is only checked is built, and the one in force stays") {
    const Client client{path};
    CHECK(client.ask(policy_request(accept_all())).error().empty());
    const std::uint32_t epoch = gate.policy_epoch();

    v1::DataplaneRequest check = policy_request(accept_all());
    check.mutable_load_policy()->set_only_check(true);
    const v1::DataplaneReply checked = client.ask(check);
    CHECK(checked.error().empty());
    CHECK(checked.load_policy().epoch() == epoch);
    CHECK(gate.policy_epoch() == epoch);

    v1::Policy wrong = accept_all();
    wrong.mutable_rules(0)->add_to_networks("300.0.0.0/8");
    v1::DataplaneRequest refused = policy_request(wrong);
    refused.mutable_load_policy()->set_only_check(true);
    CHECK_THAT(client.ask(refused).error(), Catch::Contains("300.0.0.0/8"));
}

TEST_CASE_METHOD(Fixture, "statistics have the table, the latency and what the program adds") {
    endpoints.touch(3);
    memory.state().latency[7].store(98);
    memory.state().latency[10].store(2);
    memory.state().latency_maximum_us.store(900);
    v1::DataplaneRequest request;
    request.mutable_statistics();
    const v1::Statistics statistics = Client{path}.ask(request).statistics();
    CHECK(statistics.workers(0).lcore() == 3);
    CHECK(statistics.flow_table().capacity() == flows.capacity());
    CHECK(statistics.generation() == endpoints.generation());
    CHECK(statistics.isolation_latency().p50_us() == 128);
    CHECK(statistics.isolation_latency().p99_us() == 900);
    CHECK(statistics.isolation_latency().maximum_us() == 900);
}

TEST_CASE_METHOD(Fixture, "flows are listed with their states, filtered and limited") {
    quiescence.online(0);
    for (const std::string source : {"10.20.0.5", "10.20.0.6", "10.20.0.7"}) {
        NewFlow flow;
        flow.question.from = test::kLanZone;
        flow.question.to = test::kWanZone;
        flow.question.protocol = IPPROTO_UDP;
        flow.question.source = *parse_ip(source);
        flow.question.destination = *parse_ip("198.18.0.1");
        flow.question.source_port = 1000;
        flow.question.destination_port = 53;
        flow.decision.verdict.reason = contract::DropReason::kNone;
        flow.decision.verdict.rule = 4;
        REQUIRE(flows.insert(flow, 0, monotonic_ms()).inserted);
    }
    quiescence.quiescent(0);
    const Client client{path};
    v1::DataplaneRequest request;
    request.mutable_list_flows();
    CHECK(client.ask(request).list_flows().flows_size() == 3);

    request.mutable_list_flows()->set_limit(2);
    CHECK(client.ask(request).list_flows().flows_size() == 2);
    CHECK(client.ask(request).list_flows().truncated());

    request.mutable_list_flows()->mutable_filter()->set_source("10.20.0.6/32");
    const v1::ListFlowsResponse one = client.ask(request).list_flows();
    REQUIRE(one.flows_size() == 1);
    CHECK_FALSE(one.truncated());
    CHECK(one.flows(0).destination() == std::string{"\xc6\x12\x00\x01", 4});
    CHECK(one.flows(0).destination_port() == 53);
    CHECK(one.flows(0).rule() == 4);
    CHECK(one.flows(0).state() == "new");
    CHECK(one.flows(0).from_zone() == "lan");

    request.mutable_list_flows()->mutable_filter()->set_source("abc");
    CHECK_THAT(client.ask(request).error(), Catch::Contains("source 'abc'"));
    request.mutable_list_flows()->clear_filter();
    request.mutable_list_flows()->set_limit(1'000'000);
    CHECK(client.ask(request).error() == "limit 1000000; allowed: at most 100000");

    request.mutable_get_flow()->set_id(one.flows(0).id());
    CHECK(client.ask(request).get_flow().flow().source() == one.flows(0).source());
    request.mutable_get_flow()->set_id("ffffffffffffffff");
    CHECK_FALSE(client.ask(request).get_flow().has_flow());
    request.mutable_get_flow()->set_id("one");
    CHECK_THAT(client.ask(request).error(), Catch::Contains("'one'"));

    request.mutable_count_flows()->mutable_filter()->set_source("10.20.0.6/31");
    const v1::CountFlowsResponse count = client.ask(request).count_flows();
    CHECK(count.flows() == 2);
    REQUIRE(count.groups_size() == 1);
    CHECK(count.groups(0).protocol() == IPPROTO_UDP);
    CHECK(count.groups(0).state() == "new");
    CHECK(count.groups(0).flows() == 2);
    CHECK(count.groups(0).dropping() == 0);
}

TEST_CASE_METHOD(Fixture, "alarms are handed to whom asks") {
    v1::DataplaneRequest request;
    request.mutable_take_alarms();
    const v1::TakeAlarmsReply reply = Client{path}.ask(request).take_alarms();
    REQUIRE(reply.alarms_size() == 1);
    CHECK(reply.alarms(0).text() == "spoof");
}

namespace {

// A frame without a pool, of 60 bytes.
struct LooseFrame {
    LooseFrame() {
        bytes[12] = 0x08;  // IPv4
        bytes[14] = 0x45;
        bytes[26] = 10;
        bytes[29] = 7;
        mbuf.buf_addr = bytes.data();
        mbuf.data_len = static_cast<std::uint16_t>(bytes.size());
        mbuf.pkt_len = mbuf.data_len;
        mbuf.nb_segs = 1;
    }
    std::array<std::uint8_t, 60> bytes{};
    rte_mbuf mbuf{};
};

}  // namespace

TEST_CASE_METHOD(Fixture, "an observation is started, gives what was seen, and is stopped") {
    const Client client{path};
    v1::DataplaneRequest start;
    start.mutable_start_observation()->add_reasons("no-route");
    const std::uint64_t drops = client.ask(start).start_observation().id();
    start.mutable_start_observation()->clear_reasons();
    start.mutable_start_observation()->set_pcapng(true);
    start.mutable_start_observation()->add_points("drop");
    const std::uint64_t capture = client.ask(start).start_observation().id();
    CHECK(observers.points() == bit(ObservationPoint::kDropped));

    const LooseFrame frame;
    for (const auto reason : {contract::DropReason::kNoRoute, contract::DropReason::kRuleDrop}) {
        observers.see(0, {.point = ObservationPoint::kDropped, .port = 1, .reason = reason}, frame.mbuf, 1000);
    }
    v1::DataplaneRequest take;
    take.mutable_take_observation()->set_id(drops);
    take.mutable_take_observation()->set_most(10);
    const v1::TakeObservationReply seen = client.ask(take).take_observation();
    REQUIRE(seen.packets_size() == 1);
    CHECK(seen.count() == 1);
    CHECK(seen.packets(0).reason() == "no-route");
    CHECK(seen.packets(0).zone() == "wan");
    CHECK(seen.packets(0).length() == 60);
    CHECK(seen.packets(0).source() == std::string("\x0a\x00\x00\x07", 4));
    const std::int64_t now_ns = std::chrono::system_clock::now().time_since_epoch() / std::chrono::nanoseconds{1};
    CHECK(seen.packets(0).unix_ns() <= now_ns);
    CHECK(seen.packets(0).unix_ns() > now_ns - 60'000'000'000);
    CHECK(client.ask(take).take_observation().count() == 0);

    take.mutable_take_observation()->set_id(capture);
    take.mutable_take_observation()->set_most(1);
    const v1::TakeObservationReply first = client.ask(take).take_observation();
    CHECK(first.count() == 1);
    CHECK_THAT(first.pcapng(), Catch::StartsWith("\x0a\x0d\x0d\x0a") && Catch::Contains("dropped: no-route"));
    const v1::TakeObservationReply second = client.ask(take).take_observation();
    CHECK(second.count() == 1);
    CHECK_THAT(second.pcapng(), !Catch::Contains("\x0a\x0d\x0d\x0a") && Catch::Contains("dropped: rule-drop"));

    v1::DataplaneRequest stop;
    for (const std::uint64_t id : {drops, capture}) {
        stop.mutable_stop_observation()->set_id(id);
        CHECK(client.ask(stop).error().empty());
    }
    CHECK(observers.points() == 0);
    CHECK_THAT(client.ask(take).error(), Catch::Contains("no such observation"));
}

TEST_CASE_METHOD(Fixture, "an observation that cannot be is refused, and one ends with its connection") {
    v1::DataplaneRequest start;
    {
        const Client client{path};
        const auto refusal = [&](auto change) {
            start.mutable_start_observation();
            v1::DataplaneRequest wrong = start;
            change(*wrong.mutable_start_observation());
            return client.ask(wrong).error();
        };
        CHECK_THAT(refusal([](auto& request) { request.add_reasons("bad-luck"); }), Catch::Contains("'bad-luck'"));
        CHECK_THAT(refusal([](auto& request) { request.add_zones("dmz"); }), Catch::Contains("allowed: lan, wan, "));
        CHECK_THAT(refusal([](auto& request) { request.add_points("fx"); }), Catch::Contains("rx, tx, drop"));
        CHECK_THAT(refusal([](auto& request) { request.set_per_second(10'001); }), Catch::Contains("10000"));
        CHECK_THAT(refusal([](auto& request) {
                       request.mutable_filter()->add_instructions(0x0005'0000'0000'0000U | 9);  // jumps out
                   }),
                   Catch::Contains("no valid BPF program"));
        CHECK(observers.points() == 0);
        for (std::size_t i = 0; i < Observers::kMost; ++i) {
            CHECK(client.ask(start).error().empty());
        }
        CHECK_THAT(client.ask(start).error(), Catch::Contains("end one first"));
    }
    const Client another{path};
    const auto free_again = [&] { return another.ask(start).error().empty(); };
    for (unsigned tries = 0; tries < 1000 && observers.points() != 0; ++tries) {
        v1::DataplaneRequest nothing;
        nothing.mutable_statistics();
        (void)another.ask(nothing);  // the server's loop has gone round
    }
    CHECK(observers.points() == 0);
    CHECK(free_again());
}

TEST_CASE_METHOD(Fixture, "activity names the endpoints seen lately, with their age") {
    const std::uint32_t now = monotonic_ms();
    activity.seen(5, now - 60'000);
    activity.seen(9, now - 600'000);
    v1::DataplaneRequest request;
    request.mutable_activity()->set_seen_within_ms(300'000);
    const v1::EndpointActivityReply reply = Client{path}.ask(request).activity();
    REQUIRE(reply.index_size() == 1);
    CHECK(reply.index(0) == 5);
    CHECK(reply.age_ms(0) >= 60'000);
    CHECK(reply.age_ms(0) < 300'000);
}

TEST_CASE("an endpoint that was seen long ago stays so, also when the clock of 32 bits wraps") {
    constexpr std::uint64_t kHour = 3'600'000;
    constexpr std::uint64_t kStart = 0xffffffffU - 2 * kHour;  // the clock wraps in two hours
    EndpointActivity activity{8};
    activity.seen(5, static_cast<std::uint32_t>(kStart));
    const auto age = [&activity](std::uint32_t endpoint, std::uint64_t now) {
        return activity.age_ms(endpoint, static_cast<std::uint32_t>(now));
    };
    CHECK(age(5, kStart) == 0U);
    CHECK(age(5, kStart - 3) == 0U);  // a worker's clock was read after ours
    CHECK(age(5, kStart + 1000) == 1000U);
    CHECK(age(5, kStart + kHour) == kHour);
    CHECK_FALSE(age(5, kStart + kHour + 1));
    CHECK_FALSE(age(6, kStart));
    // 60 days, more than all that 32 bits can tell.
    for (std::uint64_t now = kStart; now < kStart + 60 * 24 * kHour; now += kHour / 60) {
        activity.forget(static_cast<std::uint32_t>(now));
        if (now > kStart + kHour && age(5, now)) FAIL("seen again after " << now - kStart << " ms");
    }
    activity.seen(5, 7);
    activity.forget(1007);
    CHECK(age(5, 1007) == 1000U);
}

TEST_CASE_METHOD(Fixture, "the control loop forgets old activity once per minute, whether or not anybody asks") {
    constexpr std::uint64_t kTurn = 1ULL << 32U;  // of the clock in 32 bits
    activity.seen(5, 1'000'000);
    CHECK(requests.keep(1'000'000).empty());
    CHECK(requests.keep(1'000'000 + 3'600'000 + 60'000).empty());
    CHECK_FALSE(activity.age_ms(5, static_cast<std::uint32_t>(kTurn + 1'000'001)));
}

TEST_CASE_METHOD(Fixture, "bindings without room are told once per minute, with what to raise") {
    std::atomic<std::uint64_t>& failed = memory.state().failed_binds;
    CHECK(requests.keep(0).empty());
    failed += 3;
    CHECK(requests.keep(59'999).empty());
    CHECK(requests.keep(60'000) ==
          "3 addresses of endpoints had no room in the table of bindings (3 since the start), their health is not "
          "enforced; raise endpoints.capacity (1024)");
    failed += 2;
    CHECK(requests.keep(61'000).empty());
    CHECK_THAT(requests.keep(120'000), Catch::StartsWith("2 addresses") && Catch::Contains("(5 since the start)"));
    CHECK(requests.keep(180'000).empty());
}
