// SPDX-License-Identifier: Apache-2.0
// Hears of files as they are written, closed and moved in, through fanotify: on all local file systems, or on some
// directory trees. What is in the files is for others.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "controlplane/agent/linux/place.h"
#include "controlplane/common/error.h"

namespace heartgate::control::agent {

class FileWatch {
public:
    struct Settings {
        std::vector<std::string> trees;    // empty: all local file systems
        std::vector<std::string> exclude;  // and what is below
    };
    // complete: nobody is writing it any more.
    using Handler = std::function<void(const Place& place, bool complete)>;

    // Marks everything, then calls the handler on a thread of its own. An error says what is missing.
    static Expected<std::unique_ptr<FileWatch>> start(Settings settings, Handler handler);
    ~FileWatch();
    FileWatch(const FileWatch&) = delete;
    FileWatch& operator=(const FileWatch&) = delete;

    // False once the kernel's events cannot be read any more.
    [[nodiscard]] bool alive() const { return alive_; }
    // A mounted local file system whose files are not heard of, and which is not excluded; empty: there is none.
    [[nodiscard]] std::string unwatched() const;
    // Events were lost since this was asked last: everything has to be looked at.
    [[nodiscard]] bool take_overflow() { return overflow_.exchange(false); }
    static constexpr std::int64_t kFromTheBeginning = std::numeric_limits<std::int64_t>::min();
    // Calls the handler, on the caller's thread, for files that are there: of the trees, or of all local file systems;
    // of those whose contents, name or place have changed at `since` (unix seconds, by ctime) or later. Ends early when
    // `stop` becomes true. Gives the number of files.
    std::size_t walk(const std::atomic<bool>& stop, std::int64_t since = kFromTheBeginning) const;

private:
    struct FileSystem {
        int id[2] = {0, 0};  // as in events
        UniqueFd root;       // to open by handle
    };

    FileWatch(Settings settings, Handler handler, UniqueFd by_handle, UniqueFd by_descriptor, UniqueFd stop);
    Expected<void> mark_all();
    Expected<void> mark_tree(const std::string& path);
    void mark_new_mounts();
    Expected<void> mark_file_system(const std::string& mount_point);
    Expected<void> mark(const std::string& path, unsigned flags, std::uint64_t events);
    void remember_file_system(const std::string& path);
    void run();
    bool read_events(const UniqueFd& fanotify);
    void handle_event(const void* metadata);
    void handle_named_event(const void* metadata);
    void handle_opened_event(const void* metadata);
    [[nodiscard]] bool excluded(const std::string& path) const;
    std::size_t walk_tree(const std::string& path, const std::atomic<bool>& stop, std::int64_t since) const;

    const Settings settings_;
    const Handler handler_;
    // Events say where: directory and name. What all file systems with file handles get.
    UniqueFd by_handle_;
    // Events bring the open file: for the others, such as overlay (containers). Renames and directories are not heard
    // of, but what is moved within a file system was written there before.
    UniqueFd by_descriptor_;
    UniqueFd stop_;
    std::vector<FileSystem> file_systems_;      // by the watch's own thread once it runs
    std::vector<std::string> without_handles_;  // mount points, likewise
    mutable std::mutex unwatched_mutex_;
    std::string unwatched_;
    std::atomic<bool> alive_{true};
    std::atomic<bool> overflow_{false};
    std::atomic<bool> stopping_{false};
    std::thread thread_;
};

}  // namespace heartgate::control::agent
