// SPDX-License-Identifier: Apache-2.0
// page.yaml: where the page is served, and where heartgated is.
#pragma once

#include <cstdint>
#include <string>

#include "controlplane/common/error.h"

namespace heartgate::control::page {

struct PageConfig {
    std::string daemon_socket = "/run/heartgate/page.sock";
    std::string listen = "192.0.2.1";  // as `page` in dataplane.yaml
    std::uint16_t port = 8348;
    std::string user;  // to become when started as root; empty: stay
};

// The message names file, line, key, what was found and what is allowed.
[[nodiscard]] Expected<PageConfig> load_config(const std::string& path);

}  // namespace heartgate::control::page
