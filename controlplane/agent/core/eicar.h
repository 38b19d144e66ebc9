// SPDX-License-Identifier: Apache-2.0
// The EICAR anti-malware test file, exactly as its definition says: a file that begins with the 68 characters, has at
// most 128, and holds nothing but white space (space, tab, LF, CR, CTRL-Z) after them.
// The characters stand nowhere in this source or in the program, or both would be found by every scanner.
#pragma once

#include <string>

#include "controlplane/agent/core/detector.h"

namespace heartgate::control::agent {

inline constexpr std::size_t kEicarBytes = 68;
inline constexpr std::size_t kMostEicarFileBytes = 128;
inline constexpr char kEicarFinding[] = "Eicar-Test-Signature";

// The 68 characters, put together when asked for.
[[nodiscard]] std::string eicar_test_string();

[[nodiscard]] bool is_eicar_test_file(std::span<const std::uint8_t> contents);

class EicarDetector final : public Detector {
public:
    [[nodiscard]] std::string name() const override { return "eicar"; }
    [[nodiscard]] bool fast() const override { return true; }
    Expected<std::optional<std::string>> scan(ScanSource& source) override;
};

}  // namespace heartgate::control::agent
