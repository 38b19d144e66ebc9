// SPDX-License-Identifier: Apache-2.0
// An endpoint that is removed, and a machine that enrols anew: neither is a way out of a verdict.
#include <catch2/catch.hpp>

#include "controlplane/daemon/grpc_status.h"
#include "tests/unit/daemon/daemon_world.h"

namespace {

using namespace heartgate;
using namespace heartgate::control;
using namespace heartgate::control::test;
using contract::Colour;

struct Office : World {
    Office() {
        connect_listener();
        start_dataplane();
        id = enrol("adserver");
        listener->open(1, id, "10.0.0.5");
        beat(v1::GREEN);
    }
    void beat(v1::Colour colour) {
        listener->beat(1, heartbeat(++beats, colour));
        REQUIRE(until([&] { return endpoint(id).colour() == colour; }));
    }
    Expected<v1::RemoveEndpointResponse> remove(bool force) {
        v1::RemoveEndpointRequest request;
        request.set_endpoint(id);
        request.set_force(force);
        request.set_by("anna");
        std::optional<Expected<v1::RemoveEndpointResponse>> answer;
        daemon->remove(request, [&](Expected<v1::RemoveEndpointResponse> result) { answer = std::move(result); });
        REQUIRE(until([&] { return answer.has_value(); }));
        return *answer;
    }
    [[nodiscard]] bool known() {
        v1::GetEndpointRequest request;
        request.set_endpoint(id);
        bool found = false;
        daemon->get_endpoint(request, [&](const Expected<v1::Endpoint>& answer) { found = answer.has_value(); });
        return found;
    }
    [[nodiscard]] std::string last_text(v1::EventKind kind) {
        std::string text;
        daemon->list_events({}, [&](const Expected<v1::ListEventsResponse>& answer) {
            for (const v1::Event& event : answer->events()) {
                if (event.kind() == kind) text = event.text();
            }
        });
        return text;
    }

    std::string id;
    std::uint64_t beats = 0;
};

}  // namespace

TEST_CASE("a removed endpoint is not heard any more, its certificate is revoked, also after a restart") {
    Office office;
    const auto answer = office.remove(false);
    REQUIRE(answer);
    CHECK(answer->applied());
    CHECK(answer->endpoint().host() == "adserver");
    CHECK_FALSE(office.known());
    CHECK(office.dataplane->rings.state(1) == contract::EndpointState{});
    REQUIRE(office.until([&] { return office.listener->received.back().has_trust(); }));
    REQUIRE(office.listener->closed(1) != nullptr);
    CHECK(office.listener->closed(1)->status() == kUnauthenticated);
    CHECK(office.listener->received.back().trust().revoked_serials_size() == 1);
    CHECK(office.last_text(v1::ENDPOINT_REMOVED).find("removed by anna") != std::string::npos);

    office.restart();
    CHECK_FALSE(office.known());
    office.connect_listener();
    office.listener->open(7, office.id, "10.0.0.5");
    REQUIRE(office.until([&] { return office.listener->closed(7) != nullptr; }));
    CHECK(office.listener->closed(7)->status() == kUnauthenticated);
}

TEST_CASE("an isolated endpoint is removed by force alone, and the log says who did it and what it was") {
    Office office;
    office.beat(v1::RED);
    const auto refused = office.remove(false);
    REQUIRE_FALSE(refused);
    CHECK(refused.error().kind == ErrorKind::kFailedPrecondition);
    CHECK(refused.error().message.find("--force") != std::string::npos);
    CHECK(office.known());
    CHECK(office.dataplane->rings.state(1)->isolated);

    REQUIRE(office.remove(true));
    CHECK_FALSE(office.known());
    const std::string text = office.last_text(v1::ENDPOINT_REMOVED);
    CHECK(text.find("removed by anna with --force") != std::string::npos);
    CHECK(text.find("RED") != std::string::npos);
}

TEST_CASE("a removed endpoint stays cut off until its removal is on disk") {
    Office office;
    office.beat(v1::RED);
    office.store->hold(true);
    v1::RemoveEndpointRequest request;
    request.set_endpoint(office.id);
    request.set_force(true);
    bool answered = false;
    office.daemon->remove(request, [&](const Expected<v1::RemoveEndpointResponse>&) { answered = true; });
    REQUIRE(office.until([&] { return office.listener->closed(1) != nullptr; }));
    CHECK(office.dataplane->rings.state(1)->isolated);
    CHECK_FALSE(answered);
    office.store->hold(false);
    REQUIRE(office.until([&] { return answered; }));
    CHECK_FALSE(office.dataplane->rings.state(1)->isolated);
}

