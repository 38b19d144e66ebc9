// SPDX-License-Identifier: Apache-2.0
// A thread beside the workers: on the cores that EAL leaves to control threads, with all signals blocked (net_tap sends
// real-time signals to whoever does not). Joined by the destructor; the function ends when stop() has been called.
#pragma once

#include <pthread.h>

#include <atomic>
#include <functional>
#include <string>

namespace heartgate::dataplane {

class ControlThread {
public:
    // `name`: at most 15 bytes. Throws std::runtime_error.
    ControlThread(const std::string& name, std::function<void(const std::atomic<bool>& stop)> function);
    ~ControlThread();
    ControlThread(const ControlThread&) = delete;
    ControlThread& operator=(const ControlThread&) = delete;

    void stop() noexcept { stop_.store(true, std::memory_order_relaxed); }

private:
    static void* run(void* self);

    std::function<void(const std::atomic<bool>&)> function_;
    std::atomic<bool> stop_{false};
    pthread_t thread_{};
};

}  // namespace heartgate::dataplane
