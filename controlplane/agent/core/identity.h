// SPDX-License-Identifier: Apache-2.0
// Who this endpoint is towards a gateway, and how it becomes that: enrolment with a token, renewal after that.
// How messages travel and where the identity is kept is for others.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "controlplane/agent/core/config.h"
#include "controlplane/common/error.h"
#include "heartgate/v1/enrolment.pb.h"

namespace heartgate::control::agent {

struct Identity {
    std::string key_pem;
    std::string certificate_pem;
    std::string ca_pem;  // whom we believe to be a gateway
};

struct Validity {
    std::int64_t not_before_unix_s = 0;
    std::int64_t not_after_unix_s = 0;
    // Half-life: from here on a new certificate is asked for.
    [[nodiscard]] std::int64_t renew_at_unix_s() const {
        return not_before_unix_s + (not_after_unix_s - not_before_unix_s) / 2;
    }
};

[[nodiscard]] Expected<Validity> certificate_validity(const std::string& certificate_pem);

class EnrolmentTransport {
public:
    virtual ~EnrolmentTransport() = default;
    // The certificates (PEM, leaf first) that whoever answers there shows in a TLS handshake. Sends nothing else.
    virtual Expected<std::string> server_chain(const Gateway& gateway) = 0;
    // Both speak only to a server with a certificate from identity.ca_pem. enrol() shows no certificate.
    virtual Expected<v1::EnrolResponse> enrol(const Gateway& gateway, const std::string& ca_pem,
                                              const v1::EnrolRequest& request) = 0;
    virtual Expected<v1::EnrolResponse> renew(const Gateway& gateway, const Identity& identity,
                                              const v1::RenewRequest& request) = 0;
};

struct EnrolmentFacts {
    std::string host;
    std::string machine_id;
    std::int64_t now_unix_s = 0;
};

// Tries the gateways in turn. Before the token's secret leaves this machine, the server has shown the CA whose
// fingerprint the token carries and a certificate signed by it. kUnauthenticated if it has not.
[[nodiscard]] Expected<Identity> enrol(const std::string& token_text, const std::string& key_pem,
                                       const std::vector<Gateway>& gateways, const EnrolmentFacts& facts,
                                       EnrolmentTransport& transport);

// A new certificate for the same key.
[[nodiscard]] Expected<Identity> renew(const Identity& identity, const std::vector<Gateway>& gateways,
                                       EnrolmentTransport& transport);

}  // namespace heartgate::control::agent