namespace {

// Enrolment with a real CA and database, and a gateway that sees the machine of `seen` wherever it looks.
struct Enrolling : World {
    Enrolling() {
        auto opened = pki::CertificateAuthority::open_or_create(directory / "ca");
        REQUIRE(opened);
        authority = std::make_unique<pki::CertificateAuthority>(std::move(*opened));
        auto database = SqliteStore::open(directory / "enrolment.db");
        REQUIRE(database);
        writer = std::make_unique<StoreWriter>(
            std::move(*database), [this](std::function<void()> run) { boost::asio::post(*loop, std::move(run)); },
            [](const std::string&) {});
        log = std::make_unique<EventLog>(*writer, std::vector<v1::Event>{});
        registry = std::make_unique<EndpointRegistry>(producer, *writer, *log, [](EndpointRecord&) {});
        enrolment = std::make_unique<Enrolment>(
            *authority, *registry, *writer, *log, std::chrono::hours{1},
            Enrolment::Hooks{.machine_at = [this](const IpAddress&) { return seen; },
                             .revoke = [this](EndpointRecord& record) { revoked.push_back(&record); }});
    }
    v1::EnrolmentAnswer enrol_anew() {
        std::string token;
        enrolment->create_token({}, [&](const Expected<v1::CreateTokenResponse>& made) { token = made->token(); });
        REQUIRE(until([&] { return !token.empty(); }));
        v1::EnrolmentCall call;
        call.set_peer_address(IpAddress::from_text("10.0.0.5")->wire());
        call.mutable_enrol()->set_token(token);
        call.mutable_enrol()->set_csr_der(pki::make_csr(pki::make_key().value()).value());
        call.mutable_enrol()->set_host("adserver");
        std::optional<v1::EnrolmentAnswer> answer;
        enrolment->call(call, [&](const v1::EnrolmentAnswer& given) { answer = given; });
        REQUIRE(until([&] { return answer.has_value(); }));
        return *answer;
    }

    std::unique_ptr<pki::CertificateAuthority> authority;
    HealthProducer producer;
    std::unique_ptr<StoreWriter> writer;
    std::unique_ptr<EventLog> log;
    std::unique_ptr<EndpointRegistry> registry;
    std::unique_ptr<Enrolment> enrolment;
    EndpointRecord* seen = nullptr;
    std::vector<EndpointRecord*> revoked;
};

}  // namespace

TEST_CASE("a reinstalled machine keeps its entry and its colour, and its former certificate is revoked") {
    Enrolling gateway;
    const std::string id = gateway.enrol_anew().response().endpoint_id();
    gateway.seen = gateway.registry->find_id(id);
    REQUIRE(gateway.seen != nullptr);
    const std::string former = gateway.seen->stored.certificate_serial;
    gateway.seen->health.heartbeat(Instant{}, 1, {.order = {9, 9}, .colour = Colour::kYellow});
    gateway.seen->health.stream_closed(1);

    const v1::EnrolmentAnswer again = gateway.enrol_anew();
    CHECK(again.status() == 0);
    CHECK(again.response().endpoint_id() == id);
    CHECK(gateway.registry->by_index().size() == 1);
    CHECK(gateway.revoked == std::vector<EndpointRecord*>{gateway.seen});
    CHECK(gateway.seen->stored.certificate_serial != former);
    CHECK(gateway.seen->health.colour() == Colour::kYellow);
    // A new installation counts its heartbeats from the beginning.
    const auto outcome = gateway.seen->health.heartbeat(Instant{}, 2, {.order = {1, 1}, .colour = Colour::kGreen});
    CHECK(outcome.refusal == EndpointHealth::Refusal::kNone);
}

TEST_CASE("a machine whose MAC belongs to an isolated endpoint does not enrol anew") {
    Enrolling gateway;
    const std::string id = gateway.enrol_anew().response().endpoint_id();
    gateway.seen = gateway.registry->find_id(id);
    REQUIRE(gateway.seen != nullptr);
    gateway.registry->isolate(*gateway.seen, "ticket 4711", [] {});
    CHECK(gateway.enrol_anew().status() == kFailedPrecondition);
    CHECK(gateway.registry->by_index().size() == 1);
    CHECK(gateway.revoked.empty());
}
