// SPDX-License-Identifier: Apache-2.0
// Tells the user by a command from the configuration. It is started without a shell and reads the text from its
// standard input, so nothing that came from a file name can become a command.
#pragma once

#include <condition_variable>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "controlplane/agent/core/notice.h"

namespace heartgate::control::agent {

class NotifyCommand final : public Notifier {
public:
    // Program and arguments; empty: nobody is told.
    explicit NotifyCommand(std::vector<std::string> command);
    ~NotifyCommand() override;  // what waits is still told

    // One at a time, in order. If too many wait the oldest are left out.
    void tell(const Notice& notice) override;

private:
    void run();
    void start_and_wait(const Notice& notice) const;

    const std::vector<std::string> command_;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::deque<Notice> waiting_;
    bool stopping_ = false;
    std::thread thread_;
};

}  // namespace heartgate::control::agent
