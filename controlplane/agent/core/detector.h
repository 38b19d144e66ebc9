// SPDX-License-Identifier: Apache-2.0
// What finds malware in a file. A detector sees bytes only; where they come from and what happens then is for others.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "controlplane/common/error.h"

namespace heartgate::control::agent {

// The contents of one file.
class ScanSource {
public:
    virtual ~ScanSource() = default;
    [[nodiscard]] virtual std::uint64_t size() const = 0;
    // Reads at `offset` until `bytes` is full or the file ends; gives the number of bytes read.
    virtual Expected<std::size_t> read(std::uint64_t offset, std::span<std::uint8_t> bytes) = 0;
};

// What stands in a report about one file.
struct Detection {
    std::string finding;   // name of the malware
    std::string path;      // absolute
    std::string sha256;    // 32 bytes, or empty
    std::string detector;  // "eicar", "clamd"
};

class Detector {
public:
    virtual ~Detector() = default;
    [[nodiscard]] virtual std::string name() const = 0;
    // A fast one is asked at every write, before anything else; the others when a file is closed.
    [[nodiscard]] virtual bool fast() const = 0;
    // The name of the malware, nothing if there is none, an error if the file could not be judged.
    virtual Expected<std::optional<std::string>> scan(ScanSource& source) = 0;
};

}  // namespace heartgate::control::agent
