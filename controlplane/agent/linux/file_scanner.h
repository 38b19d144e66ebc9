// SPDX-License-Identifier: Apache-2.0
// Asks the detectors about one file.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "controlplane/agent/core/detector.h"
#include "controlplane/agent/linux/place.h"

namespace heartgate::control::agent {

enum class Depth {
    kFast,  // the fast detectors only
    kSlow,  // the others only
    kAll,
};

class FileScanner {
public:
    explicit FileScanner(std::vector<std::unique_ptr<Detector>> detectors) : detectors_{std::move(detectors)} {}

    // Nothing: clean, gone, or no regular file. An error: it is there and could not be judged.
    Expected<std::optional<Detection>> scan(const Place& place, Depth depth) const;
    [[nodiscard]] bool has_slow() const;

private:
    std::vector<std::unique_ptr<Detector>> detectors_;
};

}  // namespace heartgate::control::agent
