// SPDX-License-Identifier: Apache-2.0
// The appliance's own certificate authority: P-256, one self-signed root that signs endpoint and server certificates.
// It does not remember what it issued; revocation and endpoint records are the store's.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "controlplane/common/error.h"

namespace heartgate::control::pki {

std::int64_t unix_now_s();

struct EndpointCertificate {
    std::string certificate_pem;
    std::string serial;  // lower-case hexadecimal, as ChainVerifier reports it
    std::int64_t not_after_unix_s = 0;
};

struct ServerCertificate {
    std::string certificate_pem;  // the leaf, then the CA certificate, so that clients can find the CA by fingerprint
    std::string key_pem;
    std::int64_t not_after_unix_s = 0;
};

// Immutable after opening; the functions may be called from several threads.
class CertificateAuthority {
public:
    // Opens ca.key (0600) and ca.pem in the directory, or makes both if neither exists. Files that are damaged, do not
    // belong together or of which only one exists are an error and stay untouched.
    static Expected<CertificateAuthority> open_or_create(const std::filesystem::path& directory);

    CertificateAuthority(CertificateAuthority&&) noexcept;
    CertificateAuthority& operator=(CertificateAuthority&&) noexcept;
    ~CertificateAuthority();

    const std::string& ca_pem() const;
    const std::string& fingerprint() const;  // SHA-256 of the CA certificate's DER, lower-case hexadecimal

    // Signs the request's key as spiffe://heartgate/endpoint/UUID for client authentication. The request's own
    // signature must be right and its key P-256 (kInvalidArgument otherwise); its subject and extensions are ignored.
    // Valid from one hour before now, for clocks that are behind.
    Expected<EndpointCertificate> issue_endpoint(std::string_view csr_der, std::string_view uuid,
                                                 std::chrono::seconds validity,
                                                 std::int64_t now_unix_s = unix_now_s()) const;

    // A new key and certificate for server authentication under these names and addresses (IPv4 or IPv6 text).
    Expected<ServerCertificate> issue_server(std::span<const std::string> dns_names, std::span<const std::string> ips,
                                             std::chrono::seconds validity,
                                             std::int64_t now_unix_s = unix_now_s()) const;

private:
    struct State;
    explicit CertificateAuthority(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace heartgate::control::pki
