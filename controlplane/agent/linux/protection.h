// SPDX-License-Identifier: Apache-2.0
// The detecting side of the agent, put together: watch, detectors, clean-up, and a queue for detectors that take time.
#pragma once

#include <atomic>
#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "controlplane/agent/core/agent.h"
#include "controlplane/agent/linux/clamd.h"
#include "controlplane/agent/linux/cleaner.h"
#include "controlplane/agent/linux/file_scanner.h"
#include "controlplane/agent/linux/file_watch.h"
#include "controlplane/agent/linux/quarantine.h"

namespace heartgate::control::agent {

[[nodiscard]] FileScanner make_scanner(const Config& config);

class Protection {
public:
    // Watches from here on, looks at what has changed since it watched last, and tells the agent what watches.
    // `changed` is called from several threads after changes.
    static Expected<std::unique_ptr<Protection>> start(const Config& config, Agent& agent,
                                                       std::function<void()> changed);
    ~Protection();
    Protection(const Protection&) = delete;
    Protection& operator=(const Protection&) = delete;

    // Looks at open findings now and at all that is watched soon.
    void rescan();

private:
    Protection(const Config& config, Agent& agent, Quarantine quarantine, std::function<void()> changed);
    void on_file(const Place& place, bool complete);
    void on_detection(const Detection& detection, const Place& place);
    void scan_slowly();
    void look_after();
    bool check_watchers();  // true: something watches and every detector answers
    void put_off(const std::string& path);
    void take_up_again();
    void remember_watching(bool everything_judged);

    const Config& config_;
    Agent& agent_;
    const FileScanner scanner_;
    const Quarantine quarantine_;
    const std::function<void()> changed_;
    std::unique_ptr<Cleaner> cleaner_;
    std::unique_ptr<FileWatch> watch_;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::string> slow_;      // paths for the slow detectors
    std::set<std::string> slow_known_;  // the same, to find them
    // Could not be judged so often: tried again while all detectors answer.
    std::map<std::string, unsigned> put_off_;
    bool left_out_ = false;  // more than fit were to be judged: everything is, once the others are
    bool walk_wanted_ = false;
    std::int64_t walk_since_ = FileWatch::kFromTheBeginning;
    std::atomic<bool> stopping_{false};
    std::thread slow_thread_;
    std::thread care_thread_;  // walks, and asks the detectors how they are
};

}  // namespace heartgate::control::agent
