// SPDX-License-Identifier: Apache-2.0
// Tokens and certificates: who becomes an endpoint of this gateway, and who stays one.
// Transport and verification of the client certificate are the listener's; keys and signatures are pki's.
#pragma once

#include <heartgate/v1/administration.pb.h>
#include <heartgate/v1/listener.pb.h>

#include <chrono>
#include <functional>
#include <map>
#include <set>
#include <string>

#include "controlplane/common/error.h"
#include "controlplane/common/ip_network.h"
#include "controlplane/daemon/endpoint_registry.h"
#include "controlplane/pki/certificate_authority.h"

namespace heartgate::control {

class Enrolment {
public:
    using Answer = std::function<void(const v1::EnrolmentAnswer&)>;

    struct Hooks {
        std::function<EndpointRecord*(const IpAddress& peer)> machine_at;  // whose MAC the gateway sees there
        std::function<void(EndpointRecord&)> revoke;                       // its present certificate
    };

    Enrolment(const pki::CertificateAuthority& authority, EndpointRegistry& registry, StoreWriter& store,
              EventLog& events, std::chrono::seconds validity, Hooks hooks);

    void load(const StoredState& state);

    // A certificate with this serial is not renewed.
    void revoke(const std::string& serial) { revoked_.insert(serial); }
    // Answers once everything is on disk.
    void call(const v1::EnrolmentCall& call, Answer answer);
    // `done` gets the token, whose secret is not kept.
    void create_token(const v1::CreateTokenRequest& request,
                      const std::function<void(Expected<v1::CreateTokenResponse>)>& done);

private:
    struct Token {
        std::uint32_t uses_left = 0;
        std::int64_t expires_unix_s = 0;
        std::map<std::string, std::string> used;  // key fingerprint -> endpoint id
    };

    // The answer without its number, or why not; the function that completes it is called at once or later.
    using Complete = std::function<void(Expected<v1::EnrolResponse>)>;
    void enrol(const v1::EnrolRequest& request, const std::optional<IpAddress>& peer, const Complete& complete);
    // The isolated endpoint that this machine is, if any: it must not get rid of its isolation by another certificate.
    [[nodiscard]] const EndpointRecord* isolated_on(const std::string& machine_id) const;
    // A machine that is known and enrols anew, as after an installation: keeps its entry with colour and addresses, and
    // gets another certificate; its former one is revoked.
    void enrol_again(const v1::EnrolRequest& request, const std::string& key, Token& token, const std::string& hash,
                     EndpointRecord& record, const Complete& complete);
    void renew(const v1::EnrolmentCall& call, const Complete& complete);
    Expected<v1::EnrolResponse> issue(const std::string& csr_der, StoredEndpoint& endpoint) const;

    const pki::CertificateAuthority& authority_;
    EndpointRegistry& registry_;
    StoreWriter& store_;
    EventLog& events_;
    std::chrono::seconds validity_;
    Hooks hooks_;
    std::map<std::string, Token> tokens_;  // by hash
    std::set<std::string> revoked_;
};

}  // namespace heartgate::control
