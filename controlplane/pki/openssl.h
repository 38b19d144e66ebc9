// SPDX-License-Identifier: Apache-2.0
// Ownership and conversions for OpenSSL 3 objects. Included by the .cpp files of this folder only.
#pragma once

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "controlplane/common/error.h"

namespace heartgate::control::pki {

template <auto Free>
struct Deleter {
    template <typename T>
    void operator()(T* object) const {
        Free(object);
    }
};

using BioPtr = std::unique_ptr<BIO, Deleter<BIO_free_all>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Deleter<EVP_PKEY_free>>;
using X509Ptr = std::unique_ptr<X509, Deleter<X509_free>>;
using RequestPtr = std::unique_ptr<X509_REQ, Deleter<X509_REQ_free>>;
using StorePtr = std::unique_ptr<X509_STORE, Deleter<X509_STORE_free>>;
using StoreContextPtr = std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX_free>>;

// "WHAT: REASON", with the last reason OpenSSL gave; empties its error queue.
tl::unexpected<Error> openssl_error(ErrorKind kind, std::string_view what);

// Reads from the text, without copying it.
BioPtr read_bio(std::string_view text);
std::string bio_text(BIO* bio);

Expected<KeyPtr> generate_p256();
bool is_p256(const EVP_PKEY* key);
Expected<KeyPtr> read_key(std::string_view pem);
Expected<std::string> write_key(EVP_PKEY* key);

// All certificates of a PEM text, in order; other blocks are skipped. Empty if there is none or one is damaged.
std::vector<X509Ptr> read_certificates(std::string_view pem);
Expected<std::string> write_certificate(X509* certificate);

// A request of at most 4,096 bytes whose signature is right and whose key is P-256.
Expected<RequestPtr> read_request(std::string_view der);

std::string to_hex(const unsigned char* bytes, std::size_t count);
std::string sha256_hex(std::string_view bytes);
Expected<std::string> fingerprint_of(X509* certificate);
Expected<std::string> key_fingerprint_of(EVP_PKEY* key);
std::string serial_of(const X509* certificate);
std::int64_t unix_s(const ASN1_TIME* time);

}  // namespace heartgate::control::pki
