// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/linux/quarantine.h"

#include <fcntl.h>
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <openssl/evp.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <map>
#include <memory>
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

// The file as it was when it was looked at: one that grows meanwhile is not followed. Gives the SHA-256 of what was
// read.
Expected<std::string> copy_inverted(int from, std::uint64_t size, const std::string& path) {
    const UniqueFd to{::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0400)};
    if (!to.valid()) return tl::unexpected{system_error("cannot write", path)};
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> hash{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
    EVP_DigestInit_ex(hash.get(), EVP_sha256(), nullptr);
    std::vector<std::uint8_t> buffer(262'144);
    for (std::uint64_t offset = 0; offset < size;) {
        const std::size_t most = std::min<std::uint64_t>(buffer.size(), size - offset);
        const ssize_t length = ::pread(from, buffer.data(), most, static_cast<off_t>(offset));
        if (length < 0 && errno == EINTR) continue;
        if (length < 0) return tl::unexpected{system_error("cannot read the file to be kept as", path)};
        if (length == 0) break;
        EVP_DigestUpdate(hash.get(), buffer.data(), static_cast<std::size_t>(length));
        for (ssize_t i = 0; i < length; ++i) buffer[static_cast<std::size_t>(i)] ^= 0xff;
        for (ssize_t done = 0; done < length;) {
            const ssize_t written = ::write(to.get(), buffer.data() + done, static_cast<std::size_t>(length - done));
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) return tl::unexpected{system_error("cannot write", path)};
            done += written;
        }
        offset += static_cast<std::uint64_t>(length);
    }
    std::string digest(32, '\0');
    EVP_DigestFinal_ex(hash.get(), reinterpret_cast<unsigned char*>(digest.data()), nullptr);
    return digest;
}

// The file under all of its names. By its descriptor, so that it is the one that was copied.
Expected<void> empty_file(int fd, const std::string& path) {
    const UniqueFd file{::open(fmt::format("/proc/self/fd/{}", fd).c_str(), O_WRONLY | O_NONBLOCK | O_CLOEXEC)};
    if (file.valid() && ::ftruncate(file.get(), 0) == 0) return {};
    return tl::unexpected{system_error("it has other names (hard links) and cannot be emptied:", path)};
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

Expected<Quarantine> Quarantine::open(const std::string& directory, std::uint64_t most_bytes) {
    if (const auto made = make_private_directory(directory); !made) return tl::unexpected{made.error()};
    return Quarantine{directory, most_bytes};
}

Expected<void> Quarantine::make_room(std::uint64_t bytes) const {
    if (bytes > most_bytes_) {
        return error(
            ErrorKind::kFailedPrecondition,
            fmt::format("it is larger than all of the quarantine may be ({} bytes); remove it by hand", most_bytes_));
    }
    std::map<std::string, std::uint64_t> copies;  // the names are times: the oldest first
    std::uint64_t sum = bytes;
    std::error_code failure;
    for (std::filesystem::directory_iterator entry{directory_, failure}, end; !failure && entry != end;
         entry.increment(failure)) {
        if (entry->path().extension() == ".txt") continue;
        std::error_code gone;
        const std::uint64_t size = entry->file_size(gone);
        if (gone) continue;
        copies[entry->path().string()] = size;
        sum += size;
    }
    for (const auto& [path, size] : copies) {
        if (sum <= most_bytes_) break;
        ::unlink(path.c_str());
        ::unlink((path + ".txt").c_str());
        sum -= size;
    }
    return {};
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

    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (const auto room = make_room(size); !room) return tl::unexpected{room.error()};
    const auto copy = free_name(directory_);
    if (!copy) return copy;
    const auto drop_copy = [&] { ::unlink(copy->c_str()); };
    const auto hash = copy_inverted(file.get(), size, *copy);
    if (!hash) {
        drop_copy();
        return tl::unexpected{hash.error()};
    }
    // Removing one name of several leaves the malware. Only what was judged is emptied: a link to another file may have
    // been put there meanwhile.
    bool emptied = false;
    if (::fstat(file.get(), &status) == 0 && status.st_nlink > 1) {
        Expected<void> done = error(ErrorKind::kFailedPrecondition,
                                    fmt::format("{} changes and has other names (hard links)", place.path));
        if (*hash == detection.sha256) done = empty_file(file.get(), place.path);
        if (!done) {
            drop_copy();
            return tl::unexpected{done.error()};
        }
        emptied = true;
    }
    // Whoever put another file there meanwhile keeps it; it is scanned on its own.
    if (!emptied && !place.holds(status)) {
        drop_copy();
        return "";
    }
    // An empty file that stays harms nobody.
    if (place.holds(status) && ::unlinkat(place.directory->get(), place.name.c_str(), 0) != 0 && errno != ENOENT &&
        !emptied) {
        const Error problem = system_error("cannot remove", place.path);
        drop_copy();
        return tl::unexpected{problem};
    }
    // The description is for people; the file is safe without it.
    (void)write_private_file(*copy + ".txt", description(detection, status));
    return *copy;
}

}  // namespace heartgate::control::agent
