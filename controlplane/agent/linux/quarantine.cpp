// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/linux/quarantine.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>

#include <cerrno>
#include <cstdint>
#include <ctime>
#include <vector>

#include "controlplane/agent/core/text.h"
#include "controlplane/agent/linux/files.h"

namespace heartgate::control::agent {
namespace {

// Asked beforehand, so that a file that stays is not copied again and again.
Expected<void> check_removable(int fd, const std::string& what) {
    struct statx status {};
    if (::statx(fd, "", AT_EMPTY_PATH, STATX_BASIC_STATS, &status) != 0) return {};
    if ((status.stx_attributes & (STATX_ATTR_IMMUTABLE | STATX_ATTR_APPEND)) == 0) return {};
    return error(ErrorKind::kFailedPrecondition,
                 fmt::format("{} is protected against changes; `chattr -i -a` on it lifts that", what));
}

Expected<void> copy_inverted(int from, const std::string& path) {
    const UniqueFd to{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400)};
    if (!to.valid()) return tl::unexpected{system_error("cannot write", path)};
    std::vector<std::uint8_t> buffer(262'144);
    for (off_t offset = 0;;) {
        const ssize_t length = ::pread(from, buffer.data(), buffer.size(), offset);
        if (length < 0 && errno == EINTR) continue;
        if (length < 0) return tl::unexpected{system_error("cannot read the file to be kept as", path)};
        if (length == 0) return {};
        for (ssize_t i = 0; i < length; ++i) buffer[static_cast<std::size_t>(i)] ^= 0xff;
        for (ssize_t done = 0; done < length;) {
            const ssize_t written = ::write(to.get(), buffer.data() + done, static_cast<std::size_t>(length - done));
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) return tl::unexpected{system_error("cannot write", path)};
            done += written;
        }
        offset += length;
    }
}

std::string description(const Detection& detection, const struct stat& status) {
    std::string hash;
    for (const char byte : detection.sha256) hash += fmt::format("{:02x}", static_cast<std::uint8_t>(byte));
    return fmt::format(
        "finding: {}\npath: {}\nsha256: {}\ndetector: {}\nowner: {}:{}\nmode: {:04o}\nremoved: {:%Y-%m-%dT%H:%M:%SZ}\n"
        "Each byte of the copy is inverted.\n",
        printable_text(detection.finding), printable_text(detection.path, 4096), hash, detection.detector,
        status.st_uid, status.st_gid, status.st_mode & 07777U, fmt::gmtime(std::time(nullptr)));
}

// Unique in the directory: the same file may be found many times.
Expected<std::string> free_name(const std::string& directory) {
    timespec now{};
    ::clock_gettime(CLOCK_REALTIME, &now);
    for (int i = 0; i < 1000; ++i) {
        std::string path =
            fmt::format("{}/{:%Y%m%dT%H%M%S}-{:09}", directory, fmt::gmtime(now.tv_sec), now.tv_nsec + i);
        if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) return path;
    }
    return error(ErrorKind::kInternal, fmt::format("no free name in {}", directory));
}

}  // namespace

Expected<Quarantine> Quarantine::open(const std::string& directory) {
    if (const auto made = make_private_directory(directory); !made) return tl::unexpected{made.error()};
    return Quarantine{directory};
}

Expected<std::string> Quarantine::take(const Detection& detection, const Place& place) const {
    if (!place.valid()) errno = place.failure;
    const UniqueFd file = place.valid() ? place.open() : UniqueFd{};
    if (!file.valid()) {
        if (Place::means_gone(errno)) return "";
        return tl::unexpected{system_error("cannot open", place.path)};
    }
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return tl::unexpected{system_error("cannot look at", place.path)};
    if (auto can = check_removable(file.get(), "the file"); !can) return tl::unexpected{can.error()};
    if (auto can = check_removable(place.directory->get(), "its directory"); !can) return tl::unexpected{can.error()};

    const auto copy = free_name(directory_);
    if (!copy) return copy;
    const auto drop_copy = [&] { ::unlink(copy->c_str()); };
    if (const auto copied = copy_inverted(file.get(), *copy); !copied) {
        drop_copy();
        return tl::unexpected{copied.error()};
    }
    // Whoever put another file there meanwhile keeps it; it is scanned on its own.
    if (!place.holds(status)) {
        drop_copy();
        return "";
    }
    if (::unlinkat(place.directory->get(), place.name.c_str(), 0) != 0 && errno != ENOENT) {
        const Error problem = system_error("cannot remove", place.path);
        drop_copy();
        return tl::unexpected{problem};
    }
    // The description is for people; the file is safe without it.
    (void)write_private_file(*copy + ".txt", description(detection, status));
    return *copy;
}

}  // namespace heartgate::control::agent
