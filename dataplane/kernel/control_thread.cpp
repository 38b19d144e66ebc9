// SPDX-License-Identifier: Apache-2.0
#include "dataplane/kernel/control_thread.h"

#include <fmt/format.h>
#include <rte_lcore.h>

#include <csignal>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace heartgate::dataplane {

ControlThread::ControlThread(const std::string& name, std::function<void(const std::atomic<bool>&)> function)
    : function_{std::move(function)} {
    const int failure = rte_ctrl_thread_create(&thread_, name.c_str(), nullptr, &ControlThread::run, this);
    if (failure != 0) {
        throw std::runtime_error{fmt::format("thread '{}' cannot be started: {}", name, std::strerror(-failure))};
    }
}

ControlThread::~ControlThread() {
    stop();
    pthread_join(thread_, nullptr);
}

void* ControlThread::run(void* self) {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all, nullptr);
    auto* thread = static_cast<ControlThread*>(self);
    thread->function_(thread->stop_);
    return nullptr;
}

}  // namespace heartgate::dataplane
