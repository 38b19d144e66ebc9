// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/daemon/daemon_world.h"

#include <spdlog/spdlog.h>

#include <fstream>

namespace heartgate::control::test {
namespace {

constexpr const char* kPolicy = R"(rules:
  - name: internet
    from: lan
    to: wan
    action: accept
    source: {minimum: green, require_heartbeat: true}
whom_to_call: the help desk
)";

template <typename Field, typename Message>
const Field* last(const std::vector<v1::DaemonToListener>& received, bool (v1::DaemonToListener::*has)() const,
                  const Field& (v1::DaemonToListener::*get)() const, Message matches) {
    for (auto message = received.rbegin(); message != received.rend(); ++message) {
        if (((*message).*has)() && matches(((*message).*get)())) return &((*message).*get)();
    }
    return nullptr;
}

}  // namespace

void FakeDataplane::accept() {
    acceptor_.async_accept([this](const boost::system::error_code& failure, stream_protocol::socket socket) {
        if (failure) return;
        socket_ = std::make_shared<FramedSocket>(std::move(socket), 64UL << 20U, 64UL << 20U);
        socket_->start([this](std::string_view frame) { answer(frame); },
                       [this](const std::string&) { socket_.reset(); });
        accept();
    });
}

void FakeDataplane::answer(std::string_view frame) {
    v1::DataplaneRequest request;
    REQUIRE(request.ParseFromArray(frame.data(), static_cast<int>(frame.size())));
    v1::DataplaneReply reply;
    if (request.has_attach()) {
        CHECK(request.attach().contract_version() == contract::kContractVersion);
        rings.health.clear();
        rings.sync.clear();
        rings.applied = 0;
        reply.mutable_attach()->set_incarnation(++rings.incarnation);
        reply.mutable_attach()->set_forwarding(rings.synced != 0);
        reply.mutable_attach()->set_endpoint_capacity(1024);
    } else if (request.has_load_policy()) {
        v1::Policy policy;
        REQUIRE(policy.ParseFromString(request.load_policy().policy()));
        CHECK(request.load_policy().sha256().size() == 32);
        const bool refused = !policy_refusal.empty() && (!refuses || refuses(policy));
        if (refused) reply.set_error(policy_refusal);
        if (request.load_policy().only_check()) ++checked_policies;
        if (!refused && !request.load_policy().only_check()) policies.push_back(policy);
        reply.mutable_load_policy();
    } else if (request.has_activity()) {
        reply.mutable_activity();
        for (const std::uint32_t index : active) {
            reply.mutable_activity()->add_index(index);
            reply.mutable_activity()->add_age_ms(0);
        }
    } else if (request.has_statistics()) {
        reply.mutable_statistics()->set_generation(5);
    } else if (request.has_take_alarms()) {
        *reply.mutable_take_alarms() = std::exchange(alarms, {});
    } else if (request.has_start_observation()) {
        observation = request.start_observation();
        if (observation.reasons_size() > 0 && observation.reasons(0) == "bad-luck") {
            reply.set_error("drop reason 'bad-luck'");
        }
        reply.mutable_start_observation()->set_id(7);
    } else if (request.has_take_observation()) {
        most_taken = request.take_observation().most();
        reply.mutable_take_observation();
        if (!observed.empty()) {
            *reply.mutable_take_observation() = observed.front();
            observed.pop_front();
        }
    } else if (request.has_stop_observation()) {
        stopped_observation = request.stop_observation().id();
        reply.mutable_stop_observation();
    } else if (request.has_get_flow()) {
        reply.mutable_get_flow();
        if (request.get_flow().id() == "1") reply.mutable_get_flow()->mutable_flow()->set_source_endpoint(1);
    } else {
        flow_filter = request.list_flows().filter();
        for (const std::uint32_t rule : {1U, 0U}) reply.mutable_list_flows()->add_flows()->set_rule(rule);
    }
    socket_->send(reply.SerializeAsString());
}

