// SPDX-License-Identifier: Apache-2.0
// Takes a file away from where it is: a copy that harms nobody goes into the quarantine directory, the file is removed.
#pragma once

#include <string>

#include "controlplane/agent/core/detector.h"
#include "controlplane/agent/linux/place.h"
#include "controlplane/common/error.h"

namespace heartgate::control::agent {

class Quarantine {
public:
    // Makes the directory (0700).
    static Expected<Quarantine> open(const std::string& directory);

    // Gives where the copy is; empty: the file was gone already. An error says why the file is still there.
    // The copy has each byte inverted and mode 0400; beside it FILE.txt says what it was.
    [[nodiscard]] Expected<std::string> take(const Detection& detection, const Place& place) const;
    [[nodiscard]] const std::string& directory() const { return directory_; }

private:
    explicit Quarantine(std::string directory) : directory_{std::move(directory)} {}
    std::string directory_;
};

}  // namespace heartgate::control::agent
