// SPDX-License-Identifier: Apache-2.0
// A TLS handshake for the sake of the certificates in it, before we know whom to trust.
#pragma once

#include <string>

#include "controlplane/agent/core/config.h"
#include "controlplane/common/error.h"

namespace heartgate::control::agent {

// Connects, shakes hands, and hangs up. Gives what the server showed (PEM, leaf first), checked by nobody.
// Takes at most `timeout_s`. kUnavailable if nobody answers.
[[nodiscard]] Expected<std::string> fetch_server_chain(const Gateway& gateway, int timeout_s);

}  // namespace heartgate::control::agent
