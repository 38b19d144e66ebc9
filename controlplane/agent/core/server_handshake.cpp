// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/core/server_handshake.h"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>

#include <array>
#include <memory>

namespace heartgate::control::agent {
namespace {

using ContextPtr = std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)>;
using BioPtr = std::unique_ptr<BIO, decltype(&BIO_free_all)>;

tl::unexpected<Error> no_answer(const Gateway& gateway) {
    const unsigned long code = ERR_peek_last_error();
    const char* reason = code == 0 ? nullptr : ERR_reason_error_string(code);
    ERR_clear_error();
    return error(
        ErrorKind::kUnavailable,
        fmt::format("no gateway answers with TLS 1.3 at {} ({}); is this machine behind a Heartgate, and is its "
                    "listener running?",
                    gateway.text(), reason == nullptr ? "connection closed" : reason));
}

Expected<std::string> to_pem(const STACK_OF(X509) * chain) {
    const BioPtr memory{BIO_new(BIO_s_mem()), &BIO_free_all};
    for (int i = 0; memory != nullptr && i < sk_X509_num(chain); ++i) {
        if (PEM_write_bio_X509(memory.get(), sk_X509_value(chain, i)) != 1) {
            return error(ErrorKind::kInternal, "cannot write a certificate as PEM");
        }
    }
    const char* data = nullptr;
    const long length = memory == nullptr ? 0 : BIO_get_mem_data(memory.get(), &data);
    if (length <= 0) return error(ErrorKind::kUnauthenticated, "the server showed no certificate");
    return std::string{data, static_cast<std::size_t>(length)};
}

}  // namespace

Expected<std::string> fetch_server_chain(const Gateway& gateway, int timeout_s) {
    ERR_clear_error();
    const ContextPtr context{SSL_CTX_new(TLS_client_method()), &SSL_CTX_free};
    if (context == nullptr || SSL_CTX_set_min_proto_version(context.get(), TLS1_3_VERSION) != 1) {
        return error(ErrorKind::kInternal, "cannot prepare a TLS handshake");
    }
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_NONE, nullptr);  // the caller checks, by the token's fingerprint
    constexpr std::array<unsigned char, 3> kHttp2{2, 'h', '2'};
    SSL_CTX_set_alpn_protos(context.get(), kHttp2.data(), kHttp2.size());

    const BioPtr connection{BIO_new_ssl_connect(context.get()), &BIO_free_all};
    SSL* ssl = nullptr;
    if (connection != nullptr) BIO_get_ssl(connection.get(), &ssl);
    if (ssl == nullptr || BIO_set_conn_hostname(connection.get(), gateway.text().c_str()) != 1) {
        return error(ErrorKind::kInternal, "cannot prepare a TLS connection");
    }
    if (BIO_do_connect_retry(connection.get(), timeout_s, 10) != 1) return no_answer(gateway);
    const STACK_OF(X509)* chain = SSL_get_peer_cert_chain(ssl);
    if (chain == nullptr) return error(ErrorKind::kUnauthenticated, "the server showed no certificate");
    return to_pem(chain);
}

}  // namespace heartgate::control::agent
