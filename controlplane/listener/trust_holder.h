// SPDX-License-Identifier: Apache-2.0
// The trust in force, shared between the event loop, which replaces it, and gRPC's threads, which ask it.
#pragma once

#include <atomic>
#include <memory>
#include <utility>

#include "controlplane/pki/chain_verifier.h"

namespace heartgate::control::listener {

class TrustHolder {
public:
    // Null until heartgated has said whom to trust: then nobody is.
    [[nodiscard]] std::shared_ptr<const pki::ChainVerifier> get() const { return verifier_.load(); }
    void set(pki::ChainVerifier verifier) {
        verifier_.store(std::make_shared<const pki::ChainVerifier>(std::move(verifier)));
    }

private:
    std::atomic<std::shared_ptr<const pki::ChainVerifier>> verifier_;
};

}  // namespace heartgate::control::listener
