// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/linux/file_scanner.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <cerrno>

#include "controlplane/agent/linux/files.h"

namespace heartgate::control::agent {
namespace {

class FileSource final : public ScanSource {
public:
    FileSource(int fd, std::uint64_t size, const std::string& path) : fd_{fd}, size_{size}, path_{path} {}

    [[nodiscard]] std::uint64_t size() const override { return size_; }
    Expected<std::size_t> read(std::uint64_t offset, std::span<std::uint8_t> bytes) override {
        std::size_t done = 0;
        while (done < bytes.size()) {
            const ssize_t length =
                ::pread(fd_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
            if (length < 0 && errno == EINTR) continue;
            if (length < 0) return tl::unexpected{system_error("cannot read", path_)};
            if (length == 0) break;
            done += static_cast<std::size_t>(length);
        }
        return done;
    }

private:
    int fd_;
    std::uint64_t size_;
    const std::string& path_;
};

std::string sha256(ScanSource& source) {
    const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), &EVP_MD_CTX_free};
    EVP_DigestInit_ex(context.get(), EVP_sha256(), nullptr);
    std::vector<std::uint8_t> buffer(65'536);
    for (std::uint64_t offset = 0;;) {
        const auto length = source.read(offset, buffer);
        if (!length) return "";
        if (*length == 0) break;
        EVP_DigestUpdate(context.get(), buffer.data(), *length);
        offset += *length;
    }
    std::string digest(32, '\0');
    EVP_DigestFinal_ex(context.get(), reinterpret_cast<unsigned char*>(digest.data()), nullptr);
    return digest;
}

}  // namespace

bool FileScanner::has_slow() const {
    return std::any_of(detectors_.begin(), detectors_.end(), [](const auto& detector) { return !detector->fast(); });
}

Expected<std::optional<Detection>> FileScanner::scan(const Place& place, Depth depth) const {
    if (!place.valid()) errno = place.failure;
    const UniqueFd file = place.valid() ? place.open() : UniqueFd{};
    if (!file.valid()) {
        if (Place::means_gone(errno)) return std::nullopt;
        return tl::unexpected{system_error("cannot open", place.path)};
    }
    struct stat status {};
    if (::fstat(file.get(), &status) != 0) return tl::unexpected{system_error("cannot look at", place.path)};
    FileSource source{file.get(), static_cast<std::uint64_t>(status.st_size), place.path};
    for (const auto& detector : detectors_) {
        if (depth != Depth::kAll && detector->fast() != (depth == Depth::kFast)) continue;
        const auto finding = detector->scan(source);
        if (!finding) return tl::unexpected{finding.error()};
        if (*finding) return Detection{**finding, place.path, sha256(source), detector->name()};
    }
    return std::nullopt;
}

}  // namespace heartgate::control::agent
