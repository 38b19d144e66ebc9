// SPDX-License-Identifier: Apache-2.0
// Takes a file away from where it is: a copy that harms nobody goes into the quarantine directory, the file is removed.
#pragma once

#include <cstdint>
#include <string>

#include "controlplane/agent/core/detector.h"
#include "controlplane/agent/linux/place.h"
#include "controlplane/common/error.h"

namespace heartgate::control::agent {

class Quarantine {
public:
    static constexpr std::uint64_t kMostBytes = 1UL << 30U;

    // Makes the directory (0700). All copies together take at most `most_bytes`: the oldest ones give way to a new one.
    static Expected<Quarantine> open(const std::string& directory, std::uint64_t most_bytes = kMostBytes);

    // Gives where the copy is; empty: the file was gone already. An error says why the file is still there.
    // A file with several names (hard links) is emptied, too, if it is still the one of detection.sha256.
    // The copy has each byte inverted and mode 0400; beside it FILE.txt says what it was.
    [[nodiscard]] Expected<std::string> take(const Detection& detection, const Place& place) const;
    [[nodiscard]] const std::string& directory() const { return directory_; }

private:
    Quarantine(std::string directory, std::uint64_t most_bytes)
        : directory_{std::move(directory)}, most_bytes_{most_bytes} {}
    [[nodiscard]] Expected<void> make_room(std::uint64_t bytes) const;

    std::string directory_;
    std::uint64_t most_bytes_;
};

}  // namespace heartgate::control::agent
