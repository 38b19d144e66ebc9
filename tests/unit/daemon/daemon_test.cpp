// SPDX-License-Identifier: Apache-2.0
// heartgated as a whole: what reaches the dataplane, the disk and the agents, and in which order.
#include <catch2/catch.hpp>

#include "controlplane/daemon/grpc_status.h"
#include "tests/unit/daemon/office.h"

namespace {

using namespace heartgate;
using namespace heartgate::control;
using namespace heartgate::control::test;
using contract::Colour;
using contract::MessageType;
using contract::Presence;

v1::StatusResponse status(World& world) {
    v1::StatusResponse result;
    world.daemon->status({}, [&](const Expected<v1::StatusResponse>& answer) { result = *answer; });
    return result;
}

std::uint64_t refused(World& world, const std::string& cause) {
    std::optional<v1::Statistics> statistics;
    world.daemon->statistics({}, [&](const Expected<v1::Statistics>& answer) { statistics = *answer; });
    REQUIRE(world.until([&] { return statistics.has_value(); }));
    for (const v1::Counter& counter : statistics->heartbeats().refused()) {
        if (counter.name() == cause) return counter.value();
    }
    return 0;
}

}  // namespace

TEST_CASE("administration and listener are served before there is a dataplane, which then gets everything") {
    World world;
    CHECK_FALSE(status(world).dataplane_attached());
    CHECK(status(world).policy_revision() == 1);
    world.connect_listener();
    CHECK(world.listener->received[0].identity().certificate_pem().find("BEGIN CERTIFICATE") != std::string::npos);
    CHECK_FALSE(world.listener->received[1].trust().ca_pem().empty());
    const std::string id = world.enrol("adserver");
    world.listener->open(1, id, "10.0.0.5");
    world.listener->beat(1, heartbeat(1, v1::YELLOW));
    REQUIRE(world.until([&] { return world.endpoint(id).colour() == v1::YELLOW; }));

    world.start_dataplane();
    CHECK(status(world).dataplane_attached());
    REQUIRE(world.dataplane->policies.size() == 1);
    CHECK(world.dataplane->policies[0].rules(0).name() == "internet");
    CHECK(world.dataplane->rings.state(1)->colour == Colour::kYellow);
    CHECK(static_cast<MessageType>(world.dataplane->rings.sync.back().type) == MessageType::kEndOfSync);
}

TEST_CASE("a heartbeat's new colour is in the ring with the time at which it was read") {
    Office office;
    office.listener->beat(1, heartbeat(2, v1::YELLOW));
    REQUIRE(office.until([&] { return office.colour() == Colour::kYellow; }));
    CHECK(office.dataplane->rings.health.back().received_ns == 1234);
    CHECK(office.endpoint(office.id).cut_off());
    CHECK(count(office, v1::COLOUR_CHANGED) == 2);
}

TEST_CASE("a change of health that cuts nobody off anew is in the latency of changes, too") {
    Office office;
    office.listener->beat(1, heartbeat(2, v1::RED));
    REQUIRE(office.until([&] { return office.isolated(); }));
    v1::Heartbeat goodbye = heartbeat(3, v1::RED);
    goodbye.set_goodbye(true);
    office.listener->beat(1, goodbye);
    REQUIRE(office.until([&] { return office.dataplane->rings.state(1)->presence == Presence::kAsleep; }));
    CHECK(office.isolated());
    CHECK(office.dataplane->rings.health.back().received_ns == 1234);
}

TEST_CASE("isolating does not wait for the disk, releasing does") {
    Office office;
    office.store->hold(true);
    office.listener->beat(1, heartbeat(2, v1::RED));
    REQUIRE(office.until([&] { return office.isolated(); }));
    office.listener->beat(1, heartbeat(3, v1::GREEN));
    REQUIRE(office.until([&] { return office.endpoint(office.id).colour() == v1::GREEN; }));
    CHECK(office.isolated());
    office.store->hold(false);
    REQUIRE(office.until([&] { return office.colour() == Colour::kGreen; }));
    CHECK_FALSE(office.isolated());
}

