// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/enrolment.h"

#include <fmt/format.h>
#include <openssl/rand.h>
#include <spdlog/spdlog.h>

#include <array>

#include "controlplane/common/text.h"
#include "controlplane/daemon/clock.h"
#include "controlplane/daemon/grpc_status.h"
#include "controlplane/pki/key.h"
#include "controlplane/pki/token.h"

namespace heartgate::control {
namespace {

constexpr std::uint32_t kMostUses = 10'000;
constexpr std::uint32_t kDefaultValidity = 86'400;
constexpr std::uint32_t kMostValidity = 2'592'000;
constexpr std::size_t kMostToken = 128;
constexpr std::size_t kMostMachineId = 64;

// RFC 9562, version 4.
Expected<std::string> make_uuid() {
    std::array<unsigned char, 16> bytes{};
    if (RAND_bytes(bytes.data(), static_cast<int>(bytes.size())) != 1) {
        return error(ErrorKind::kInternal, "no random numbers for a new endpoint's id: try again");
    }
    bytes[6] = static_cast<unsigned char>((bytes[6] & 0x0fU) | 0x40U);
    bytes[8] = static_cast<unsigned char>((bytes[8] & 0x3fU) | 0x80U);
    std::string text;
    for (std::size_t index = 0; index < bytes.size(); ++index) {
        if (index == 4 || index == 6 || index == 8 || index == 10) text += '-';
        text += fmt::format("{:02x}", bytes[index]);
    }
    return text;
}

// A whole token is taken, too: that is what people copy.
std::string secret_of(const std::string& token) {
    const auto parsed = pki::parse_token(token);
    return parsed ? parsed->secret : token;
}

}  // namespace

Enrolment::Enrolment(const pki::CertificateAuthority& authority, EndpointRegistry& registry, StoreWriter& store,
                     EventLog& events, std::chrono::seconds validity, Hooks hooks)
    : authority_{authority},
      registry_{registry},
      store_{store},
      events_{events},
      validity_{validity},
      hooks_{std::move(hooks)} {}

void Enrolment::load(const StoredState& state) {
    for (const StoredToken& token : state.tokens) tokens_[token.hash] = {token.uses_left, token.expires_unix_s, {}};
    for (const TokenUse& use : state.token_uses) tokens_[use.hash].used[use.key_fingerprint] = use.endpoint_id;
    for (const RevokedSerial& revoked : state.revoked) revoked_.insert(revoked.serial);
}

void Enrolment::call(const v1::EnrolmentCall& call, Answer answer) {
    const Complete complete = [number = call.call(), answer = std::move(answer)](Expected<v1::EnrolResponse> result) {
        v1::EnrolmentAnswer message;
        message.set_call(number);
        if (result) {
            *message.mutable_response() = std::move(*result);
        } else {
            message.set_status(status_code(result.error().kind));
            message.set_error(result.error().message);
        }
        answer(message);
    };
    const auto peer = IpAddress::from_wire(call.peer_address());
    if (call.has_enrol()) {
        enrol(call.enrol(), peer, complete);
    } else if (call.has_renew()) {
        renew(call, complete);
    } else {
        complete(error(ErrorKind::kInvalidArgument, "neither an enrolment nor a renewal"));
    }
}

void Enrolment::enrol(const v1::EnrolRequest& request, const std::optional<IpAddress>& from, const Complete& complete) {
    const std::string peer = from ? from->text() : "an unknown address";
    if (request.token().size() > kMostToken + 80 || request.machine_id().size() > kMostMachineId) {
        complete(error(ErrorKind::kInvalidArgument, "token or machine id too long; allowed: 128 and 64 bytes"));
        return;
    }
    const auto key = pki::csr_key_fingerprint(request.csr_der());
    if (!key) {
        complete(tl::unexpected(key.error()));
        return;
    }
    const auto entry = tokens_.find(pki::hash_token(secret_of(request.token())));
    if (entry == tokens_.end() || entry->second.expires_unix_s < pki::unix_now_s()) {
        spdlog::warn("enrolment from {} refused: the token is unknown or has expired", peer);
        complete(error(ErrorKind::kUnauthenticated,
                       "the token is unknown or has expired: make a new one with `hgctl token create`"));
        return;
    }
    Token& token = entry->second;
    if (const auto used = token.used.find(*key); used != token.used.end()) {
        EndpointRecord* record = registry_.find_id(used->second);
        if (record == nullptr) {
            complete(error(ErrorKind::kUnauthenticated, "the endpoint of this token was removed: use a new token"));
            return;
        }
        auto response = issue(request.csr_der(), record->stored);
        registry_.save(*record, [complete, response = std::move(response)] { complete(response); });
        return;
    }
    if (token.uses_left == 0) {
        spdlog::warn("enrolment from {} refused: the token is used up", peer);
        complete(error(ErrorKind::kUnauthenticated, "the token is used up: make a new one with `hgctl token create`"));
        return;
    }
    EndpointRecord* known = from ? hooks_.machine_at(*from) : nullptr;
    // Behind a layer 3 switch an address is no sign of a machine: another one gets it when the lease has ended.
    if (known != nullptr && !known->has_mac_at(*from) && known->stored.machine_id != request.machine_id()) {
        known = nullptr;
    }
    const EndpointRecord* isolated = isolated_on(request.machine_id());
    if (isolated == nullptr && known != nullptr && known->target.isolated) isolated = known;
    if (isolated != nullptr) {
        const std::string text =
            fmt::format("enrolment from {} refused: this machine is enrolled as {} ({}), which is isolated", peer,
                        isolated->stored.host, isolated->stored.id);
        spdlog::warn("{}", text);
        events_.add(v1::SPOOF, text);
        complete(error(ErrorKind::kFailedPrecondition,
                       "this machine is enrolled and isolated: have it cleaned or released first (`hgctl endpoint "
                       "list` shows it)"));
        return;
    }
    // One that is connected has lost nothing: this is another machine behind the same MAC, or the claim of one.
    if (known != nullptr && !known->live()) {
        spdlog::info("{} at {} enrols anew and keeps its entry {}", known->stored.host, peer, known->stored.id);
        enrol_again(request, *key, token, entry->first, *known, complete);
        return;
    }
    auto id = make_uuid();
    if (!id) {
        complete(tl::unexpected(id.error()));
        return;
    }
    StoredEndpoint endpoint;
    endpoint.id = *id;
    endpoint.index = registry_.next_index();
    endpoint.host = clean_text(request.host(), 255);
    endpoint.key_fingerprint = *key;
    endpoint.machine_id = request.machine_id();
    endpoint.since_unix_ms = unix_now_ms();
    auto response = issue(request.csr_der(), endpoint);
    if (!response) {
        complete(std::move(response));
        return;
    }
    --token.uses_left;
    token.used[*key] = endpoint.id;
    spdlog::info("{} at {} has enrolled as {}", endpoint.host, peer, endpoint.id);
    std::vector<StoreChange> also{StoredToken{entry->first, token.uses_left, token.expires_unix_s},
                                  TokenUse{entry->first, *key, endpoint.id}};
    registry_.add(std::move(endpoint), std::move(also),
                  [complete, response = std::move(response)] { complete(response); });
}

void Enrolment::enrol_again(const v1::EnrolRequest& request, const std::string& key, Token& token,
                            const std::string& hash, EndpointRecord& record, const Complete& complete) {
    const std::string former = record.stored.certificate_serial;
    StoredEndpoint renewed = record.stored;
    auto response = issue(request.csr_der(), renewed);
    if (!response) {
        complete(std::move(response));
        return;
    }
    hooks_.revoke(record);
    --token.uses_left;
    token.used[key] = record.stored.id;
    record.stored = std::move(renewed);
    record.stored.key_fingerprint = key;
    record.stored.machine_id = request.machine_id();
    record.stored.boot = 0;
    record.stored.sequence = 0;
    // Its colour stays until it has shown another; its count of heartbeats begins anew.
    record.health = EndpointHealth{
        record.health.colour(), record.health.presence(), {}, std::chrono::milliseconds{record.stored.interval_ms}};
    v1::Event event;
    event.set_kind(v1::ENDPOINT_ENROLLED);
    event.set_endpoint_id(record.stored.id);
    event.set_host(record.stored.host);
    event.set_text(fmt::format("{} has enrolled anew, its former certificate is revoked", record.stored.host));
    events_.add(std::move(event));
    store_.write({record.stored, RevokedSerial{former}, StoredToken{hash, token.uses_left, token.expires_unix_s},
                  TokenUse{hash, key, record.stored.id}},
                 [complete, response = std::move(response)] { complete(response); });
}

const EndpointRecord* Enrolment::isolated_on(const std::string& machine_id) const {
    if (machine_id.empty()) return nullptr;
    for (const auto& [index, record] : registry_.by_index()) {
        if (record->target.isolated && record->stored.machine_id == machine_id) return record.get();
    }
    return nullptr;
}

void Enrolment::renew(const v1::EnrolmentCall& call, const Complete& complete) {
    EndpointRecord* record = registry_.find_id(call.endpoint_id());
    if (record == nullptr || revoked_.contains(call.serial())) {
        complete(error(ErrorKind::kUnauthenticated,
                       "the endpoint is unknown here or its certificate was revoked: enrol it again with a token"));
        return;
    }
    const auto key = pki::csr_key_fingerprint(call.renew().csr_der());
    if (!key) {
        complete(tl::unexpected(key.error()));
        return;
    }
    if (*key != record->stored.key_fingerprint) {
        complete(error(ErrorKind::kUnauthenticated,
                       "the request is signed by another key than the certificate's: a new key needs a new token"));
        return;
    }
    auto response = issue(call.renew().csr_der(), record->stored);
    registry_.save(*record, [complete, response = std::move(response)] { complete(response); });
}

Expected<v1::EnrolResponse> Enrolment::issue(const std::string& csr_der, StoredEndpoint& endpoint) const {
    const auto certificate = authority_.issue_endpoint(csr_der, endpoint.id, validity_);
    if (!certificate) return tl::unexpected(certificate.error());
    endpoint.certificate_serial = certificate->serial;
    endpoint.certificate_not_after_unix_s = certificate->not_after_unix_s;
    v1::EnrolResponse response;
    response.set_endpoint_id(endpoint.id);
    response.set_certificate_pem(certificate->certificate_pem);
    response.set_ca_pem(authority_.ca_pem());
    response.set_not_after_unix_s(certificate->not_after_unix_s);
    return response;
}

void Enrolment::create_token(const v1::CreateTokenRequest& request,
                             const std::function<void(Expected<v1::CreateTokenResponse>)>& done) {
    if (request.uses() > kMostUses || request.valid_s() > kMostValidity) {
        done(error(ErrorKind::kInvalidArgument,
                   fmt::format("uses {} and validity {} s; allowed: at most {} uses and {} s", request.uses(),
                               request.valid_s(), kMostUses, kMostValidity)));
        return;
    }
    const auto token = pki::make_token(authority_.fingerprint());
    if (!token) {
        done(tl::unexpected(token.error()));
        return;
    }
    const std::uint32_t uses = request.uses() == 0 ? 1 : request.uses();
    const std::int64_t expires = pki::unix_now_s() + (request.valid_s() == 0 ? kDefaultValidity : request.valid_s());
    const std::string hash = pki::hash_token(token->secret);
    tokens_[hash] = {uses, expires, {}};
    v1::CreateTokenResponse response;
    response.set_token(pki::format_token(*token));
    response.set_expires_unix_s(expires);
    events_.add(v1::TOKEN_CREATED, fmt::format("a token for {} enrolment{} was created", uses, uses == 1 ? "" : "s"));
    store_.write({StoredToken{hash, uses, expires}}, [done, response = std::move(response)] { done(response); });
}

}  // namespace heartgate::control
