// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/linux/place.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/syscall.h>

#include <cerrno>

namespace heartgate::control::agent {

Place Place::at(const std::string& path) {
    const std::size_t slash = path.rfind('/');
    if (slash == std::string::npos) return {nullptr, "", path, ENOENT};
    const std::string parent = slash == 0 ? "/" : path.substr(0, slash);
    open_how how{};
    how.flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
    how.resolve = RESOLVE_NO_SYMLINKS;
    const long fd = ::syscall(SYS_openat2, AT_FDCWD, parent.c_str(), &how, sizeof how);
    const int failure = fd < 0 ? errno : 0;
    return {std::make_shared<const UniqueFd>(static_cast<int>(fd)), path.substr(slash + 1), path, failure};
}

bool Place::means_gone(int failure) {
    return failure == ENOENT || failure == ENOTDIR || failure == ELOOP || failure == EINVAL || failure == ESTALE;
}

UniqueFd Place::open() const {
    constexpr int kFlags = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC;
    // What is no file is not opened: opening alone can have effects on a device or a FIFO.
    struct stat status {};
    if (::fstatat(directory->get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return UniqueFd{};
    if (!S_ISREG(status.st_mode)) {
        errno = EINVAL;
        return UniqueFd{};
    }
    UniqueFd file{::openat(directory->get(), name.c_str(), kFlags | O_NOATIME)};
    if (!file.valid() && errno == EPERM) file = UniqueFd{::openat(directory->get(), name.c_str(), kFlags)};
    if (file.valid() && (::fstat(file.get(), &status) != 0 || !S_ISREG(status.st_mode))) {
        errno = EINVAL;
        return UniqueFd{};
    }
    return file;
}

bool Place::holds(const struct stat& file) const {
    struct stat status {};
    return ::fstatat(directory->get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0 &&
           status.st_dev == file.st_dev && status.st_ino == file.st_ino;
}

}  // namespace heartgate::control::agent
