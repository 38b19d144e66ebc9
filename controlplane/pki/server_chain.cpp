// SPDX-License-Identifier: Apache-2.0
#include "controlplane/pki/server_chain.h"

#include <fmt/format.h>
#include <openssl/x509_vfy.h>

#include "controlplane/pki/openssl.h"

namespace heartgate::control::pki {
namespace {

tl::unexpected<Error> refused(std::string_view why) {
    return error(ErrorKind::kUnauthenticated, fmt::format("the server's certificate is refused: {}", why));
}

}  // namespace

Expected<std::string> certificate_fingerprint(std::string_view certificate_pem) {
    const auto certificates = read_certificates(certificate_pem);
    if (certificates.empty()) return error(ErrorKind::kInvalidArgument, "not a certificate in PEM");
    return fingerprint_of(certificates.front().get());
}

Expected<std::string> check_server_chain(std::string_view chain_pem, std::string_view ca_fingerprint,
                                         std::int64_t now_unix_s) {
    const auto chain = read_certificates(chain_pem);
    if (chain.empty()) return refused("the server sent none");
    X509* ca = nullptr;
    for (const auto& certificate : chain) {
        const auto fingerprint = fingerprint_of(certificate.get());
        if (!fingerprint) return tl::unexpected(fingerprint.error());
        if (*fingerprint == ca_fingerprint) ca = certificate.get();
    }
    if (ca == nullptr)
        return refused("its CA is not the one named by the token; ask the administrator for a token of this gateway");

    const StorePtr store(X509_STORE_new());
    const StoreContextPtr context(X509_STORE_CTX_new());
    if (!store || !context || X509_STORE_add_cert(store.get(), ca) != 1 ||
        X509_STORE_CTX_init(context.get(), store.get(), chain.front().get(), nullptr) != 1)
        return openssl_error(ErrorKind::kInternal, "cannot check a certificate");
    X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_time(parameters, now_unix_s);
    X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_SERVER);
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT);
    if (X509_verify_cert(context.get()) != 1)
        return refused(X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())));
    if (!is_p256(X509_get0_pubkey(chain.front().get()))) return refused("its key is not P-256");
    return write_certificate(ca);
}

}  // namespace heartgate::control::pki
