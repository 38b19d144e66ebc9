// SPDX-License-Identifier: Apache-2.0
// What follows a detection, on a thread of its own: remove, verify, scan the place again; and looking after files that
// could not be removed until they are gone.
#pragma once

#include <condition_variable>
#include <map>
#include <mutex>
#include <string>
#include <thread>

#include "controlplane/agent/core/agent.h"
#include "controlplane/agent/linux/file_scanner.h"
#include "controlplane/agent/linux/quarantine.h"

namespace heartgate::control::agent {

class Cleaner {
public:
    // How often a file that is still there is looked at, and how often its removal is tried.
    static constexpr Milliseconds kLookEvery{1'000};
    static constexpr Milliseconds kTryEvery{5'000};

    // Begins with the findings that the agent has open. `changed` is called after each change, on this thread.
    Cleaner(Agent& agent, const FileScanner& scanner, const Quarantine& quarantine, Milliseconds clean_delay,
            std::function<void()> changed);
    ~Cleaner();
    Cleaner(const Cleaner&) = delete;
    Cleaner& operator=(const Cleaner&) = delete;

    // A detection that the agent knows by now. Does not block.
    void add(const Detection& detection, const Place& place);
    // Looks at and tries everything now.
    void hurry();

private:
    using Time = std::chrono::steady_clock::time_point;
    struct Task {
        Place place;
        Time clean_from;  // not before: the delay of the configuration
        Time next_try;
        std::string problem;  // the last one, logged once
    };

    void run();
    void handle(const Detection& detection);
    void verify(const Detection& detection, const std::string& kept_as);
    void scan_neighbours(const Place& place);
    Task& task_of(const Detection& detection);

    Agent& agent_;
    const FileScanner& scanner_;
    const Quarantine& quarantine_;
    const Milliseconds clean_delay_;
    const std::function<void()> changed_;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::map<std::string, Task> tasks_;  // by path
    bool woken_ = false;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace heartgate::control::agent
