// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/linux/cleaner.h"

#include <dirent.h>
#include <fcntl.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "controlplane/agent/core/text.h"
#include "controlplane/agent/linux/machine.h"

namespace heartgate::control::agent {
namespace {
constexpr std::size_t kMostNeighbours = 4'096;
}

Cleaner::Cleaner(Agent& agent, const FileScanner& scanner, const Quarantine& quarantine, Milliseconds clean_delay,
                 std::function<void()> changed)
    : agent_{agent},
      scanner_{scanner},
      quarantine_{quarantine},
      clean_delay_{clean_delay},
      changed_{std::move(changed)},
      thread_{[this] { run(); }} {}

Cleaner::~Cleaner() {
    {
        const std::lock_guard lock{mutex_};
        stopping_ = true;
    }
    wake_.notify_all();
    thread_.join();
}

void Cleaner::add(const Detection& detection, const Place& place) {
    {
        const std::lock_guard lock{mutex_};
        const Time from = std::chrono::steady_clock::now() + clean_delay_;
        tasks_.insert_or_assign(detection.path, Task{place, from, from, ""});
        woken_ = true;
    }
    wake_.notify_all();
}

void Cleaner::hurry() {
    {
        const std::lock_guard lock{mutex_};
        for (auto& [path, task] : tasks_) task.next_try = {};
        woken_ = true;
    }
    wake_.notify_all();
}

// Findings of a former run have no task yet.
Cleaner::Task& Cleaner::task_of(const Detection& detection) {
    const std::lock_guard lock{mutex_};
    const auto known = tasks_.find(detection.path);
    if (known != tasks_.end()) {
        if (!known->second.place.valid()) known->second.place = Place::at(detection.path);
        return known->second;
    }
    return tasks_.emplace(detection.path, Task{Place::at(detection.path), {}, {}, ""}).first->second;
}

void Cleaner::run() {
    std::unique_lock lock{mutex_};
    while (!stopping_) {
        woken_ = false;
        lock.unlock();
        const std::vector<Detection> unclean = agent_.unclean();
        for (const Detection& detection : unclean) handle(detection);
        lock.lock();
        // With a delay shorter than the interval between two looks, its end is the next look.
        auto until = std::chrono::steady_clock::now() + kLookEvery;
        for (const auto& [path, task] : tasks_) {
            if (task.clean_from > std::chrono::steady_clock::now()) until = std::min(until, task.clean_from);
        }
        wake_.wait_until(lock, until, [&] { return stopping_ || woken_; });
    }
}

void Cleaner::handle(const Detection& detection) {
    const Task task = task_of(detection);  // a copy: add() may replace it
    const auto still = scanner_.scan(task.place, Depth::kAll);
    if (still && !*still) {
        verify(detection, "");
        return;
    }
    const Time now = std::chrono::steady_clock::now();
    if (now < task.clean_from || now < task.next_try) return;

    // As it is now: its contents may have changed since it was found.
    const auto kept = quarantine_.take(still ? **still : detection, task.place);
    if (kept) {
        verify(detection, *kept);
        return;
    }
    {
        const std::lock_guard lock{mutex_};
        Task& current = tasks_[detection.path];
        current.next_try = now + kTryEvery;
        if (current.problem == kept.error().message) return;
        current.problem = kept.error().message;
    }
    spdlog::error("{} in {} could not be removed: {}", printable_text(detection.finding),
                  printable_text(detection.path), printable_text(kept.error().message));
    agent_.not_cleaned(detection, kept.error().message);
    changed_();
}

void Cleaner::verify(const Detection& detection, const std::string& kept_as) {
    const Task task = task_of(detection);
    if (task.place.valid()) {
        const auto again = scanner_.scan(task.place, Depth::kAll);
        if (!again || *again) return;  // written anew meanwhile: the next look
        scan_neighbours(task.place);
    }
    {
        const std::lock_guard lock{mutex_};
        tasks_.erase(detection.path);
    }
    agent_.cleaned(detection, kept_as);
    spdlog::info("{} in {} is gone{}", printable_text(detection.finding), printable_text(detection.path),
                 kept_as.empty() ? "" : "; a harmless copy is " + kept_as);
    changed_();
}

// Malware seldom comes alone: the other files of the directory.
void Cleaner::scan_neighbours(const Place& place) {
    const int fd = ::openat(place.directory->get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR* directory = fd < 0 ? nullptr : ::fdopendir(fd);
    if (directory == nullptr) return;  // the directory is gone, too
    const std::string parent = place.path.substr(0, place.path.size() - place.name.size());
    std::size_t count = 0;
    while (const dirent* entry = ::readdir(directory)) {
        if (entry->d_name[0] == '.' && (entry->d_name[1] == '\0' || entry->d_name[1] == '.')) continue;
        if (entry->d_type != DT_REG && entry->d_type != DT_UNKNOWN) continue;
        if (++count > kMostNeighbours) break;
        const Place neighbour{place.directory, entry->d_name, parent + entry->d_name};
        const auto found = scanner_.scan(neighbour, Depth::kAll);
        if (!found || !*found || !agent_.detected(**found, monotonic_ns())) continue;
        spdlog::warn("{} found in {}", printable_text((*found)->finding), printable_text((*found)->path));
        add(**found, neighbour);
    }
    ::closedir(directory);
}

}  // namespace heartgate::control::agent
