// SPDX-License-Identifier: Apache-2.0
// Tokens, certificates, certificate requests and the names in them.
#include <openssl/evp.h>

#include <filesystem>

#include "controlplane/pki/certificate_authority.h"
#include "controlplane/pki/chain_verifier.h"
#include "controlplane/pki/endpoint_uri.h"
#include "controlplane/pki/openssl.h"
#include "controlplane/pki/token.h"
#include "tests/fuzz/input.h"

using namespace heartgate::control::pki;
using heartgate::fuzz::Input;
using heartgate::fuzz::require;

namespace {

const ChainVerifier& verifier() {
    static const ChainVerifier made = [] {
        std::string folder = "/tmp/heartgate-fuzz-XXXXXX";
        require(mkdtemp(folder.data()) != nullptr, "a temporary folder can be made");
        const auto authority = CertificateAuthority::open_or_create(folder);
        require(authority.has_value(), "a CA can be made");
        auto created = ChainVerifier::create(authority->ca_pem(), std::chrono::hours{1});
        std::filesystem::remove_all(folder);
        require(created.has_value(), "its certificate is trusted");
        return std::move(*created);
    }();
    return made;
}

// The fuzzer changes DER; base64 would break at each change.
std::string pem_of(std::span<const std::uint8_t> der) {
    std::string base64(4 * ((der.size() + 2) / 3) + 1, '\0');
    const int length =
        EVP_EncodeBlock(reinterpret_cast<unsigned char*>(base64.data()), der.data(), static_cast<int>(der.size()));
    base64.resize(static_cast<std::size_t>(length));
    std::string pem = "-----BEGIN CERTIFICATE-----\n";
    for (std::size_t at = 0; at < base64.size(); at += 64) pem += base64.substr(at, 64) + "\n";
    return pem + "-----END CERTIFICATE-----\n";
}

void token(const std::string& text) {
    const auto parsed = parse_token(text);
    if (!parsed) return;
    const auto again = parse_token(format_token(*parsed));
    require(again && again->secret == parsed->secret && again->fingerprint == parsed->fingerprint,
            "a token comes back as it was written");
}

void uri(const std::string& text) {
    const auto id = endpoint_id_from_uri(text);
    if (!id) return;
    require(is_uuid(*id), "an endpoint's name holds a UUID");
    require(endpoint_uri(*id) == text, "a name comes back as it was written");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input{data, size};
    switch (input.byte() % 5U) {
        case 0:
            token(input.text());
            break;
        case 1:
            uri(input.text());
            break;
        case 2: {
            const std::string pem = input.text();
            (void)read_certificates(pem);
            (void)verifier().verify(pem, 1'800'000'000);
            break;
        }
        case 3: {
            const ChainVerdict verdict = verifier().verify(pem_of(input.rest()), 1'800'000'000);
            require(verdict.result != ChainResult::kOk, "nobody but the CA signs");
            break;
        }
        default:
            (void)read_request(input.text());
            break;
    }
    return 0;
}
