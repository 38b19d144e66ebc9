// SPDX-License-Identifier: Apache-2.0
#include "controlplane/pki/ca_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

namespace heartgate::control::pki {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> failed(const fs::path& path, std::string_view what) {
    return error(ErrorKind::kFailedPrecondition, fmt::format("{}: {}", path.string(), what));
}

tl::unexpected<Error> failed_with_errno(const fs::path& path, std::string_view doing) {
    const int code = errno;
    return failed(path, fmt::format("cannot {}: {}", doing, std::strerror(code)));
}

Expected<std::string> read_file(const fs::path& path) {
    errno = 0;
    std::ifstream in(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(in), {}};
    if (!in) return failed_with_errno(path, "read");
    return text;
}

Expected<void> write_new_file(const fs::path& path, const std::string& text) {
    const int fd = open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, S_IRUSR | S_IWUSR);
    if (fd < 0) return failed_with_errno(path, "create");
    const bool good = write(fd, text.data(), text.size()) == static_cast<ssize_t>(text.size()) && fsync(fd) == 0;
    const int code = errno;
    close(fd);
    errno = code;
    if (!good) {
        auto problem = failed_with_errno(path, "write");
        unlink(path.c_str());
        return problem;
    }
    return {};
}

}  // namespace

Expected<std::optional<CaFiles>> read_ca_files(const fs::path& directory) {
    const fs::path key_path = directory / "ca.key";
    const fs::path certificate_path = directory / "ca.pem";
    struct stat key_status {};
    struct stat certificate_status {};
    const bool has_key = stat(key_path.c_str(), &key_status) == 0;
    if (!has_key && errno != ENOENT) return failed_with_errno(key_path, "look at");
    const bool has_certificate = stat(certificate_path.c_str(), &certificate_status) == 0;
    if (!has_certificate && errno != ENOENT) return failed_with_errno(certificate_path, "look at");
    if (!has_key && !has_certificate) return std::nullopt;
    if (has_key != has_certificate) {
        return failed(
            has_key ? certificate_path : key_path,
            fmt::format("is missing while {} exists; restore it from a backup, or move {} away to start a new "
                        "CA (all endpoints must then enrol again)",
                        has_key ? "ca.key" : "ca.pem", has_key ? "ca.key" : "ca.pem"));
    }
    if ((key_status.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        return failed(key_path, fmt::format("others may read or change this key (mode {:o}); run: chmod 600 {}",
                                            key_status.st_mode & 07777U, key_path.string()));
    auto key = read_file(key_path);
    if (!key) return tl::unexpected(key.error());
    auto certificate = read_file(certificate_path);
    if (!certificate) return tl::unexpected(certificate.error());
    return CaFiles{std::move(*key), std::move(*certificate)};
}

Expected<void> write_ca_files(const fs::path& directory, const CaFiles& files) {
    std::error_code problem;
    if (fs::create_directories(directory, problem)) fs::permissions(directory, fs::perms::owner_all, problem);
    if (problem) return failed(directory, fmt::format("cannot create this folder: {}", problem.message()));
    if (auto written = write_new_file(directory / "ca.key", files.key_pem); !written) return written;
    if (auto written = write_new_file(directory / "ca.pem", files.certificate_pem); !written) {
        unlink((directory / "ca.key").c_str());
        return written;
    }
    // The names are on disk only once the folder is.
    const int fd = open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0) {
        auto failure = failed_with_errno(directory, "write");
        if (fd >= 0) close(fd);
        return failure;
    }
    close(fd);
    return {};
}

}  // namespace heartgate::control::pki
