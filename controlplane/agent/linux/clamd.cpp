// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/linux/clamd.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>
#include <ctime>
#include <vector>

#include "controlplane/agent/core/text.h"
#include "controlplane/agent/linux/files.h"
#include "controlplane/agent/linux/unique_fd.h"

namespace heartgate::control::agent {
namespace {

constexpr std::size_t kChunk = 131'072;
constexpr std::size_t kMostAnswer = 4'096;
constexpr time_t kAnswerSeconds = 60;

Expected<UniqueFd> connect_to(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) {
        return error(ErrorKind::kInvalidArgument, fmt::format("clamd_socket: {} is too long", path));
    }
    std::memcpy(address.sun_path, path.data(), path.size());
    UniqueFd fd{::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    const timeval most{kAnswerSeconds, 0};
    ::setsockopt(fd.get(), SOL_SOCKET, SO_RCVTIMEO, &most, sizeof most);
    ::setsockopt(fd.get(), SOL_SOCKET, SO_SNDTIMEO, &most, sizeof most);
    if (!fd.valid() || ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
        return tl::unexpected{system_error("clamd does not answer at", path)};
    }
    return fd;
}

bool send_all(int fd, const void* data, std::size_t length) {
    const auto* bytes = static_cast<const char*>(data);
    while (length != 0) {
        const ssize_t sent = ::send(fd, bytes, length, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        bytes += sent;
        length -= static_cast<std::size_t>(sent);
    }
    return true;
}

// Until the zero byte that ends an answer to a "z" command.
std::string receive_answer(int fd) {
    std::string answer;
    std::array<char, 512> buffer{};
    while (answer.size() < kMostAnswer) {
        const ssize_t length = ::recv(fd, buffer.data(), buffer.size(), 0);
        if (length <= 0) break;
        answer.append(buffer.data(), static_cast<std::size_t>(length));
        if (answer.back() == '\0') {
            answer.pop_back();
            break;
        }
    }
    return answer;
}

}  // namespace

Expected<std::optional<std::string>> parse_clamd_verdict(std::string_view answer) {
    constexpr std::string_view kPrefix = "stream: ";
    constexpr std::string_view kFound = " FOUND";
    if (answer == "stream: OK") return std::nullopt;
    if (answer.starts_with(kPrefix) && answer.ends_with(kFound) && answer.size() > kPrefix.size() + kFound.size()) {
        answer.remove_prefix(kPrefix.size());
        answer.remove_suffix(kFound.size());
        return std::string{answer};
    }
    return error(ErrorKind::kUnavailable,
                 fmt::format("clamd answered '{}'", answer.empty() ? "nothing" : printable_text(answer, 200)));
}

std::optional<std::int64_t> parse_clamd_version(std::string_view answer) {
    const std::size_t slash = answer.rfind('/');
    if (slash == std::string_view::npos) return std::nullopt;
    const std::string date{answer.substr(slash + 1)};
    std::tm time{};
    if (::strptime(date.c_str(), "%a %b %d %H:%M:%S %Y", &time) == nullptr) return std::nullopt;
    return ::timegm(&time);
}

Expected<std::optional<std::string>> ClamdDetector::scan(ScanSource& source) {
    const auto fd = connect_to(socket_);
    if (!fd) return tl::unexpected{fd.error()};
    constexpr std::string_view kCommand{"zINSTREAM\0", 10};
    bool sent = send_all(fd->get(), kCommand.data(), kCommand.size());
    std::vector<std::uint8_t> buffer(kChunk);
    for (std::uint64_t offset = 0; sent;) {
        const auto length = source.read(offset, buffer);
        if (!length) return tl::unexpected{length.error()};
        const std::uint32_t size = htonl(static_cast<std::uint32_t>(*length));  // zero ends the stream
        sent = send_all(fd->get(), &size, sizeof size) && send_all(fd->get(), buffer.data(), *length);
        if (*length == 0) break;
        offset += *length;
    }
    // Also when it hung up in between: it says why before it does.
    return parse_clamd_verdict(receive_answer(fd->get()));
}

Expected<std::int64_t> ClamdDetector::signatures_unix_s() const {
    const auto fd = connect_to(socket_);
    if (!fd) return tl::unexpected{fd.error()};
    constexpr std::string_view kCommand{"zVERSION\0", 9};
    const std::string answer = send_all(fd->get(), kCommand.data(), kCommand.size()) ? receive_answer(fd->get()) : "";
    const auto time = parse_clamd_version(answer);
    if (time) return *time;
    return error(ErrorKind::kUnavailable, fmt::format("clamd at {} does not say which signatures it has ('{}')",
                                                      socket_, printable_text(answer, 200)));
}

}  // namespace heartgate::control::agent
