// SPDX-License-Identifier: Apache-2.0
// ca.key and ca.pem on disk: both or none, never overwritten. What is in them is not looked at here.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "controlplane/common/error.h"

namespace heartgate::control::pki {

struct CaFiles {
    std::string key_pem;
    std::string certificate_pem;
};

// Nothing if neither file exists. An error if only one does, one cannot be read, or others may read the key.
Expected<std::optional<CaFiles>> read_ca_files(const std::filesystem::path& directory);

// Makes the directory (0700) if needed and both files (0600), on disk when it returns. Fails if one exists.
Expected<void> write_ca_files(const std::filesystem::path& directory, const CaFiles& files);

}  // namespace heartgate::control::pki
