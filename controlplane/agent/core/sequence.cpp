// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/core/sequence.h"

#include <algorithm>

namespace heartgate::control::agent {
namespace {
constexpr std::uint64_t kBlock = 1U << 20U;
}

Sequence::Sequence(const heartgate::agent::v1::AgentState& state, const Boot& boot)
    : boot_id_{boot.id}, boot_{boot.start_unix_s} {
    if (state.boot_id() == boot.id) {
        // The same boot keeps its number, even if the calendar was set and its start now seems to be another one.
        boot_ = state.boot();
        next_ = std::max<std::uint64_t>(state.sequence_reserved(), 1);
    } else {
        boot_ = std::max(boot.start_unix_s, state.boot() + 1);
    }
    reserved_ = next_ + kBlock;
}

bool Sequence::reserve() {
    if (next_ + kBlock / 2 < reserved_) return false;
    reserved_ = next_ + kBlock;
    return true;
}

void Sequence::save(heartgate::agent::v1::AgentState& state) const {
    state.set_boot_id(boot_id_);
    state.set_boot(boot_);
    state.set_sequence_reserved(reserved_);
}

}  // namespace heartgate::control::agent
