// SPDX-License-Identifier: Apache-2.0
#include "controlplane/pki/token.h"

#include <fmt/format.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>

#include "controlplane/pki/openssl.h"

namespace heartgate::control::pki {
namespace {

constexpr std::string_view kPrefix = "hgt1.";
constexpr std::size_t kMaxSecret = 128;
constexpr std::size_t kFingerprintDigits = 64;

bool is_lower_hex(std::string_view text) {
    return std::ranges::all_of(text, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

std::string_view trim(std::string_view text) {
    constexpr std::string_view kBlanks = " \t\r\n";
    const auto first = text.find_first_not_of(kBlanks);
    if (first == std::string_view::npos) return {};
    return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

tl::unexpected<Error> malformed(std::string_view what) {
    return error(
        ErrorKind::kInvalidArgument,
        fmt::format("enrolment token: {}; expected hgt1.SECRET.FINGERPRINT as 'hgctl token create' prints it", what));
}

}  // namespace

Expected<Token> make_token(std::string_view ca_fingerprint) {
    std::array<unsigned char, 24> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1)
        return openssl_error(ErrorKind::kInternal, "no random numbers for a token");
    return Token{to_hex(bytes.data(), bytes.size()), std::string(ca_fingerprint)};
}

std::string format_token(const Token& token) {
    return fmt::format("{}{}.{}", kPrefix, token.secret, token.fingerprint);
}

Expected<Token> parse_token(std::string_view text) {
    text = trim(text);
    if (!text.starts_with(kPrefix)) return malformed("does not begin with hgt1.");
    text.remove_prefix(kPrefix.size());
    const auto dot = text.find('.');
    if (dot == std::string_view::npos) return malformed("the CA's fingerprint is missing");
    const std::string_view secret = text.substr(0, dot);
    const std::string_view fingerprint = text.substr(dot + 1);
    if (secret.empty() || secret.size() > kMaxSecret || !is_lower_hex(secret))
        return malformed("the secret is not hexadecimal");
    if (fingerprint.size() != kFingerprintDigits || !is_lower_hex(fingerprint))
        return malformed("the CA's fingerprint is not 64 hexadecimal digits");
    return Token{std::string(secret), std::string(fingerprint)};
}

std::string hash_token(std::string_view secret) { return sha256_hex(secret); }

}  // namespace heartgate::control::pki
