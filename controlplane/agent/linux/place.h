// SPDX-License-Identifier: Apache-2.0
// Where a file is, so that nobody can put another one in its way: its directory as a descriptor, and its name there.
#pragma once

#include <sys/stat.h>

#include <memory>
#include <string>

#include "controlplane/agent/linux/unique_fd.h"

namespace heartgate::control::agent {

struct Place {
    std::shared_ptr<const UniqueFd> directory;
    std::string name;
    std::string path;  // for people
    int failure = 0;   // errno, if there is no directory

    // Without following a symbolic link anywhere on the way. No directory if there is none.
    static Place at(const std::string& path);

    [[nodiscard]] bool valid() const { return directory != nullptr && directory->valid(); }
    // No such file can be there; anything else may only be a lack of rights or of descriptors.
    [[nodiscard]] static bool means_gone(int failure);
    // A regular file, for reading, without touching its access time where that is allowed. Invalid: errno says why.
    [[nodiscard]] UniqueFd open() const;
    [[nodiscard]] bool holds(const struct stat& file) const;
};

}  // namespace heartgate::control::agent