FakeListener::FakeListener(boost::asio::io_context& loop, const std::string& path) {
    stream_protocol::socket socket{loop};
    socket.connect(stream_protocol::endpoint{path});
    socket_ = std::make_shared<FramedSocket>(std::move(socket), 128UL << 10U, 64UL << 20U);
    socket_->start(
        [this](std::string_view frame) {
            v1::DaemonToListener message;
            REQUIRE(message.ParseFromArray(frame.data(), static_cast<int>(frame.size())));
            received.push_back(std::move(message));
        },
        [](const std::string&) {});
}

void FakeListener::hello() {
    v1::ListenerToDaemon message;
    message.mutable_hello()->set_version("test");
    message.mutable_hello()->set_ready_monotonic_ns(1);
    send(message);
}

void FakeListener::open(std::uint64_t stream, const std::string& id, const std::string& address) {
    v1::ListenerToDaemon message;
    message.mutable_stream_opened()->set_stream(stream);
    message.mutable_stream_opened()->set_endpoint_id(id);
    message.mutable_stream_opened()->set_serial("01");
    message.mutable_stream_opened()->set_peer_address(IpAddress::from_text(address)->wire());
    send(message);
}

void FakeListener::beat(std::uint64_t stream, const v1::Heartbeat& heartbeat) {
    v1::ListenerToDaemon message;
    message.mutable_heartbeat()->set_stream(stream);
    *message.mutable_heartbeat()->mutable_heartbeat() = heartbeat;
    message.mutable_heartbeat()->set_received_monotonic_ns(1234);
    send(message);
}

void FakeListener::close(std::uint64_t stream) {
    v1::ListenerToDaemon message;
    message.mutable_stream_closed()->set_stream(stream);
    send(message);
}

void FakeListener::replayed() {
    v1::ListenerToDaemon message;
    message.mutable_replayed();
    send(message);
}

void FakeListener::enrol(std::uint64_t call, const std::string& token, const std::string& csr,
                         const std::string& machine) {
    v1::ListenerToDaemon message;
    message.mutable_enrolment()->set_call(call);
    message.mutable_enrolment()->mutable_enrol()->set_token(token);
    message.mutable_enrolment()->mutable_enrol()->set_csr_der(csr);
    message.mutable_enrolment()->mutable_enrol()->set_host("host-" + std::to_string(call));
    message.mutable_enrolment()->mutable_enrol()->set_machine_id(machine);
    send(message);
}

const v1::Directive* FakeListener::directive(std::uint64_t stream) const {
    const auto* found =
        last<v1::SendDirective>(received, &v1::DaemonToListener::has_directive, &v1::DaemonToListener::directive,
                                [&](const v1::SendDirective& message) { return message.stream() == stream; });
    return found == nullptr ? nullptr : &found->directive();
}

const v1::CloseStream* FakeListener::closed(std::uint64_t stream) const {
    return last<v1::CloseStream>(received, &v1::DaemonToListener::has_close, &v1::DaemonToListener::close,
                                 [&](const v1::CloseStream& message) { return message.stream() == stream; });
}

const v1::EnrolmentAnswer* FakeListener::answer(std::uint64_t call) const {
    return last<v1::EnrolmentAnswer>(received, &v1::DaemonToListener::has_enrolment, &v1::DaemonToListener::enrolment,
                                     [&](const v1::EnrolmentAnswer& message) { return message.call() == call; });
}

World::World() {
    spdlog::set_level(spdlog::level::off);
    std::ofstream{directory / "policy.yaml"} << kPolicy;
    dataplane = std::make_unique<FakeDataplane>(*loop, directory / "dataplane.sock");
    start();
}

World::~World() {
    if (store != nullptr) store->hold(false);
    if (daemon) daemon->stop();
}

