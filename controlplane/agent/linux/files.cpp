// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/linux/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "controlplane/agent/linux/unique_fd.h"
#include "controlplane/pki/key.h"

namespace heartgate::control::agent {
namespace {

constexpr std::size_t kMostBytes = 16UL << 20U;

Expected<void> write_all(int fd, const std::string& contents, const std::string& path) {
    std::size_t done = 0;
    while (done < contents.size()) {
        const ssize_t written = ::write(fd, contents.data() + done, contents.size() - done);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return tl::unexpected{system_error("cannot write", path)};
        done += static_cast<std::size_t>(written);
    }
    return {};
}

}  // namespace

Error system_error(const std::string& what, const std::string& path) {
    return {ErrorKind::kInternal, fmt::format("{} {}: {}", what, path, std::strerror(errno))};
}

Expected<void> make_private_directory(const std::string& path) {
    std::error_code failure;
    std::filesystem::create_directories(std::filesystem::path{path}.parent_path(), failure);
    if (::mkdir(path.c_str(), 0700) != 0 && errno != EEXIST) {
        return tl::unexpected{system_error("cannot make the directory", path)};
    }
    return {};
}

Expected<void> write_private_file(const std::string& path, const std::string& contents) {
    const std::string temporary = path + ".new";
    const UniqueFd fd{::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600)};
    if (!fd.valid()) return tl::unexpected{system_error("cannot write", temporary)};
    if (auto written = write_all(fd.get(), contents, temporary); !written) return written;
    if (::fsync(fd.get()) != 0 || ::rename(temporary.c_str(), path.c_str()) != 0) {
        return tl::unexpected{system_error("cannot write", path)};
    }
    const UniqueFd directory{
        ::open(std::filesystem::path{path}.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    if (directory.valid()) ::fsync(directory.get());  // what cannot be synced is not worse off than before
    return {};
}

Expected<std::optional<std::string>> read_own_file(const std::string& path) {
    const UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
    if (!fd.valid() && errno == ENOENT) return std::nullopt;
    if (!fd.valid()) return tl::unexpected{system_error("cannot read", path)};
    std::string contents;
    std::array<char, 16'384> buffer{};
    while (contents.size() <= kMostBytes) {
        const ssize_t length = ::read(fd.get(), buffer.data(), buffer.size());
        if (length < 0 && errno == EINTR) continue;
        if (length < 0) return tl::unexpected{system_error("cannot read", path)};
        if (length == 0) return contents;
        contents.append(buffer.data(), static_cast<std::size_t>(length));
    }
    return error(ErrorKind::kInternal, fmt::format("{} is larger than {} bytes", path, kMostBytes));
}

Expected<heartgate::agent::v1::AgentState> StateDirectory::read_state() const {
    heartgate::agent::v1::AgentState state;
    const auto contents = read_own_file(file("state"));
    if (!contents) return tl::unexpected{contents.error()};
    if (*contents && !state.ParseFromString(**contents)) {
        state.Clear();
        const std::string aside = file("state.damaged");
        if (::rename(file("state").c_str(), aside.c_str()) != 0) {
            return tl::unexpected{system_error("cannot put a damaged state aside as", aside)};
        }
    }
    return state;
}

Expected<void> StateDirectory::write_state(const heartgate::agent::v1::AgentState& state) const {
    return write_private_file(file("state"), state.SerializeAsString());
}

Expected<std::optional<Identity>> StateDirectory::read_identity() const {
    std::array<std::string, 3> contents;
    std::size_t i = 0;
    for (const char* name : {"identity.key", "identity.pem", "ca.pem"}) {
        auto part = read_own_file(file(name));
        if (!part) return tl::unexpected{part.error()};
        if (!*part) return std::nullopt;
        contents[i++] = std::move(**part);
    }
    return Identity{contents[0], contents[1], contents[2]};
}

Expected<void> StateDirectory::write_identity(const Identity& identity) const {
    // The certificate last: it is what a running agent looks at.
    if (auto written = write_private_file(file("identity.key"), identity.key_pem); !written) return written;
    if (auto written = write_private_file(file("ca.pem"), identity.ca_pem); !written) return written;
    return write_private_file(file("identity.pem"), identity.certificate_pem);
}

Expected<std::string> StateDirectory::key() const {
    const std::string path = file("identity.key");
    auto known = read_own_file(path);
    if (!known) return tl::unexpected{known.error()};
    if (*known) return **known;
    auto made = pki::make_key();
    if (!made) return made;
    if (const auto written = write_private_file(path, *made); !written) return tl::unexpected{written.error()};
    return made;
}

std::int64_t StateDirectory::identity_version() const {
    struct stat status {};
    if (::stat(file("identity.pem").c_str(), &status) != 0) return 0;
    return std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec +
           static_cast<std::int64_t>(status.st_ino);
}

}  // namespace heartgate::control::agent
