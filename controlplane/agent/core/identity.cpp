// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/core/identity.h"

#include <fmt/format.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>

#include "controlplane/agent/core/text.h"
#include "controlplane/pki/key.h"
#include "controlplane/pki/server_chain.h"
#include "controlplane/pki/token.h"

namespace heartgate::control::agent {
namespace {

constexpr std::size_t kMostBundleBytes = 64UL << 10U;

std::int64_t unix_s(const ASN1_TIME* time) {
    int days = 0;
    int seconds = 0;
    const std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> epoch{ASN1_TIME_set(nullptr, 0), &ASN1_TIME_free};
    if (epoch == nullptr || ASN1_TIME_diff(&days, &seconds, epoch.get(), time) != 1) return 0;
    return std::int64_t{days} * 86'400 + seconds;
}

// What came back has to be a certificate for our key.
Expected<Identity> accept(const v1::EnrolResponse& response, const std::string& key_pem, const std::string& csr_der,
                          const std::string& pinned_ca_pem) {
    const auto ours = pki::csr_key_fingerprint(csr_der);
    const auto theirs = pki::certificate_key_fingerprint(response.certificate_pem());
    if (!ours) return tl::unexpected{ours.error()};
    if (!theirs || *theirs != *ours) {
        return error(ErrorKind::kUnavailable,
                     "the gateway answered with a certificate that is not for this machine's key");
    }
    const bool has_bundle = !response.ca_pem().empty() && response.ca_pem().size() <= kMostBundleBytes &&
                            pki::certificate_fingerprint(response.ca_pem()).has_value();
    return Identity{key_pem, response.certificate_pem(), has_bundle ? response.ca_pem() : pinned_ca_pem};
}

Expected<Identity> enrol_at(const Gateway& gateway, const pki::Token& token, const std::string& key_pem,
                            const EnrolmentFacts& facts, EnrolmentTransport& transport) {
    const auto chain = transport.server_chain(gateway);
    if (!chain) return tl::unexpected{chain.error()};
    const auto ca = pki::check_server_chain(*chain, token.fingerprint, facts.now_unix_s);
    if (!ca) return tl::unexpected{ca.error()};

    const auto csr = pki::make_csr(key_pem);
    if (!csr) return tl::unexpected{csr.error()};
    v1::EnrolRequest request;
    request.set_token(token.secret);
    request.set_csr_der(*csr);
    request.set_host(bounded_text(facts.host, 255));
    request.set_machine_id(facts.machine_id.substr(0, 64));
    const auto response = transport.enrol(gateway, *ca, request);
    if (!response) return tl::unexpected{response.error()};
    return accept(*response, key_pem, *csr, *ca);
}

// Another gateway may help when one cannot be reached; a refusal is an answer.
template <typename Attempt>
Expected<Identity> first_answer(const std::vector<Gateway>& gateways, Attempt&& attempt) {
    std::string problems;
    for (const Gateway& gateway : gateways) {
        Expected<Identity> result = attempt(gateway);
        if (result) return result;
        const std::string problem = fmt::format("{}: {}", gateway.text(), result.error().message);
        if (result.error().kind != ErrorKind::kUnavailable) return error(result.error().kind, problem);
        problems += (problems.empty() ? "" : "; ") + problem;
    }
    return error(ErrorKind::kUnavailable, problems);
}

}  // namespace

Expected<Validity> certificate_validity(const std::string& certificate_pem) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio{
        BIO_new_mem_buf(certificate_pem.data(), static_cast<int>(certificate_pem.size())), &BIO_free};
    const std::unique_ptr<X509, decltype(&X509_free)> certificate{
        bio == nullptr ? nullptr : PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), &X509_free};
    if (certificate == nullptr) return error(ErrorKind::kInvalidArgument, "not a certificate in PEM");
    return Validity{unix_s(X509_get0_notBefore(certificate.get())), unix_s(X509_get0_notAfter(certificate.get()))};
}

Expected<Identity> enrol(const std::string& token_text, const std::string& key_pem,
                         const std::vector<Gateway>& gateways, const EnrolmentFacts& facts,
                         EnrolmentTransport& transport) {
    const auto token = pki::parse_token(token_text);
    if (!token) return tl::unexpected{token.error()};
    return first_answer(gateways,
                        [&](const Gateway& gateway) { return enrol_at(gateway, *token, key_pem, facts, transport); });
}

Expected<Identity> renew(const Identity& identity, const std::vector<Gateway>& gateways,
                         EnrolmentTransport& transport) {
    const auto csr = pki::make_csr(identity.key_pem);
    if (!csr) return tl::unexpected{csr.error()};
    v1::RenewRequest request;
    request.set_csr_der(*csr);
    return first_answer(gateways, [&](const Gateway& gateway) -> Expected<Identity> {
        const auto response = transport.renew(gateway, identity, request);
        if (!response) return tl::unexpected{response.error()};
        return accept(*response, identity.key_pem, *csr, identity.ca_pem);
    });
}

}  // namespace heartgate::control::agent
