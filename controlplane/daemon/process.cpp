// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/process.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/close_range.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <filesystem>
#include <thread>

namespace heartgate::control {
namespace {

constexpr std::chrono::seconds kPredecessor{3};
constexpr std::chrono::milliseconds kPause{20};

}  // namespace

Expected<void> make_directory(const std::string& path, unsigned mode) {
    std::error_code failure;
    if (std::filesystem::is_directory(path, failure)) return {};
    std::filesystem::create_directories(std::filesystem::path{path}.parent_path(), failure);
    if (mkdir(path.c_str(), mode) != 0 && errno != EEXIST) {
        return error(ErrorKind::kInternal, fmt::format("{}: cannot be made: {}", path, std::strerror(errno)));
    }
    return {};
}

Expected<void> lock_for_life(const std::string& path) {
    const int file = open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) return error(ErrorKind::kInternal, fmt::format("{}: {}", path, std::strerror(errno)));
    const auto deadline = std::chrono::steady_clock::now() + kPredecessor;
    while (flock(file, LOCK_EX | LOCK_NB) != 0) {
        if (errno != EWOULDBLOCK || std::chrono::steady_clock::now() >= deadline) {
            close(file);
            return error(ErrorKind::kFailedPrecondition,
                         fmt::format("{}: held by another heartgated: two cannot share a state directory or a "
                                     "dataplane; end the other one (`fuser {}` names it)",
                                     path, path));
        }
        std::this_thread::sleep_for(kPause);
    }
    return {};  // the descriptor stays open for life
}

void start_anew(char** arguments) {
    close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
    execv("/proc/self/exe", arguments);
}

}  // namespace heartgate::control
