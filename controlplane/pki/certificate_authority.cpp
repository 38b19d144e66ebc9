// SPDX-License-Identifier: Apache-2.0
#include "controlplane/pki/certificate_authority.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <array>
#include <ctime>

#include "controlplane/pki/ca_files.h"
#include "controlplane/pki/endpoint_uri.h"
#include "controlplane/pki/openssl.h"

namespace heartgate::control::pki {

struct CertificateAuthority::State {
    KeyPtr key;
    X509Ptr certificate;
    std::string pem;
    std::string fingerprint;
};

namespace {

constexpr std::int64_t kClockSlack = 3600;                // seconds before now from which a certificate is valid
constexpr std::int64_t kCaValidity = 20LL * 365 * 86400;  // the appliance's life; there is no way to renew a root

struct Extension {
    int nid;
    std::string value;  // as in openssl's x509v3_config(5)
};

// RFC 5280, section 4.1.2.2: positive, at most 20 octets, unique; 126 random bits.
bool set_serial(X509* certificate) {
    std::array<unsigned char, 16> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) return false;
    bytes[0] = static_cast<unsigned char>((bytes[0] & 0x3F) | 0x40);
    return ASN1_STRING_set(X509_get_serialNumber(certificate), bytes.data(), static_cast<int>(bytes.size())) == 1;
}

bool set_common_name(X509* certificate, const std::string& name) {
    return X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), "CN", MBSTRING_UTF8,
                                      reinterpret_cast<const unsigned char*>(name.data()),
                                      static_cast<int>(name.size()), -1, 0) == 1;
}

bool add_extensions(X509* certificate, X509* issuer, std::span<const Extension> extensions) {
    X509V3_CTX context;
    X509V3_set_ctx_nodb(&context);
    X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
    for (const Extension& extension : extensions) {
        const std::unique_ptr<X509_EXTENSION, Deleter<X509_EXTENSION_free>> object(
            X509V3_EXT_conf_nid(nullptr, &context, extension.nid, extension.value.c_str()));
        if (!object || X509_add_ext(certificate, object.get(), -1) != 1) return false;
    }
    return true;
}

// Signs a certificate for the key; a null issuer makes it self-signed.
Expected<X509Ptr> make_certificate(EVP_PKEY* key, const std::string& name, X509* issuer, EVP_PKEY* issuer_key,
                                   std::int64_t not_before, std::int64_t not_after,
                                   std::span<const Extension> extensions) {
    X509Ptr certificate(X509_new());
    X509* raw = certificate.get();
    if (raw == nullptr || X509_set_version(raw, X509_VERSION_3) != 1 || !set_serial(raw) ||
        X509_set_pubkey(raw, key) != 1 || !set_common_name(raw, name) ||
        X509_set_issuer_name(raw, X509_get_subject_name(issuer == nullptr ? raw : issuer)) != 1 ||
        ASN1_TIME_set(X509_getm_notBefore(raw), not_before) == nullptr ||
        ASN1_TIME_set(X509_getm_notAfter(raw), not_after) == nullptr ||
        !add_extensions(raw, issuer == nullptr ? raw : issuer, extensions) ||
        X509_sign(raw, issuer_key, EVP_sha256()) <= 0)
        return openssl_error(ErrorKind::kInternal, fmt::format("cannot make the certificate of {}", name));
    return certificate;
}

Expected<X509Ptr> make_root(EVP_PKEY* key) {
    std::array<unsigned char, 4> suffix{};
    if (RAND_bytes(suffix.data(), static_cast<int>(suffix.size())) != 1)
        return openssl_error(ErrorKind::kInternal, "no random numbers for the CA's name");
    // A name of its own, so that a chain to another appliance's CA fails by name already.
    const std::string name = fmt::format("Heartgate CA {}", to_hex(suffix.data(), suffix.size()));
    const std::array extensions{Extension{NID_basic_constraints, "critical,CA:TRUE,pathlen:0"},
                                Extension{NID_key_usage, "critical,keyCertSign,cRLSign"},
                                Extension{NID_subject_key_identifier, "hash"}};
    const std::int64_t now = unix_now_s();
    // A day back: the clock of a new appliance may be corrected backwards.
    return make_certificate(key, name, nullptr, key, now - 86400, now + kCaValidity, extensions);
}

}  // namespace

std::int64_t unix_now_s() { return std::time(nullptr); }

CertificateAuthority::CertificateAuthority(std::unique_ptr<State> state) : state_(std::move(state)) {}
CertificateAuthority::CertificateAuthority(CertificateAuthority&&) noexcept = default;
CertificateAuthority& CertificateAuthority::operator=(CertificateAuthority&&) noexcept = default;
CertificateAuthority::~CertificateAuthority() = default;

