// SPDX-License-Identifier: Apache-2.0
// The number of a heartbeat: (boot, sequence) only grows, over restarts of the agent and over set clocks, since the
// gateway takes anything else for a replay.
#pragma once

#include <cstdint>
#include <string>

#include "agent_state.pb.h"

namespace heartgate::control::agent {

// Which boot of the machine this is.
struct Boot {
    std::string id;                  // differs between boots, stays within one
    std::uint64_t start_unix_s = 0;  // by the calendar of this moment
};

class Sequence {
public:
    // Goes on after what a former run may have used. Numbers are used from a block that is written down beforehand, so
    // that a crash repeats none; save the state before the first next().
    Sequence(const heartgate::agent::v1::AgentState& state, const Boot& boot);

    [[nodiscard]] std::uint64_t boot() const { return boot_; }
    [[nodiscard]] std::uint64_t next() { return next_++; }
    // More than half of the block is used up: reserves the next one. True: save the state soon.
    bool reserve();
    void save(heartgate::agent::v1::AgentState& state) const;

private:
    std::string boot_id_;
    std::uint64_t boot_ = 0;
    std::uint64_t next_ = 1;
    std::uint64_t reserved_ = 1;
};

}  // namespace heartgate::control::agent
