// SPDX-License-Identifier: Apache-2.0
#include "controlplane/pki/certificate_authority.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <catch2/catch.hpp>
#include <fstream>
#include <iterator>

#include "controlplane/pki/key.h"
#include "controlplane/pki/openssl.h"
#include "controlplane/pki/server_chain.h"
#include "tests/unit/pki/temporary_directory.h"

using heartgate::control::ErrorKind;
using heartgate::testing::TemporaryDirectory;
using namespace heartgate::control::pki;  // NOLINT(google-build-using-namespace)
using namespace std::chrono_literals;

namespace {

constexpr auto kUuid = "0b4f2f4e-4d5a-4c39-9a53-0c2a1f0e8d11";

std::string contents(const std::filesystem::path& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
}

void overwrite(const std::filesystem::path& path, const std::string& text) { std::ofstream(path) << text; }

std::string csr_of(EVP_PKEY* key) {
    const RequestPtr request(X509_REQ_new());
    REQUIRE(X509_REQ_set_pubkey(request.get(), key) == 1);
    REQUIRE(X509_REQ_sign(request.get(), key, EVP_sha256()) > 0);
    unsigned char* der = nullptr;
    const int size = i2d_X509_REQ(request.get(), &der);
    std::string text(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    return text;
}

}  // namespace

TEST_CASE("a certificate authority comes back the same after it was made") {
    const TemporaryDirectory directory;
    const auto made = CertificateAuthority::open_or_create(directory.path() / "state");
    REQUIRE(made);
    const auto opened = CertificateAuthority::open_or_create(directory.path() / "state");
    REQUIRE(opened);
    CHECK(opened->ca_pem() == made->ca_pem());
    CHECK(opened->fingerprint() == made->fingerprint());
    CHECK(certificate_fingerprint(made->ca_pem()).value() == made->fingerprint());
    CHECK(made->fingerprint().size() == 64);
}

TEST_CASE("the key of a certificate authority is for its owner alone") {
    const TemporaryDirectory directory;
    REQUIRE(CertificateAuthority::open_or_create(directory.path()));
    using std::filesystem::perms;
    const auto mode = std::filesystem::status(directory.path() / "ca.key").permissions();
    CHECK(mode == (perms::owner_read | perms::owner_write));

    std::filesystem::permissions(directory.path() / "ca.key", perms::group_read, std::filesystem::perm_options::add);
    const auto again = CertificateAuthority::open_or_create(directory.path());
    REQUIRE_FALSE(again);
    CHECK_THAT(again.error().message, Catch::Contains("chmod 600"));
}

TEST_CASE("a missing or damaged file of a certificate authority is an error and nothing is overwritten") {
    const TemporaryDirectory directory;
    const auto key = directory.path() / "ca.key";
    const auto pem = directory.path() / "ca.pem";
    REQUIRE(CertificateAuthority::open_or_create(directory.path()));

    SECTION("key missing") {
        std::filesystem::remove(key);
        const auto before = contents(pem);
        const auto opened = CertificateAuthority::open_or_create(directory.path());
        REQUIRE_FALSE(opened);
        CHECK_THAT(opened.error().message, Catch::Contains(key.string()) && Catch::Contains("missing"));
        CHECK_FALSE(std::filesystem::exists(key));
        CHECK(contents(pem) == before);
    }
    SECTION("certificate missing") {
        std::filesystem::remove(pem);
        const auto before = contents(key);
        CHECK_FALSE(CertificateAuthority::open_or_create(directory.path()));
        CHECK_FALSE(std::filesystem::exists(pem));
        CHECK(contents(key) == before);
    }
    SECTION("key cut short") {
        overwrite(key, contents(key).substr(0, 60));
        const auto before = contents(key);
        const auto opened = CertificateAuthority::open_or_create(directory.path());
        REQUIRE_FALSE(opened);
        CHECK_THAT(opened.error().message, Catch::Contains(key.string()) && Catch::Contains("restore"));
        CHECK(contents(key) == before);
    }
    SECTION("certificate empty") {
        overwrite(pem, "");
        CHECK_FALSE(CertificateAuthority::open_or_create(directory.path()));
        CHECK(contents(pem).empty());
    }
    SECTION("certificate of another authority") {
        const TemporaryDirectory other;
        const auto authority = CertificateAuthority::open_or_create(other.path());
        REQUIRE(authority);
        overwrite(pem, authority->ca_pem());
        const auto opened = CertificateAuthority::open_or_create(directory.path());
        REQUIRE_FALSE(opened);
        CHECK_THAT(opened.error().message, Catch::Contains("does not belong to ca.key"));
    }
}

TEST_CASE("only a rightly signed request with a P-256 key gets a certificate") {
    const TemporaryDirectory directory;
    const auto authority = CertificateAuthority::open_or_create(directory.path());
    REQUIRE(authority);
    const auto csr = make_key().and_then([](const std::string& key) { return make_csr(key); });
    REQUIRE(csr);
    const auto refused = [&](const std::string& request) {
        const auto issued = authority->issue_endpoint(request, kUuid, 24h);
        REQUIRE_FALSE(issued);
        CHECK(issued.error().kind == ErrorKind::kInvalidArgument);
        return issued.error().message;
    };
    CHECK(authority->issue_endpoint(*csr, kUuid, 24h));

    SECTION("signature tampered with") {
        std::string tampered = *csr;
        tampered.back() = static_cast<char>(tampered.back() ^ 1);
        CHECK_THAT(refused(tampered), Catch::Contains("signature is wrong"));
    }
    SECTION("every single byte changed is refused") {
        for (std::size_t i = 0; i < csr->size(); ++i) {
            std::string tampered = *csr;
            tampered[i] = static_cast<char>(tampered[i] ^ 0x20);
            CHECK_FALSE(authority->issue_endpoint(tampered, kUuid, 24h));
        }
    }
    SECTION("RSA key") {
        const KeyPtr rsa(EVP_RSA_gen(2048));
        CHECK_THAT(refused(csr_of(rsa.get())), Catch::Contains("not P-256"));
    }
    SECTION("P-384 key") {
        const KeyPtr key(EVP_EC_gen("P-384"));
        CHECK_THAT(refused(csr_of(key.get())), Catch::Contains("not P-256"));
    }
    SECTION("not a request") {
        refused("");
        refused("hello");
        refused(*csr + "more");
        refused(csr->substr(0, csr->size() - 1));
        refused(std::string(5000, 'x'));
    }
    SECTION("an id that is no UUID") {
        CHECK_FALSE(authority->issue_endpoint(*csr, "../../ca", 24h));
        CHECK_FALSE(authority->issue_endpoint(*csr, "", 24h));
        CHECK_FALSE(authority->issue_endpoint(*csr, "0B4F2F4E-4D5A-4C39-9A53-0C2A1F0E8D11", 24h));
    }
}

TEST_CASE("two requests of one key are recognised as such") {
    const auto key = make_key();
    const auto other_key = make_key();
    REQUIRE(key);
    REQUIRE(other_key);
    const auto first = make_csr(*key).and_then([](const std::string& csr) { return csr_key_fingerprint(csr); });
    const auto second = make_csr(*key).and_then([](const std::string& csr) { return csr_key_fingerprint(csr); });
    const auto other = make_csr(*other_key).and_then([](const std::string& csr) { return csr_key_fingerprint(csr); });
    REQUIRE(first);
    REQUIRE(second);
    REQUIRE(other);
    CHECK(*first == *second);
    CHECK(*first != *other);

    const TemporaryDirectory directory;
    const auto authority = CertificateAuthority::open_or_create(directory.path());
    REQUIRE(authority);
    const auto issued = authority->issue_endpoint(*make_csr(*key), kUuid, 24h);
    REQUIRE(issued);
    CHECK(certificate_key_fingerprint(issued->certificate_pem).value() == *first);
}

TEST_CASE("serial numbers differ and are reported as they stand in the certificate") {
    const TemporaryDirectory directory;
    const auto authority = CertificateAuthority::open_or_create(directory.path());
    REQUIRE(authority);
    const auto csr = make_key().and_then([](const std::string& key) { return make_csr(key); });
    const auto first = authority->issue_endpoint(*csr, kUuid, 24h);
    const auto second = authority->issue_endpoint(*csr, kUuid, 24h);
    REQUIRE(first);
    REQUIRE(second);
    CHECK(first->serial.size() == 32);
    CHECK(first->serial != second->serial);
    const auto certificates = read_certificates(first->certificate_pem);
    REQUIRE(certificates.size() == 1);
    CHECK(serial_of(certificates[0].get()) == first->serial);
    CHECK(unix_s(X509_get0_notAfter(certificates[0].get())) == first->not_after_unix_s);
}

TEST_CASE("server names that would be read as something else are refused") {
    const TemporaryDirectory directory;
    const auto authority = CertificateAuthority::open_or_create(directory.path());
    REQUIRE(authority);
    const std::vector<std::string> none;
    CHECK_FALSE(authority->issue_server(none, none, 24h));
    CHECK_FALSE(authority->issue_server(std::vector<std::string>{"a\nb"}, none, 24h));
    CHECK_FALSE(authority->issue_server(none, std::vector<std::string>{"192.0.2.256"}, 24h));
    CHECK(authority->issue_server(std::vector<std::string>{"heartgate"},
                                  std::vector<std::string>{"192.0.2.1", "2001:db8::1"}, 24h));
}