void World::start() {
    Configuration configuration;
    configuration.dataplane_socket = directory / "dataplane.sock";
    configuration.listener_socket = directory / "listener.sock";
    configuration.page_socket = directory / "page.sock";
    configuration.state_directory = directory / "state";
    configuration.policy_file = directory / "policy.yaml";
    configuration.policy_required = true;
    auto authority = pki::CertificateAuthority::open_or_create(configuration.state_directory);
    REQUIRE(authority);
    auto database = SqliteStore::open(directory / "state" + "/heartgate.db");
    REQUIRE(database);
    auto slow = std::make_unique<SlowStore>(std::move(*database));
    store = slow.get();
    auto state = store->load(100);
    REQUIRE(state);
    daemon =
        std::make_unique<Daemon>(*loop, configuration, std::move(*authority), std::move(slow), std::move(*state),
                                 Daemon::Primary{.alive = [this] { return dataplane->alive; },
                                                 .attach_memory = [this]() -> Expected<std::unique_ptr<MessageRings>> {
                                                     return std::make_unique<AppliedRingsView>(dataplane->rings);
                                                 },
                                                 .start_anew = [this] { ++started_anew; }});
    const auto started = daemon->start();
    INFO((started ? "" : started.error().message));
    REQUIRE(started);
}

// No stop(): as after SIGKILL, but that everything was written. What the loop still had to do is never done.
void World::restart(const std::function<void()>& between) {
    AppliedRings rings = std::move(dataplane->rings);
    listener.reset();
    daemon.reset();
    dataplane.reset();
    between();
    loop = std::make_unique<boost::asio::io_context>(1);
    std::filesystem::remove(directory / "dataplane.sock");
    dataplane = std::make_unique<FakeDataplane>(*loop, directory / "dataplane.sock");
    dataplane->rings = std::move(rings);
    start();
}

bool World::until(const std::function<bool()>& condition) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{20};
    while (!condition()) {
        if (std::chrono::steady_clock::now() >= deadline) return false;
        loop->restart();
        loop->run_one_for(std::chrono::milliseconds{50});
    }
    return true;
}

void World::connect_listener() {
    listener = std::make_unique<FakeListener>(*loop, directory / "listener.sock");
    listener->hello();
    listener->replayed();
    REQUIRE(until([this] { return listener->received.size() >= 2; }));
}

void World::start_dataplane() {
    dataplane->alive = true;
    const std::uint32_t before = dataplane->rings.incarnation;
    REQUIRE(until([&] {
        return dataplane->rings.incarnation != before && dataplane->rings.synced == dataplane->rings.incarnation;
    }));
}

std::string World::token() {
    std::string token;
    daemon->create_token({}, [&](const Expected<v1::CreateTokenResponse>& response) {
        REQUIRE(response);
        token = response->token();
    });
    REQUIRE(until([&] { return !token.empty(); }));
    return token;
}

std::string World::enrol(const std::string& host) {
    v1::ListenerToDaemon message;
    message.mutable_enrolment()->set_call(++calls_ + 1000);
    message.mutable_enrolment()->mutable_enrol()->set_token(token());
    message.mutable_enrolment()->mutable_enrol()->set_csr_der(pki::make_csr(pki::make_key().value()).value());
    message.mutable_enrolment()->mutable_enrol()->set_host(host);
    listener->send(message);
    REQUIRE(until([&] { return listener->answer(calls_ + 1000) != nullptr; }));
    REQUIRE(listener->answer(calls_ + 1000)->status() == 0);
    return listener->answer(calls_ + 1000)->response().endpoint_id();
}

v1::Endpoint World::endpoint(const std::string& id) {
    v1::GetEndpointRequest request;
    request.set_endpoint(id);
    v1::Endpoint result;
    daemon->get_endpoint(request, [&](const Expected<v1::Endpoint>& answer) {
        REQUIRE(answer);
        result = *answer;
    });
    return result;
}

v1::Heartbeat heartbeat(std::uint64_t sequence, v1::Colour colour, const std::string& host) {
    v1::Heartbeat heartbeat;
    heartbeat.set_boot(7);
    heartbeat.set_sequence(sequence);
    heartbeat.set_colour(colour);
    heartbeat.set_host(host);
    heartbeat.set_interval_ms(500);
    if (colour == v1::YELLOW) heartbeat.add_reasons()->set_code(v1::MALWARE_DETECTED);
    return heartbeat;
}

}  // namespace heartgate::control::test
