// SPDX-License-Identifier: Apache-2.0
#include "controlplane/pki/chain_verifier.h"

#include <openssl/err.h>
#include <openssl/x509_vfy.h>

#include <optional>

#include "controlplane/pki/endpoint_uri.h"
#include "controlplane/pki/openssl.h"

namespace heartgate::control::pki {

struct ChainVerifier::State {
    StorePtr store;
    std::int64_t accept_expired_s = 0;
    std::unordered_set<std::string> revoked;
};

namespace {

// The signature and usage part of RFC 5280, section 6. Time is checked by the caller, for the leaf alone: the CA is a
// trust anchor, and those have no validity of their own there.
ChainResult check_chain(X509_STORE* store, X509* leaf) {
    const StoreContextPtr context(X509_STORE_CTX_new());
    if (!context || X509_STORE_CTX_init(context.get(), store, leaf, nullptr) != 1) return ChainResult::kMalformed;
    X509_VERIFY_PARAM* parameters = X509_STORE_CTX_get0_param(context.get());
    X509_VERIFY_PARAM_set_purpose(parameters, X509_PURPOSE_SSL_CLIENT);
    X509_VERIFY_PARAM_set_flags(parameters, X509_V_FLAG_X509_STRICT | X509_V_FLAG_NO_CHECK_TIME);
    const bool good = X509_verify_cert(context.get()) == 1;
    const int problem = X509_STORE_CTX_get_error(context.get());
    ERR_clear_error();
    if (!good) return problem == X509_V_ERR_INVALID_PURPOSE ? ChainResult::kWrongUsage : ChainResult::kOtherCa;
    if (X509_check_ca(leaf) != 0 || !is_p256(X509_get0_pubkey(leaf))) return ChainResult::kWrongUsage;
    // A certificate without any extended key usage would pass OpenSSL's purpose check.
    if ((X509_get_extension_flags(leaf) & EXFLAG_XKUSAGE) == 0 ||
        (X509_get_extended_key_usage(leaf) & XKU_SSL_CLIENT) == 0)
        return ChainResult::kWrongUsage;
    return ChainResult::kOk;
}

std::optional<std::string> endpoint_id_of(const X509* leaf) {
    const std::unique_ptr<GENERAL_NAMES, Deleter<GENERAL_NAMES_free>> names(
        static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(leaf, NID_subject_alt_name, nullptr, nullptr)));
    if (!names) return std::nullopt;
    std::optional<std::string> id;
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
        const GENERAL_NAME* name = sk_GENERAL_NAME_value(names.get(), i);
        if (name->type != GEN_URI) continue;
        if (id) return std::nullopt;
        const ASN1_IA5STRING* uri = name->d.uniformResourceIdentifier;
        id = endpoint_id_from_uri({reinterpret_cast<const char*>(ASN1_STRING_get0_data(uri)),
                                   static_cast<std::size_t>(ASN1_STRING_length(uri))});
        if (!id) return std::nullopt;
    }
    return id;
}

}  // namespace

std::string_view to_string(ChainResult result) {
    switch (result) {
        case ChainResult::kOk:
            return "ok";
        case ChainResult::kNoCertificate:
            return "no certificate";
        case ChainResult::kMalformed:
            return "malformed certificate";
        case ChainResult::kOtherCa:
            return "other CA";
        case ChainResult::kExpired:
            return "expired";
        case ChainResult::kNotYetValid:
            return "not yet valid";
        case ChainResult::kWrongUsage:
            return "wrong key usage";
        case ChainResult::kNoIdentity:
            return "no endpoint identity";
        case ChainResult::kRevoked:
            return "revoked";
    }
    return "unknown";
}

ChainVerifier::ChainVerifier(std::unique_ptr<State> state) : state_(std::move(state)) {}
ChainVerifier::ChainVerifier(ChainVerifier&&) noexcept = default;
ChainVerifier& ChainVerifier::operator=(ChainVerifier&&) noexcept = default;
ChainVerifier::~ChainVerifier() = default;

Expected<ChainVerifier> ChainVerifier::create(std::string_view trust_bundle_pem, std::chrono::seconds accept_expired,
                                              std::unordered_set<std::string> revoked_serials) {
    auto state = std::make_unique<State>();
    state->store.reset(X509_STORE_new());
    const auto anchors = read_certificates(trust_bundle_pem);
    if (anchors.empty())
        return error(ErrorKind::kInvalidArgument, "the trust bundle holds no PEM certificate, or a damaged one");
    for (const auto& anchor : anchors) {
        if (!state->store || X509_STORE_add_cert(state->store.get(), anchor.get()) != 1)
            return openssl_error(ErrorKind::kInternal, "cannot use a certificate of the trust bundle");
    }
    state->accept_expired_s = accept_expired.count();
    state->revoked = std::move(revoked_serials);
    return ChainVerifier(std::move(state));
}

ChainVerdict ChainVerifier::verify(std::string_view leaf_pem, std::int64_t now_unix_s) const {
    if (leaf_pem.empty()) return {ChainResult::kNoCertificate, {}};
    const auto certificates = read_certificates(leaf_pem);
    if (certificates.empty()) return {ChainResult::kMalformed, {}};
    X509* leaf = certificates.front().get();
    if (const ChainResult chain = check_chain(state_->store.get(), leaf); chain != ChainResult::kOk) return {chain, {}};
    auto id = endpoint_id_of(leaf);
    if (!id) return {ChainResult::kNoIdentity, {}};
    PeerIdentity identity{std::move(*id), serial_of(leaf), unix_s(X509_get0_notAfter(leaf))};
    ChainResult result = check_again(identity, now_unix_s);
    if (result == ChainResult::kOk && now_unix_s < unix_s(X509_get0_notBefore(leaf)))
        result = ChainResult::kNotYetValid;
    return {result, std::move(identity)};
}

ChainResult ChainVerifier::check_again(const PeerIdentity& identity, std::int64_t now_unix_s) const {
    if (state_->revoked.contains(identity.serial)) return ChainResult::kRevoked;
    if (now_unix_s > identity.not_after_unix_s + state_->accept_expired_s) return ChainResult::kExpired;
    return ChainResult::kOk;
}

}  // namespace heartgate::control::pki