TEST_CASE("a release that waits for the disk is void when the endpoint falls ill again meanwhile") {
    Office office;
    office.listener->beat(1, heartbeat(2, v1::YELLOW));
    REQUIRE(office.until([&] { return office.colour() == Colour::kYellow; }));
    office.store->hold(true);
    office.listener->beat(1, heartbeat(3, v1::GREEN));
    office.listener->beat(1, heartbeat(4, v1::YELLOW));
    REQUIRE(office.until([&] { return office.endpoint(office.id).colour() == v1::YELLOW; }));
    const std::size_t messages = office.dataplane->rings.health.size();
    office.store->hold(false);
    const std::string later = office.token();  // on disk after all of the above
    for (std::size_t index = messages; index < office.dataplane->rings.health.size(); ++index) {
        CHECK(contract::EndpointWord::decode(office.dataplane->rings.health[index].state).colour == Colour::kYellow);
    }
    CHECK(office.colour() == Colour::kYellow);
}

TEST_CASE("an isolation by hand answers once applied, survives a restart, and a heartbeat does not lift it") {
    Office office;
    std::optional<v1::IsolateResponse> isolated;
    v1::IsolateRequest request;
    request.set_endpoint("adserver");
    request.set_reason("looks odd");
    office.daemon->isolate(request, [&](const Expected<v1::IsolateResponse>& answer) { isolated = *answer; });
    REQUIRE(office.until([&] { return isolated.has_value(); }));
    CHECK(isolated->applied());
    CHECK(office.isolated());
    office.listener->beat(1, heartbeat(2, v1::GREEN));
    REQUIRE(office.until([&] {
        return refused(office, "older boot or sequence") == 0 && office.listener->directive(1) != nullptr &&
               office.listener->directive(1)->cut_off();
    }));
    CHECK(office.listener->directive(1)->why() == "An administrator has isolated this machine: looks odd");
    CHECK(office.isolated());

    office.restart();
    office.connect_listener();
    office.start_dataplane();
    CHECK(office.isolated());
    std::optional<v1::ReleaseResponse> released;
    v1::ReleaseRequest release;
    release.set_endpoint(office.id);
    office.daemon->release(release, [&](const Expected<v1::ReleaseResponse>& answer) { released = *answer; });
    REQUIRE(office.until([&] { return released.has_value(); }));
    CHECK(released->applied());
    CHECK(released->was_isolated());
    CHECK_FALSE(office.isolated());

    released.reset();
    office.daemon->release(release, [&](const Expected<v1::ReleaseResponse>& answer) { released = *answer; });
    REQUIRE(office.until([&] { return released.has_value(); }));
    CHECK_FALSE(released->was_isolated());
}

TEST_CASE("an isolation by hand is in force before it is on disk, and answered when it is") {
    Office office;
    std::optional<Expected<v1::IsolateResponse>> answer;
    v1::IsolateRequest request;
    request.set_endpoint("adserver");
    request.set_reason("looks odd");
    const auto isolate = [&] {
        office.daemon->isolate(request, [&](Expected<v1::IsolateResponse> result) { answer = std::move(result); });
    };
    SECTION("a slow disk") {
        office.store->hold(true);
        isolate();
        REQUIRE(office.until([&] { return office.isolated(); }));
        office.listener->beat(1, heartbeat(2, v1::GREEN));
        REQUIRE(office.until([&] { return office.endpoint(office.id).last_heartbeat_unix_ms() != 0; }));
        CHECK_FALSE(answer);
        office.store->hold(false);
        REQUIRE(office.until([&] { return answer.has_value(); }));
        REQUIRE(*answer);
        CHECK((*answer)->applied());
        CHECK((*answer)->applied_after_us() > 0);
    }
    SECTION("a full disk: the answer says so, and the isolation is stored once there is room") {
        office.store->fill(true);
        isolate();
        REQUIRE(office.until([&] { return answer.has_value(); }));
        REQUIRE_FALSE(*answer);
        CHECK(answer->error().message.find("not stored yet (the disk is full)") != std::string::npos);
        CHECK(office.isolated());
        office.store->fill(false);
        office.restart();
        office.connect_listener();
        office.start_dataplane();
        CHECK(office.isolated());
    }
    SECTION("the end") {
        office.store->hold(true);
        isolate();
        office.daemon->stop();
        CHECK(answer.has_value());
        office.store->hold(false);
    }
}

TEST_CASE("whoever waits for the dataplane is answered at the end") {
    Office office;
    bool answered = false;
    office.dataplane->rings.stalled = true;
    v1::IsolateRequest isolate;
    isolate.set_endpoint("adserver");
    isolate.set_reason("looks odd");
    office.daemon->isolate(isolate, [&](const Expected<v1::IsolateResponse>&) { answered = true; });
    const std::string later = office.token();  // the isolation is on disk
    CHECK_FALSE(answered);
    office.daemon->stop();
    CHECK(answered);
}

