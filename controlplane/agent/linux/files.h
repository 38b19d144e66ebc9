// SPDX-License-Identifier: Apache-2.0
// The agent's own files: written whole or not at all, readable by it alone.
#pragma once

#include <sys/types.h>

#include <optional>
#include <string>

#include "agent_state.pb.h"
#include "controlplane/agent/core/identity.h"
#include "controlplane/common/error.h"

namespace heartgate::control::agent {

// "WHAT PATH: what the system says".
[[nodiscard]] Error system_error(const std::string& what, const std::string& path);

// With its parents; the last one with mode 0700 if it is new.
Expected<void> make_private_directory(const std::string& path);
// Mode 0600; on disk when it returns; an old one is there until the new one is complete.
Expected<void> write_private_file(const std::string& path, const std::string& contents);
// Nothing if there is none.
Expected<std::optional<std::string>> read_own_file(const std::string& path);

// The files of a state directory: "state", "identity.key", "identity.pem", "ca.pem".
class StateDirectory {
public:
    explicit StateDirectory(std::string path) : path_{std::move(path)} {}

    // A damaged state counts as none, but only after it was put aside as "state.damaged".
    Expected<heartgate::agent::v1::AgentState> read_state() const;
    Expected<void> write_state(const heartgate::agent::v1::AgentState& state) const;

    // Nothing before the enrolment.
    Expected<std::optional<Identity>> read_identity() const;
    Expected<void> write_identity(const Identity& identity) const;
    // Made at first; the same from then on, so that an enrolment may be repeated.
    Expected<std::string> key() const;
    // Changes whenever the certificate is written; 0: there is none.
    [[nodiscard]] std::int64_t identity_version() const;

private:
    [[nodiscard]] std::string file(const char* name) const { return path_ + "/" + name; }
    std::string path_;
};

}  // namespace heartgate::control::agent
