// SPDX-License-Identifier: Apache-2.0
#include "dataplane/port/instance.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <system_error>
#include <thread>

#include "dataplane/port/file_descriptor.h"

namespace heartgate::dataplane {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

constexpr milliseconds kKillAfter{500};
constexpr milliseconds kGiveUpAfter{2000};
constexpr milliseconds kLookEvery{10};

std::string command_of(pid_t process) {
    std::ifstream file{fmt::format("/proc/{}/comm", process)};
    std::string name;
    std::getline(file, name);
    return name;
}

// EAL's primary holds a record lock on its config file for life.
std::optional<pid_t> primary_of(const std::string& directory) {
    const FileDescriptor config{open((directory + "/config").c_str(), O_RDWR | O_CLOEXEC)};
    struct flock lock {};
    lock.l_type = F_WRLCK;
    lock.l_whence = SEEK_SET;
    if (config.get() < 0 || fcntl(config.get(), F_GETLK, &lock) != 0 || lock.l_type == F_UNLCK) {
        return std::nullopt;
    }
    return lock.l_pid;
}

// Every process of an instance holds a shared lock on its list of memzones; a primary needs an exclusive one to start.
bool is_held(const FileDescriptor& memzones) {
    if (flock(memzones.get(), LOCK_EX | LOCK_NB) != 0) return true;
    flock(memzones.get(), LOCK_UN);
    return false;
}

std::optional<pid_t> holder_of(const FileDescriptor& file) {
    struct stat status {};
    if (fstat(file.get(), &status) != 0) return std::nullopt;
    const std::string wanted =
        fmt::format("{:02x}:{:02x}:{}", major(status.st_dev), minor(status.st_dev), status.st_ino);
    std::ifstream locks{"/proc/locks"};
    for (std::string line; std::getline(locks, line);) {
        std::istringstream fields{line};
        std::string number;
        std::string kind;
        std::string advisory;
        std::string mode;
        std::string inode;
        pid_t process = 0;
        fields >> number >> kind >> advisory >> mode >> process >> inode;
        if (kind == "FLOCK" && inode == wanted && process > 0 && process != getpid()) return process;
    }
    return std::nullopt;
}

// By pidfd, so that a number that was used again in between is never signalled.
void kill_if_ours(pid_t process) {
    const FileDescriptor handle{static_cast<int>(syscall(SYS_pidfd_open, process, 0))};
    if (handle.get() >= 0 && command_of(process) == "heartgated") {
        syscall(SYS_pidfd_send_signal, handle.get(), SIGKILL, nullptr, 0);
    }
}

}  // namespace

std::string runtime_directory(const std::string& file_prefix) {
    if (getuid() == 0) return "/var/run/dpdk/" + file_prefix;
    const char* own = std::getenv("XDG_RUNTIME_DIR");
    return fmt::format("{}/dpdk/{}", own != nullptr ? own : "/tmp", file_prefix);
}

void claim_instance(const std::string& file_prefix) {
    const std::string directory = runtime_directory(file_prefix);
    if (const auto primary = primary_of(directory)) {
        throw std::runtime_error{fmt::format(
            "another dataplane, process {} ({}), already runs with the file prefix '{}'; stop it (kill {}) or set "
            "another dpdk.file_prefix",
            *primary, command_of(*primary), file_prefix, *primary)};
    }
    const FileDescriptor memzones{open((directory + "/fbarray_memzone").c_str(), O_RDWR | O_CLOEXEC)};
    if (memzones.get() < 0) return;
    const Clock::time_point begin = Clock::now();
    while (is_held(memzones)) {
        const std::optional<pid_t> holder = holder_of(memzones);
        const auto waited = Clock::now() - begin;
        if (waited > kGiveUpAfter) {
            throw std::runtime_error{fmt::format(
                "process {} ({}) still holds the memory of an earlier dataplane with the file prefix '{}'; end it: "
                "kill -9 {}",
                holder.value_or(0), holder ? command_of(*holder) : "unknown", file_prefix, holder.value_or(0))};
        }
        if (waited > kKillAfter && holder) kill_if_ours(*holder);
        std::this_thread::sleep_for(kLookEvery);
    }
}

void remove_instance_files(const std::string& file_prefix) noexcept {
    std::error_code ignored;
    std::filesystem::remove_all(runtime_directory(file_prefix), ignored);
    const std::string pages = file_prefix + "map_";
    for (const auto& entry : std::filesystem::directory_iterator{"/dev/hugepages", ignored}) {
        if (entry.path().filename().string().starts_with(pages)) std::filesystem::remove(entry.path(), ignored);
    }
}

}  // namespace heartgate::dataplane