Expected<CertificateAuthority> CertificateAuthority::open_or_create(const std::filesystem::path& directory) {
    auto files = read_ca_files(directory);
    if (!files) return tl::unexpected(files.error());
    auto state = std::make_unique<State>();
    if (!*files) {
        auto key = generate_p256();
        if (!key) return tl::unexpected(key.error());
        auto root = make_root(key->get());
        if (!root) return tl::unexpected(root.error());
        auto key_pem = write_key(key->get());
        auto pem = write_certificate(root->get());
        if (!key_pem || !pem) return tl::unexpected((!key_pem ? key_pem : pem).error());
        if (auto written = write_ca_files(directory, {*key_pem, *pem}); !written)
            return tl::unexpected(written.error());
        *files = CaFiles{std::move(*key_pem), std::move(*pem)};
    }

    const auto damaged = [&](std::string_view file, std::string_view what) {
        return error(
            ErrorKind::kFailedPrecondition,
            fmt::format("{}: {}; restore {} from a backup, or move ca.key and ca.pem away to start a new CA (all "
                        "endpoints must then enrol again)",
                        (directory / file).string(), what, file));
    };
    auto key = read_key((*files)->key_pem);
    if (!key) return damaged("ca.key", key.error().message);
    auto certificates = read_certificates((*files)->certificate_pem);
    if (certificates.size() != 1) return damaged("ca.pem", "is not one certificate in PEM");
    state->key = std::move(*key);
    state->certificate = std::move(certificates.front());
    if (X509_check_private_key(state->certificate.get(), state->key.get()) != 1)
        return damaged("ca.pem", "does not belong to ca.key");
    if (X509_check_ca(state->certificate.get()) != 1) return damaged("ca.pem", "is not a CA certificate");
    auto pem = write_certificate(state->certificate.get());
    auto fingerprint = fingerprint_of(state->certificate.get());
    if (!pem || !fingerprint) return tl::unexpected((!pem ? pem : fingerprint).error());
    state->pem = std::move(*pem);
    state->fingerprint = std::move(*fingerprint);
    return CertificateAuthority(std::move(state));
}

const std::string& CertificateAuthority::ca_pem() const { return state_->pem; }
const std::string& CertificateAuthority::fingerprint() const { return state_->fingerprint; }

Expected<EndpointCertificate> CertificateAuthority::issue_endpoint(std::string_view csr_der, std::string_view uuid,
                                                                   std::chrono::seconds validity,
                                                                   std::int64_t now_unix_s) const {
    if (!is_uuid(uuid))
        return error(ErrorKind::kInvalidArgument, "endpoint id: not a lower-case UUID (8-4-4-4-12 hexadecimal digits)");
    const auto request = read_request(csr_der);
    if (!request) return tl::unexpected(request.error());
    const std::array extensions{Extension{NID_basic_constraints, "critical,CA:FALSE"},
                                Extension{NID_key_usage, "critical,digitalSignature"},
                                Extension{NID_ext_key_usage, "clientAuth"},
                                Extension{NID_subject_key_identifier, "hash"},
                                Extension{NID_authority_key_identifier, "keyid:always"},
                                Extension{NID_subject_alt_name, "URI:" + endpoint_uri(uuid)}};
    const std::int64_t not_after = now_unix_s + validity.count();
    const auto certificate =
        make_certificate(X509_REQ_get0_pubkey(request->get()), std::string(uuid), state_->certificate.get(),
                         state_->key.get(), now_unix_s - kClockSlack, not_after, extensions);
    if (!certificate) return tl::unexpected(certificate.error());
    auto pem = write_certificate(certificate->get());
    if (!pem) return tl::unexpected(pem.error());
    return EndpointCertificate{std::move(*pem), serial_of(certificate->get()), not_after};
}

Expected<ServerCertificate> CertificateAuthority::issue_server(std::span<const std::string> dns_names,
                                                               std::span<const std::string> ips,
                                                               std::chrono::seconds validity,
                                                               std::int64_t now_unix_s) const {
    std::string names;
    const auto add = [&](std::string_view kind, const std::string& name) {
        names += fmt::format("{}{}:{}", names.empty() ? "" : ",", kind, name);
    };
    for (const std::string& name : dns_names) add("DNS", name);
    for (const std::string& ip : ips) add("IP", ip);
    // The text goes through OpenSSL's own extension syntax, in which these would start something else.
    if (names.empty() || names.find_first_of("\n\r\\\" ;@/") != std::string::npos)
        return error(ErrorKind::kInvalidArgument,
                     "server certificate: needs at least one plain DNS name or IP address");
    auto key = generate_p256();
    if (!key) return tl::unexpected(key.error());
    const std::array extensions{Extension{NID_basic_constraints, "critical,CA:FALSE"},
                                Extension{NID_key_usage, "critical,digitalSignature"},
                                Extension{NID_ext_key_usage, "serverAuth"},
                                Extension{NID_subject_key_identifier, "hash"},
                                Extension{NID_authority_key_identifier, "keyid:always"},
                                Extension{NID_subject_alt_name, names}};
    const std::int64_t not_after = now_unix_s + validity.count();
    const auto certificate = make_certificate(key->get(), "Heartgate appliance", state_->certificate.get(),
                                              state_->key.get(), now_unix_s - kClockSlack, not_after, extensions);
    if (!certificate) return tl::unexpected(certificate.error());
    auto pem = write_certificate(certificate->get());
    auto key_pem = write_key(key->get());
    if (!pem || !key_pem) return tl::unexpected((!pem ? pem : key_pem).error());
    return ServerCertificate{*pem + state_->pem, std::move(*key_pem), not_after};
}

}  // namespace heartgate::control::pki
