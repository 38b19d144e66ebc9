// SPDX-License-Identifier: Apache-2.0
// Which certificates a peer is believed with, on either side.
#include <catch2/catch.hpp>

#include "controlplane/pki/certificate_authority.h"
#include "controlplane/pki/chain_verifier.h"
#include "controlplane/pki/key.h"
#include "controlplane/pki/server_chain.h"
#include "tests/unit/pki/temporary_directory.h"

using heartgate::control::ErrorKind;
using heartgate::testing::TemporaryDirectory;
using namespace heartgate::control::pki;  // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;

namespace {

constexpr auto kUuid = "0b4f2f4e-4d5a-4c39-9a53-0c2a1f0e8d11";
constexpr std::int64_t kDay = 86400;

struct Site {
    TemporaryDirectory directory;
    CertificateAuthority authority = std::move(*CertificateAuthority::open_or_create(directory.path()));

    EndpointCertificate endpoint(std::chrono::seconds validity = 24h, std::int64_t now = unix_now_s()) const {
        const auto csr = make_key().and_then([](const std::string& key) { return make_csr(key); });
        const auto issued = authority.issue_endpoint(*csr, kUuid, validity, now);
        REQUIRE(issued);
        return *issued;
    }
    ServerCertificate server(std::int64_t now = unix_now_s()) const {
        const std::vector<std::string> names{"heartgate"};
        const auto issued = authority.issue_server(names, {}, 24h, now);
        REQUIRE(issued);
        return *issued;
    }
    ChainVerifier verifier(std::chrono::seconds accept_expired = 0s,
                           std::unordered_set<std::string> revoked = {}) const {
        auto made = ChainVerifier::create(authority.ca_pem(), accept_expired, std::move(revoked));
        REQUIRE(made);
        return std::move(*made);
    }
};

}  // namespace

TEST_CASE("an endpoint's certificate tells its identity") {
    const Site site;
    const auto certificate = site.endpoint();
    const auto verdict = site.verifier().verify(certificate.certificate_pem, unix_now_s());
    CHECK(verdict.result == ChainResult::kOk);
    CHECK(verdict.identity.endpoint_id == kUuid);
    CHECK(verdict.identity.serial == certificate.serial);
    CHECK(verdict.identity.not_after_unix_s == certificate.not_after_unix_s);
}

TEST_CASE("a certificate of another authority is refused, and its identity is not believed") {
    const Site site;
    const Site other;
    const auto verdict = site.verifier().verify(other.endpoint().certificate_pem, unix_now_s());
    CHECK(verdict.result == ChainResult::kOtherCa);
    CHECK(verdict.identity.endpoint_id.empty());
}

TEST_CASE("a certificate that was changed after signing is refused") {
    const Site site;
    std::string pem = site.endpoint().certificate_pem;
    const auto verifier = site.verifier();
    REQUIRE(verifier.verify(pem, unix_now_s()).result == ChainResult::kOk);
    const auto middle = pem.size() / 2;
    pem[middle] = pem[middle] == 'A' ? 'B' : 'A';
    CHECK(verifier.verify(pem, unix_now_s()).result != ChainResult::kOk);
}

TEST_CASE("an expired certificate is good for as long as the grace lasts, and no second longer") {
    const Site site;
    const std::int64_t now = unix_now_s();
    const auto certificate = site.endpoint(1h, now - kDay);
    const std::int64_t end = certificate.not_after_unix_s;
    CHECK(site.verifier(0s).verify(certificate.certificate_pem, now).result == ChainResult::kExpired);
    CHECK(site.verifier(720h).verify(certificate.certificate_pem, now).result == ChainResult::kOk);
    CHECK(site.verifier(60s).verify(certificate.certificate_pem, end + 60).result == ChainResult::kOk);
    CHECK(site.verifier(60s).verify(certificate.certificate_pem, end + 61).result == ChainResult::kExpired);

    const PeerIdentity identity{kUuid, certificate.serial, end};
    CHECK(site.verifier(60s).check_again(identity, end + 60) == ChainResult::kOk);
    CHECK(site.verifier(60s).check_again(identity, end + 61) == ChainResult::kExpired);
}

TEST_CASE("a certificate is not good before its time") {
    const Site site;
    const auto certificate = site.endpoint(24h, unix_now_s() + kDay);
    CHECK(site.verifier(720h).verify(certificate.certificate_pem, unix_now_s()).result == ChainResult::kNotYetValid);
}

TEST_CASE("a revoked certificate is refused, expired or not") {
    const Site site;
    const auto certificate = site.endpoint();
    const auto verifier = site.verifier(720h, {certificate.serial});
    const auto verdict = verifier.verify(certificate.certificate_pem, unix_now_s());
    CHECK(verdict.result == ChainResult::kRevoked);
    CHECK(verdict.identity.endpoint_id == kUuid);
    CHECK(verifier.check_again(verdict.identity, unix_now_s()) == ChainResult::kRevoked);
    CHECK(verifier.check_again(verdict.identity, certificate.not_after_unix_s + 1) == ChainResult::kRevoked);
}

TEST_CASE("neither a server's nor the authority's own certificate makes an endpoint") {
    const Site site;
    CHECK(site.verifier().verify(site.server().certificate_pem, unix_now_s()).result == ChainResult::kWrongUsage);
    CHECK(site.verifier().verify(site.authority.ca_pem(), unix_now_s()).result != ChainResult::kOk);
}

TEST_CASE("no certificate and no certificate at all are told apart") {
    const Site site;
    CHECK(site.verifier().verify("", unix_now_s()).result == ChainResult::kNoCertificate);
    CHECK(site.verifier().verify("hello", unix_now_s()).result == ChainResult::kMalformed);
    CHECK_FALSE(ChainVerifier::create("", 0s));
    CHECK_FALSE(ChainVerifier::create(site.authority.ca_pem() + "-----BEGIN CERTIFICATE-----\nAAAA\n", 0s));
}

TEST_CASE("a client trusts the server whose chain leads to the token's fingerprint") {
    const Site site;
    const auto ca = check_server_chain(site.server().certificate_pem, site.authority.fingerprint(), unix_now_s());
    REQUIRE(ca);
    CHECK(*ca == site.authority.ca_pem());
}

TEST_CASE("a client refuses every other server") {
    const Site site;
    const Site other;
    const auto refused = [&](const std::string& chain, std::int64_t now = unix_now_s()) {
        const auto ca = check_server_chain(chain, site.authority.fingerprint(), now);
        REQUIRE_FALSE(ca);
        CHECK(ca.error().kind == ErrorKind::kUnauthenticated);
    };
    const std::string good = site.server().certificate_pem;
    const std::string foreign = other.server().certificate_pem;
    refused("");
    refused(foreign);
    // A foreign leaf with the right CA's (public) certificate behind it.
    refused(foreign + site.authority.ca_pem());
    // An endpoint that plays server with its own certificate.
    refused(site.endpoint().certificate_pem + site.authority.ca_pem());
    refused(site.authority.ca_pem());
    refused(good, unix_now_s() + 2 * kDay);
    refused(good, unix_now_s() - 2 * kDay);
}
