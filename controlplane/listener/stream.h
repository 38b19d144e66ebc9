// SPDX-License-Identifier: Apache-2.0
// An endpoint's open heartbeat stream, as the relay sees it.
#pragma once

#include <string>

#include "controlplane/pki/chain_verifier.h"

namespace heartgate::v1 {
class Directive;
}

namespace heartgate::control::listener {

// The functions may be called from any thread, also after the stream has ended (they then do nothing).
class Stream {
public:
    virtual ~Stream() = default;

    // Only the newest of several directives that could not be written yet is sent: each holds the whole state.
    virtual void send(const v1::Directive& directive) = 0;

    // Ends it with a gRPC status code (1 to 16) and a sentence for the endpoint.
    virtual void end(int status, const std::string& reason) = 0;

    // Asks anew whether its certificate is good, under another trust.
    [[nodiscard]] virtual pki::ChainResult judge(const pki::ChainVerifier& verifier) const = 0;
};

}  // namespace heartgate::control::listener
