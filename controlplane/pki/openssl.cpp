// SPDX-License-Identifier: Apache-2.0
#include "controlplane/pki/openssl.h"

#include <fmt/format.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <array>
#include <ctime>

namespace heartgate::control::pki {

tl::unexpected<Error> openssl_error(ErrorKind kind, std::string_view what) {
    std::array<char, 256> reason{};
    const unsigned long code = ERR_peek_last_error();
    ERR_clear_error();
    if (code == 0) return error(kind, std::string(what));
    ERR_error_string_n(code, reason.data(), reason.size());
    return error(kind, fmt::format("{}: {}", what, reason.data()));
}

BioPtr read_bio(std::string_view text) { return BioPtr(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

std::string bio_text(BIO* bio) {
    char* data = nullptr;
    const long size = BIO_get_mem_data(bio, &data);
    return size > 0 ? std::string(data, static_cast<std::size_t>(size)) : std::string();
}

Expected<KeyPtr> generate_p256() {
    KeyPtr key(EVP_EC_gen("P-256"));
    if (!key) return openssl_error(ErrorKind::kInternal, "cannot make a P-256 key");
    return key;
}

bool is_p256(const EVP_PKEY* key) {
    if (key == nullptr || EVP_PKEY_get_base_id(key) != EVP_PKEY_EC) return false;
    std::array<char, 64> group{};
    std::size_t length = 0;
    if (EVP_PKEY_get_group_name(key, group.data(), group.size(), &length) != 1) return false;
    return std::string_view(group.data(), length) == SN_X9_62_prime256v1;
}

namespace {
// Without this OpenSSL would ask a person at the terminal.
int no_passphrase(char*, int, int, void*) { return -1; }
}  // namespace

Expected<KeyPtr> read_key(std::string_view pem) {
    KeyPtr key(PEM_read_bio_PrivateKey(read_bio(pem).get(), nullptr, no_passphrase, nullptr));
    if (!key) return openssl_error(ErrorKind::kInvalidArgument, "not an unencrypted private key in PEM");
    if (!is_p256(key.get())) return error(ErrorKind::kInvalidArgument, "the private key is not P-256");
    return key;
}

Expected<std::string> write_key(EVP_PKEY* key) {
    const BioPtr bio(BIO_new(BIO_s_secmem()));
    if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key, nullptr, nullptr, 0, nullptr, nullptr) != 1)
        return openssl_error(ErrorKind::kInternal, "cannot write a private key");
    return bio_text(bio.get());
}

std::vector<X509Ptr> read_certificates(std::string_view pem) {
    std::vector<X509Ptr> certificates;
    const BioPtr bio = read_bio(pem);
    while (X509* certificate = PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr))
        certificates.emplace_back(certificate);
    const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    ERR_clear_error();
    if (!at_end) certificates.clear();
    return certificates;
}

Expected<std::string> write_certificate(X509* certificate) {
    const BioPtr bio(BIO_new(BIO_s_mem()));
    if (!bio || PEM_write_bio_X509(bio.get(), certificate) != 1)
        return openssl_error(ErrorKind::kInternal, "cannot write a certificate");
    return bio_text(bio.get());
}

Expected<RequestPtr> read_request(std::string_view der) {
    constexpr std::size_t kMaxRequest = 4096;
    if (der.empty() || der.size() > kMaxRequest)
        return error(ErrorKind::kInvalidArgument,
                     fmt::format("certificate request of {} bytes; allowed are 1 to {}", der.size(), kMaxRequest));
    const auto* begin = reinterpret_cast<const unsigned char*>(der.data());
    const unsigned char* at = begin;
    RequestPtr request(d2i_X509_REQ(nullptr, &at, static_cast<long>(der.size())));
    if (!request || at != begin + der.size())
        return openssl_error(ErrorKind::kInvalidArgument, "not a PKCS #10 certificate request in DER");
    EVP_PKEY* key = X509_REQ_get0_pubkey(request.get());
    if (!is_p256(key)) {
        ERR_clear_error();
        return error(ErrorKind::kInvalidArgument, "the certificate request's key is not P-256; make a P-256 key");
    }
    if (X509_REQ_verify(request.get(), key) != 1)
        return openssl_error(ErrorKind::kInvalidArgument, "the certificate request's signature is wrong");
    return request;
}

std::string to_hex(const unsigned char* bytes, std::size_t count) {
    constexpr std::string_view kDigits = "0123456789abcdef";
    std::string hex;
    hex.reserve(2 * count);
    for (std::size_t i = 0; i < count; ++i) {
        hex += kDigits[bytes[i] >> 4];
        hex += kDigits[bytes[i] & 0x0F];
    }
    return hex;
}

std::string sha256_hex(std::string_view bytes) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    std::size_t length = 0;
    if (EVP_Q_digest(nullptr, "SHA256", nullptr, bytes.data(), bytes.size(), digest.data(), &length) != 1) return {};
    return to_hex(digest.data(), length);
}

Expected<std::string> fingerprint_of(X509* certificate) {
    std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
    unsigned int length = 0;
    if (X509_digest(certificate, EVP_sha256(), digest.data(), &length) != 1)
        return openssl_error(ErrorKind::kInternal, "cannot compute a certificate's fingerprint");
    return to_hex(digest.data(), length);
}

Expected<std::string> key_fingerprint_of(EVP_PKEY* key) {
    unsigned char* der = nullptr;
    const int size = i2d_PUBKEY(key, &der);
    if (size <= 0) return openssl_error(ErrorKind::kInternal, "cannot encode a public key");
    const std::unique_ptr<unsigned char, Deleter<[](unsigned char* p) { OPENSSL_free(p); }>> owned(der);
    return sha256_hex(std::string_view(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)));
}

std::string serial_of(const X509* certificate) {
    const ASN1_INTEGER* serial = X509_get0_serialNumber(certificate);
    return to_hex(ASN1_STRING_get0_data(serial), static_cast<std::size_t>(ASN1_STRING_length(serial)));
}

std::int64_t unix_s(const ASN1_TIME* time) {
    std::tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return 0;
    return timegm(&parts);
}

}  // namespace heartgate::control::pki
