// SPDX-License-Identifier: Apache-2.0
// Private keys and signing requests: what a client needs before it has a certificate. Keys are P-256 and stay PEM
// text; where they are kept is the caller's business.
#pragma once

#include <string>
#include <string_view>

#include "controlplane/common/error.h"

namespace heartgate::control::pki {

// A new P-256 key, PKCS #8 PEM, unencrypted.
Expected<std::string> make_key();

// A PKCS #10 request (DER, RFC 2986) signed by the key. Its subject is empty: the CA decides the name.
Expected<std::string> make_csr(std::string_view key_pem);

// SHA-256 of the request's public key (SubjectPublicKeyInfo, DER) in lower-case hexadecimal, after the checks that
// CertificateAuthority::issue_endpoint makes. Tells whether two requests are of one key.
Expected<std::string> csr_key_fingerprint(std::string_view csr_der);

// The same number for the public key of a certificate (the first in the PEM text).
Expected<std::string> certificate_key_fingerprint(std::string_view certificate_pem);

}  // namespace heartgate::control::pki
