// SPDX-License-Identifier: Apache-2.0
#include "controlplane/common/unprivileged.h"

#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace heartgate::control {
namespace {

Expected<const passwd*> find_user(const std::string& name) {
    if (const passwd* user = getpwnam(name.c_str()); user != nullptr) return user;
    return error(ErrorKind::kFailedPrecondition,
                 "user: " + name + ": no such user; create it, or name another in the configuration");
}

Expected<void> become(const std::string& name) {
    const auto failed = [&](const std::string& what) {
        return error(ErrorKind::kFailedPrecondition, "user: " + name + ": " + what);
    };
    const auto found = find_user(name);
    if (!found) return tl::unexpected(found.error());
    const passwd* user = *found;
    if (user->pw_uid == geteuid()) return {};
    if (geteuid() != 0) return failed("only root can become another user; start as root, or leave user out");
    if (initgroups(name.c_str(), user->pw_gid) != 0 || setgid(user->pw_gid) != 0 || setuid(user->pw_uid) != 0) {
        return failed(std::strerror(errno));
    }
    return {};
}

}  // namespace

Expected<void> check_user(const std::string& name) {
    if (const auto found = find_user(name); !found) return tl::unexpected(found.error());
    return {};
}

Expected<void> become_unprivileged(const std::string& user) {
    if (!user.empty()) {
        if (auto became = become(user); !became) return became;
    }
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    return {};
}

}  // namespace heartgate::control
