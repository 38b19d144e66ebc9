// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/linux/notify_command.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <cerrno>
#include <cstring>

#include "controlplane/agent/linux/unique_fd.h"

namespace heartgate::control::agent {
namespace {

constexpr std::size_t kMostWaiting = 16;
constexpr int kMostMilliseconds = 10'000;

// A file in memory as standard input: whether the program reads it or not, nobody blocks.
UniqueFd text_as_file(const std::string& text) {
    UniqueFd file{::memfd_create("heartgate-notice", MFD_CLOEXEC)};
    if (!file.valid() || ::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()) ||
        ::lseek(file.get(), 0, SEEK_SET) != 0) {
        return UniqueFd{};
    }
    return file;
}

}  // namespace

NotifyCommand::NotifyCommand(std::vector<std::string> command) : command_{std::move(command)} {
    if (!command_.empty()) thread_ = std::thread{[this] { run(); }};
}

NotifyCommand::~NotifyCommand() {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) thread_.join();
}

void NotifyCommand::tell(const Notice& notice) {
    if (command_.empty()) return;
    {
        const std::lock_guard lock{mutex_};
        waiting_.push_back(notice);
        if (waiting_.size() > kMostWaiting) waiting_.pop_front();
    }
    changed_.notify_all();
}

void NotifyCommand::run() {
    std::unique_lock lock{mutex_};
    while (true) {
        changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
        if (waiting_.empty()) return;
        const Notice notice = std::move(waiting_.front());
        waiting_.pop_front();
        lock.unlock();
        start_and_wait(notice);
        lock.lock();
    }
}

void NotifyCommand::start_and_wait(const Notice& notice) const {
    const UniqueFd input = text_as_file(notice.text);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, input.get(), STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions, STDERR_FILENO, STDOUT_FILENO);
    posix_spawnattr_t attributes;
    ::posix_spawnattr_init(&attributes);
    sigset_t none;
    ::sigemptyset(&none);
    ::posix_spawnattr_setsigmask(&attributes, &none);  // ours are blocked in every thread
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);

    std::vector<char*> arguments;
    for (const std::string& word : command_) arguments.push_back(const_cast<char*>(word.c_str()));
    arguments.push_back(nullptr);
    std::string event = fmt::format("HEARTGATE_EVENT={}", to_string(notice.kind));
    std::vector<char*> environment;
    for (char** variable = environ; *variable != nullptr; ++variable) environment.push_back(*variable);
    environment.push_back(event.data());
    environment.push_back(nullptr);

    pid_t child = 0;
    const int failure =
        ::posix_spawnp(&child, arguments[0], &actions, &attributes, arguments.data(), environment.data());
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
    if (failure != 0) {
        spdlog::warn("the user was not told ({}): cannot start '{}': {}; see 'notify' in the configuration",
                     to_string(notice.kind), command_[0], std::strerror(failure));
        return;
    }
    const UniqueFd process{static_cast<int>(::syscall(SYS_pidfd_open, child, 0))};
    pollfd ended{process.get(), POLLIN, 0};
    if (process.valid() && ::poll(&ended, 1, kMostMilliseconds) == 0) {
        spdlog::warn("'{}' has not ended after {} s and is stopped", command_[0], kMostMilliseconds / 1000);
        ::kill(child, SIGKILL);
    }
    int status = 0;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        spdlog::warn("the user may not have been told ({}): '{}' failed with status {}", to_string(notice.kind),
                     command_[0], WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
    }
}

}  // namespace heartgate::control::agent
