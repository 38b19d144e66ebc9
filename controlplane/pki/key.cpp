// SPDX-License-Identifier: Apache-2.0
#include "controlplane/pki/key.h"

#include "controlplane/pki/openssl.h"

namespace heartgate::control::pki {

Expected<std::string> make_key() {
    return generate_p256().and_then([](const KeyPtr& key) { return write_key(key.get()); });
}

Expected<std::string> make_csr(std::string_view key_pem) {
    const auto key = read_key(key_pem);
    if (!key) return tl::unexpected(key.error());
    const RequestPtr request(X509_REQ_new());
    unsigned char* der = nullptr;
    int size = 0;
    if (!request || X509_REQ_set_version(request.get(), X509_REQ_VERSION_1) != 1 ||
        X509_REQ_set_pubkey(request.get(), key->get()) != 1 ||
        X509_REQ_sign(request.get(), key->get(), EVP_sha256()) <= 0 || (size = i2d_X509_REQ(request.get(), &der)) <= 0)
        return openssl_error(ErrorKind::kInternal, "cannot make a certificate request");
    std::string text(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    return text;
}

Expected<std::string> csr_key_fingerprint(std::string_view csr_der) {
    return read_request(csr_der).and_then(
        [](const RequestPtr& request) { return key_fingerprint_of(X509_REQ_get0_pubkey(request.get())); });
}

Expected<std::string> certificate_key_fingerprint(std::string_view certificate_pem) {
    const auto certificates = read_certificates(certificate_pem);
    if (certificates.empty()) return error(ErrorKind::kInvalidArgument, "not a certificate in PEM");
    return key_fingerprint_of(X509_get0_pubkey(certificates.front().get()));
}

}  // namespace heartgate::control::pki
