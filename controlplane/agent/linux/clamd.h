// SPDX-License-Identifier: Apache-2.0
// ClamAV's daemon as a detector: the file goes through its socket (INSTREAM, clamd(8)), so it needs no rights of ours.
#pragma once

#include <optional>
#include <string>

#include "controlplane/agent/core/detector.h"
#include "controlplane/agent/core/moment.h"

namespace heartgate::control::agent {

class ClamdDetector final : public Detector {
public:
    explicit ClamdDetector(std::string socket) : socket_{std::move(socket)} {}

    [[nodiscard]] std::string name() const override { return "clamd"; }
    [[nodiscard]] bool fast() const override { return false; }
    Expected<std::optional<std::string>> scan(ScanSource& source) override;

    // When the signatures that it uses were made, seconds since 1970. An error: it does not answer.
    [[nodiscard]] Expected<std::int64_t> signatures_unix_s() const;

private:
    std::string socket_;
};

// "stream: NAME FOUND" and "stream: OK". An error for anything else.
[[nodiscard]] Expected<std::optional<std::string>> parse_clamd_verdict(std::string_view answer);
// "ClamAV 1.0.3/27106/Fri Nov 24 08:36:27 2023"
[[nodiscard]] std::optional<std::int64_t> parse_clamd_version(std::string_view answer);

}  // namespace heartgate::control::agent