TEST_CASE("an isolation needs a reason and a known endpoint") {
    Office office;
    ErrorKind kind = ErrorKind::kInternal;
    const auto note = [&](const Expected<v1::IsolateResponse>& answer) { kind = answer.error().kind; };
    v1::IsolateRequest request;
    request.set_endpoint("adserver");
    office.daemon->isolate(request, note);
    CHECK(kind == ErrorKind::kInvalidArgument);
    request.set_reason("why not");
    request.set_endpoint("nobody");
    office.daemon->isolate(request, note);
    CHECK(kind == ErrorKind::kNotFound);
    const std::string twin = office.enrol("adserver");
    request.set_endpoint("adserver");
    office.daemon->isolate(request, note);
    CHECK(kind == ErrorKind::kFailedPrecondition);
    CHECK_FALSE(office.isolated());
}

TEST_CASE("a heartbeat that is replayed, malformed, or of nobody is refused, counted, and never GREEN") {
    Office office;
    office.listener->beat(1, heartbeat(2, v1::RED));
    REQUIRE(office.until([&] { return office.isolated(); }));
    SECTION("an older sequence on a second stream of the same certificate") {
        office.listener->open(2, office.id, "10.0.0.6");
        office.listener->beat(2, heartbeat(1, v1::GREEN));
        REQUIRE(office.until([&] { return office.listener->closed(2) != nullptr; }));
        CHECK(office.listener->closed(2)->status() == kAborted);
        CHECK(refused(office, "older boot or sequence") == 1);
    }
    SECTION("an unknown colour") {
        v1::Heartbeat wrong = heartbeat(3, v1::GREEN);
        wrong.set_colour(static_cast<v1::Colour>(4));
        office.listener->beat(1, wrong);
        REQUIRE(office.until([&] { return office.listener->closed(1) != nullptr; }));
        CHECK(office.listener->closed(1)->status() == kInvalidArgument);
        CHECK(refused(office, "unknown colour") == 1);
    }
    SECTION("a certificate of an endpoint that does not exist") {
        office.listener->open(3, "6f1c1f0e-0000-4000-8000-000000000001", "10.0.0.7");
        office.listener->beat(3, heartbeat(9, v1::GREEN));
        REQUIRE(office.until([&] { return office.listener->closed(3) != nullptr; }));
        CHECK(office.listener->closed(3)->status() == kUnauthenticated);
        CHECK(refused(office, "unknown endpoint") == 1);
    }
    CHECK(count(office, v1::HEARTBEAT_REFUSED) == 1);
    CHECK(office.isolated());
    CHECK(office.endpoint(office.id).colour() == v1::RED);
}

TEST_CASE("a colour that is better than its reasons is not believed, a mark changes none") {
    const auto [code, expected] = GENERATE(table<v1::ReasonCode, v1::Colour>({{v1::MALWARE_DETECTED, v1::YELLOW},
                                                                              {v1::DETECTOR_NOT_RUNNING, v1::YELLOW},
                                                                              {v1::MALWARE_NOT_CLEANED, v1::RED},
                                                                              {v1::TAMPERING, v1::RED},
                                                                              {v1::UNPROTECTED, v1::GREEN}}));
    Office office;
    v1::Heartbeat contradictory = heartbeat(2, v1::GREEN);
    contradictory.add_reasons()->set_code(code);
    office.listener->beat(1, contradictory);
    REQUIRE(office.until([&] { return office.endpoint(office.id).reasons_size() == 1; }));
    CHECK(office.endpoint(office.id).colour() == expected);
    CHECK(office.endpoint(office.id).cut_off() == (expected != v1::GREEN));
}

TEST_CASE("the newer stream of an endpoint closes the older one") {
    Office office;
    office.listener->open(2, office.id, "10.0.0.5");
    office.listener->beat(2, heartbeat(2, v1::GREEN));
    REQUIRE(office.until([&] { return office.listener->closed(1) != nullptr; }));
    CHECK(office.listener->closed(1)->status() == kAborted);
    REQUIRE(office.until([&] { return office.listener->directive(2) != nullptr; }));
    CHECK(count(office, v1::DUPLICATE_SESSION) == 0);
}

