// SPDX-License-Identifier: Apache-2.0
// The client's side of trust: is the server that answers the one the enrolment token speaks of? To be asked before any
// secret is sent.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "controlplane/common/error.h"

namespace heartgate::control::pki {

// SHA-256 of the first certificate's DER in the PEM text, lower-case hexadecimal.
Expected<std::string> certificate_fingerprint(std::string_view certificate_pem);

// Checks a server's chain (PEM, leaf first, as it came in the handshake): one of its certificates has this fingerprint,
// has signed the leaf, and the leaf is for server authentication, P-256 and valid now. Gives back that CA certificate
// as PEM, to be pinned from then on. kUnauthenticated if not. Addresses and names are not compared: the endpoint finds
// its gateway on the path, and only the gateway has a key that this CA signed for servers.
Expected<std::string> check_server_chain(std::string_view chain_pem, std::string_view ca_fingerprint,
                                         std::int64_t now_unix_s);

}  // namespace heartgate::control::pki
