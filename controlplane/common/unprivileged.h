// SPDX-License-Identifier: Apache-2.0
// Programs that face machines which are taken to be infected give up their rights at once.
#pragma once

#include <string>

#include "controlplane/common/error.h"

namespace heartgate::control {

// Is there such a user?
[[nodiscard]] Expected<void> check_user(const std::string& name);
// Becomes `user` (empty: stays what it is) and can gain no rights from then on.
[[nodiscard]] Expected<void> become_unprivileged(const std::string& user);

}  // namespace heartgate::control
