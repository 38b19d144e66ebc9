// SPDX-License-Identifier: Apache-2.0
// Enrolment tokens, "hgt1.SECRET.FINGERPRINT": the secret is worth one certificate, the fingerprint says whom to give
// it to. How often and until when a token is good is kept by whoever stores its hash.
#pragma once

#include <string>
#include <string_view>

#include "controlplane/common/error.h"

namespace heartgate::control::pki {

struct Token {
    std::string secret;       // 48 hexadecimal digits (192 random bits) when made by make_token
    std::string fingerprint;  // SHA-256 of the CA certificate's DER, 64 lower-case hexadecimal digits
};

// A new secret for the CA with this fingerprint.
Expected<Token> make_token(std::string_view ca_fingerprint);

std::string format_token(const Token& token);

// Blanks around the token are ignored. The message never repeats the secret.
Expected<Token> parse_token(std::string_view text);

// What is stored instead of the secret: its SHA-256 in hexadecimal. The secret has 192 random bits, so no salt is
// needed.
std::string hash_token(std::string_view secret);

}  // namespace heartgate::control::pki
