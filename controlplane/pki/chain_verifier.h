// SPDX-License-Identifier: Apache-2.0
// Decides whether a peer's certificate is good: chain, time, usage, identity, revocation. gRPC's own verification
// cannot accept a certificate that expired while the CA was away, so the listener asks here instead.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_set>

#include "controlplane/common/error.h"

namespace heartgate::control::pki {

enum class ChainResult {
    kOk,
    kNoCertificate,
    kMalformed,  // not a PEM certificate
    kOtherCa,    // not signed by the trust bundle
    kExpired,    // and beyond what accept_expired allows
    kNotYetValid,
    kWrongUsage,  // not for client authentication, or not a P-256 key
    kNoIdentity,  // no URI spiffe://heartgate/endpoint/UUID, or more than one URI
    kRevoked,
};

// "other CA", "expired", ...: short, stable, for counters and Refusal.cause.
std::string_view to_string(ChainResult result);

struct PeerIdentity {
    std::string endpoint_id;  // the UUID of the certificate's URI
    std::string serial;       // lower-case hexadecimal
    std::int64_t not_after_unix_s = 0;
};

struct ChainVerdict {
    ChainResult result = ChainResult::kNoCertificate;
    PeerIdentity identity;  // set once the signature is known to be right; empty before
};

// Immutable: a new trust makes a new verifier. The functions may be called from several threads.
class ChainVerifier {
public:
    // kInvalidArgument if the bundle holds no certificate.
    static Expected<ChainVerifier> create(std::string_view trust_bundle_pem, std::chrono::seconds accept_expired,
                                          std::unordered_set<std::string> revoked_serials = {});

    ChainVerifier(ChainVerifier&&) noexcept;
    ChainVerifier& operator=(ChainVerifier&&) noexcept;
    ~ChainVerifier();

    // The whole check of a leaf certificate, for the start of a session.
    ChainVerdict verify(std::string_view leaf_pem, std::int64_t now_unix_s) const;

    // Only what can change while a session lives: kOk, kExpired or kRevoked. No cryptography; for each heartbeat.
    ChainResult check_again(const PeerIdentity& identity, std::int64_t now_unix_s) const;

private:
    struct State;
    explicit ChainVerifier(std::unique_ptr<State> state);
    std::unique_ptr<State> state_;
};

}  // namespace heartgate::control::pki
