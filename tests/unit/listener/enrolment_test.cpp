// SPDX-License-Identifier: Apache-2.0
#include <catch2/catch.hpp>

#include "controlplane/pki/key.h"
#include "tests/unit/listener/site.h"

using namespace heartgate;           // NOLINT(google-build-using-namespace)
using namespace heartgate::testing;  // NOLINT(google-build-using-namespace)

namespace {

std::string new_csr() { return control::pki::make_csr(control::pki::make_key().value()).value(); }

void answer_calls(Site& site) {
    site.daemon.on_message([&site](const v1::ListenerToDaemon& message) {
        if (!message.has_enrolment()) return;
        v1::DaemonToListener answer;
        answer.mutable_enrolment()->set_call(message.enrolment().call());
        if (message.enrolment().has_enrol() && message.enrolment().enrol().token() != "right") {
            answer.mutable_enrolment()->set_status(grpc::StatusCode::UNAUTHENTICATED);
            answer.mutable_enrolment()->set_error("token unknown");
        } else {
            answer.mutable_enrolment()->mutable_response()->set_endpoint_id(kUuid);
        }
        site.daemon.send(answer);
    });
}

struct Answer {
    grpc::Status status;
    v1::EnrolResponse response;
};

Answer enrol(const Site& site, const std::string& token, const std::string& csr) {
    Answer answer;
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    v1::EnrolRequest request;
    request.set_token(token);
    request.set_csr_der(csr);
    answer.status = v1::EnrolmentService::NewStub(site.channel({}))->Enrol(&context, request, &answer.response);
    return answer;
}

Answer renew(const Site& site, const std::optional<Credentials>& own, const std::string& csr) {
    Answer answer;
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    v1::RenewRequest request;
    request.set_csr_der(csr);
    answer.status = v1::EnrolmentService::NewStub(site.channel(own))->Renew(&context, request, &answer.response);
    return answer;
}

}  // namespace

TEST_CASE("enrolment needs no certificate and gets heartgated's answer") {
    Site site;
    answer_calls(site);
    const auto good = enrol(site, "right", new_csr());
    REQUIRE(good.status.ok());
    CHECK(good.response.endpoint_id() == kUuid);
    const auto bad = enrol(site, "wrong", new_csr());
    CHECK(bad.status.error_code() == grpc::StatusCode::UNAUTHENTICATED);
    CHECK(bad.status.error_message() == "token unknown");
}

TEST_CASE("a malformed enrolment never reaches heartgated") {
    Site site;
    CHECK(enrol(site, "right", "not a request").status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
    CHECK(enrol(site, "", new_csr()).status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
    CHECK(enrol(site, std::string(129, 'a'), new_csr()).status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
    CHECK(enrol(site, "right", std::string(5000, 'a')).status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
    for (const auto& message : site.daemon.heard()) CHECK_FALSE(message.has_enrolment());
}

TEST_CASE("renewal needs the certificate and its own key") {
    Site site;
    answer_calls(site);
    const auto own = site.credentials();
    const auto own_csr = control::pki::make_csr(own.key_pem).value();
    CHECK(renew(site, std::nullopt, own_csr).status.error_code() == grpc::StatusCode::UNAUTHENTICATED);
    CHECK(renew(site, own, new_csr()).status.error_code() == grpc::StatusCode::INVALID_ARGUMENT);
    REQUIRE(renew(site, own, own_csr).status.ok());
    const auto call = site.daemon.wait_for([](const auto& message) { return message.has_enrolment(); }).enrolment();
    CHECK(call.endpoint_id() == kUuid);
    CHECK(call.serial() == own.serial);
}

TEST_CASE("without heartgated an enrolment is told to come again, at once") {
    Site site;
    site.daemon.go();
    const auto before = std::chrono::steady_clock::now();
    CHECK(enrol(site, "right", new_csr()).status.error_code() == grpc::StatusCode::UNAVAILABLE);
    CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds(5));
}

TEST_CASE("a flood of enrolments from one address is refused, counted, and does not reach heartgated") {
    Site site;
    answer_calls(site);
    const std::string csr = new_csr();
    int answered = 0;
    int refused = 0;
    for (int attempt = 0; attempt < 200 && refused == 0; ++attempt) {
        const auto code = enrol(site, "wrong", csr).status.error_code();
        answered += code == grpc::StatusCode::UNAUTHENTICATED ? 1 : 0;
        refused += code == grpc::StatusCode::RESOURCE_EXHAUSTED ? 1 : 0;
    }
    CHECK(refused == 1);
    CHECK(answered >= 20);
    site.daemon.wait_for(refusal("enrolment: too many attempts"));
}