TEST_CASE("the first heartbeat of a stream is answered by a directive, later ones when something changes") {
    Office office;
    REQUIRE(office.until([&] { return office.listener->directive(1) != nullptr; }));
    CHECK_FALSE(office.listener->directive(1)->cut_off());
    CHECK(office.listener->directive(1)->interval_ms() == 15'000);
    const std::size_t received = office.listener->received.size();
    office.listener->beat(1, heartbeat(2, v1::GREEN));
    office.listener->beat(1, heartbeat(3, v1::YELLOW));
    REQUIRE(office.until([&] { return office.listener->directive(1)->cut_off(); }));
    CHECK(office.listener->received.size() == received + 1);
    const v1::Directive& directive = *office.listener->directive(1);
    CHECK(directive.rule() == "internet");
    CHECK(directive.colour() == v1::YELLOW);
    CHECK(directive.why().find("Malware was found") == 0);
    CHECK_FALSE(directive.what_to_do().empty());
    CHECK(directive.whom_to_call() == "the help desk");
}

TEST_CASE("silence with traffic is MISSING, and the endpoint is cut off") {
    Office office;
    office.dataplane->active = {1};
    REQUIRE(office.until([&] { return office.dataplane->rings.state(1)->presence == Presence::kMissing; }));
    CHECK(office.endpoint(office.id).presence() == v1::MISSING);
    CHECK(office.endpoint(office.id).cut_off());
    CHECK(status(office).missing() == 1);
    office.listener->beat(1, heartbeat(2, v1::GREEN));
    REQUIRE(office.until([&] { return office.dataplane->rings.state(1)->presence == Presence::kConnected; }));
}

TEST_CASE("a token enrols once, and the same key may ask again") {
    World world;
    world.connect_listener();
    const std::string token = world.token();
    const std::string csr = pki::make_csr(pki::make_key().value()).value();
    world.listener->enrol(1, token, csr);
    world.listener->enrol(2, token, csr);
    world.listener->enrol(3, token, pki::make_csr(pki::make_key().value()).value());
    world.listener->enrol(4, "hgt1.nonsense", csr);
    world.listener->enrol(5, token, "nonsense");
    REQUIRE(world.until([&] {
        for (std::uint64_t call = 1; call <= 5; ++call) {
            if (world.listener->answer(call) == nullptr) return false;
        }
        return true;
    }));
    CHECK(world.listener->answer(1)->status() == 0);
    CHECK(world.listener->answer(2)->response().endpoint_id() == world.listener->answer(1)->response().endpoint_id());
    CHECK(world.listener->answer(3)->status() == kUnauthenticated);
    CHECK(world.listener->answer(4)->status() == kUnauthenticated);
    CHECK(world.listener->answer(5)->status() == kInvalidArgument);
    CHECK(status(world).enrolled() == 1);
    world.restart();
    CHECK(status(world).enrolled() == 1);
}

TEST_CASE("a machine that is isolated does not enrol anew, another one does, and so does it once it is released") {
    Office office;
    const auto enrol = [&](std::uint64_t call, const std::string& machine) {
        office.listener->enrol(call, office.token(), pki::make_csr(pki::make_key().value()).value(), machine);
        REQUIRE(office.until([&] { return office.listener->answer(call) != nullptr; }));
        return office.listener->answer(call)->status();
    };
    CHECK(enrol(1, "one") == 0);
    v1::IsolateRequest isolate;
    isolate.set_endpoint("host-1");
    isolate.set_reason("looks odd");
    office.daemon->isolate(isolate, [](const Expected<v1::IsolateResponse>& answer) { REQUIRE(answer); });
    CHECK(enrol(2, "one") == kFailedPrecondition);
    CHECK(office.listener->answer(2)->error().find("isolated") != std::string::npos);
    CHECK(count(office, v1::SPOOF) == 1);
    CHECK(enrol(3, "another") == 0);
    CHECK(enrol(4, "") == 0);
    v1::ReleaseRequest release;
    release.set_endpoint("host-1");
    office.daemon->release(release, [](const Expected<v1::ReleaseResponse>& answer) { REQUIRE(answer); });
    CHECK(enrol(5, "one") == 0);
}

TEST_CASE("a certificate is renewed for its own key alone") {
    World world;
    world.connect_listener();
    const std::string key = pki::make_key().value();
    world.listener->enrol(1, world.token(), pki::make_csr(key).value());
    REQUIRE(world.until([&] { return world.listener->answer(1) != nullptr; }));
    v1::ListenerToDaemon renewal;
    renewal.mutable_enrolment()->set_call(2);
    renewal.mutable_enrolment()->set_endpoint_id(world.listener->answer(1)->response().endpoint_id());
    renewal.mutable_enrolment()->mutable_renew()->set_csr_der(pki::make_csr(key).value());
    world.listener->send(renewal);
    renewal.mutable_enrolment()->set_call(3);
    renewal.mutable_enrolment()->mutable_renew()->set_csr_der(pki::make_csr(pki::make_key().value()).value());
    world.listener->send(renewal);
    REQUIRE(world.until([&] { return world.listener->answer(2) != nullptr && world.listener->answer(3) != nullptr; }));
    CHECK(world.listener->answer(2)->status() == 0);
    CHECK(world.listener->answer(3)->status() == kUnauthenticated);
}

TEST_CASE("a policy that does not validate or that the dataplane refuses leaves the running one in force") {
    Office office;
    v1::ApplyPolicyRequest request;
    request.set_file_name("new.yaml");
    std::optional<Expected<v1::ApplyPolicyResponse>> answer;
    const auto apply = [&](const std::string& yaml) {
        request.set_yaml(yaml);
        answer.reset();
        office.daemon->apply_policy(request,
                                    [&](Expected<v1::ApplyPolicyResponse> result) { answer = std::move(result); });
        REQUIRE(office.until([&] { return answer.has_value(); }));
    };
    apply("rules: [{name: x}]\n");
    REQUIRE_FALSE(*answer);
    CHECK(answer->error().message.find("new.yaml:1: rules[0].action: found nothing") == 0);
    office.dataplane->policy_refusal = "too many rules";
    apply("rules: []\n");
    REQUIRE_FALSE(*answer);
    CHECK(status(office).policy_revision() == 1);
    CHECK_FALSE(office.endpoint(office.id).cut_off());

    office.dataplane->policy_refusal.clear();
    apply("rules: []\nisolate_on: [yellow, red]\n");
    REQUIRE(*answer);
    CHECK((*answer)->applied());
    CHECK(status(office).policy_revision() == (*answer)->revision());
    office.listener->beat(1, heartbeat(2, v1::YELLOW));
    REQUIRE(office.until([&] { return office.isolated(); }));
}

TEST_CASE("when the dataplane is gone the daemon starts anew, and keeps an event of it") {
    Office office;
    office.dataplane->end();
    REQUIRE(office.until([&] { return office.started_anew == 1; }));
    CHECK(count(office, v1::DATAPLANE_LOST) == 1);
    office.restart();
    office.connect_listener();
    office.start_dataplane();
    CHECK(office.colour() == Colour::kGreen);
}

TEST_CASE("after a restart the sync waits for the listener's last heartbeats, which count more than the disk") {
    Office office;
    office.store->hold(true);
    office.listener->beat(1, heartbeat(2, v1::YELLOW));
    REQUIRE(office.until([&] { return office.colour() == Colour::kYellow; }));
    // The crash comes before the disk has it: take the database as it is now.
    std::filesystem::copy(office.directory / "state", office.directory / "crashed",
                          std::filesystem::copy_options::recursive);
    office.store->hold(false);
    office.restart([&] {
        std::filesystem::remove_all(office.directory / "state");
        std::filesystem::rename(office.directory / "crashed", office.directory / "state");
    });
    CHECK(office.endpoint(office.id).colour() == v1::GREEN);

    office.listener = std::make_unique<FakeListener>(*office.loop, office.directory / "listener.sock");
    office.listener->hello();
    office.listener->open(1, office.id, "10.0.0.5");
    office.listener->beat(1, heartbeat(2, v1::YELLOW));
    office.listener->replayed();
    office.start_dataplane();
    for (const auto& message : office.dataplane->rings.sync) {
        if (message.endpoint == 1 && static_cast<MessageType>(message.type) == MessageType::kEndpointState) {
            CHECK(contract::EndpointWord::decode(message.state).colour == Colour::kYellow);
        }
    }
    CHECK(office.colour() == Colour::kYellow);
    CHECK(refused(office, "older boot or sequence") == 0);
}

TEST_CASE("addresses without room in the dataplane show in the status and in an event, until they have found room") {
    Office office;
    CHECK(status(office).bindings_without_room() == 0);
    office.dataplane->rings.failed_binds = 3;
    REQUIRE(office.until([&] { return count(office, v1::BINDINGS_WITHOUT_ROOM) == 1; }));
    CHECK(status(office).bindings_without_room() == 3);
    REQUIRE(office.until([&] { return count(office, v1::BINDINGS_PLACED) == 1; }));
    CHECK(status(office).bindings_without_room() == 0);
}
