// SPDX-License-Identifier: Apache-2.0
#include "dataplane/control/workers.h"

#include <fmt/format.h>
#include <pthread.h>
#include <rte_errno.h>
#include <rte_launch.h>
#include <sched.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <utility>

#include "dataplane/port/eal.h"
#include "dataplane/port/signals.h"

namespace heartgate::dataplane {

void Workers::add(const WorkerDependencies& dependencies) {
    const auto number = static_cast<unsigned>(threads_.size());
    WorkerDependencies own = dependencies;
    if (number != 0) own.health = nullptr;
    for (PortQueues& port : own.ports) {
        port.rx_queue = static_cast<std::uint16_t>(number);
        port.tx_queue = static_cast<std::uint16_t>(number);
    }
    threads_.push_back(std::make_unique<Thread>(number, own));
    threads_.back()->stop = &stop_;
    threads_.back()->realtime_priority = config_.realtime_priority;
}

void Workers::launch() {
    for (unsigned number = 0; number < threads_.size(); ++number) {
        const int result = rte_eal_remote_launch(&Workers::run, threads_[number].get(), worker_lcore(number));
        if (result != 0) {
            throw std::runtime_error{fmt::format("worker {} does not start: {}", number, rte_strerror(-result))};
        }
        launched_ = true;
    }
}

void Workers::stop() noexcept {
    stop_.store(true, std::memory_order_release);
    if (!launched_) return;
    for (unsigned number = 0; number < threads_.size(); ++number) rte_eal_wait_lcore(worker_lcore(number));
    launched_ = false;
}

void Workers::look() {
    for (const auto& thread : threads_) {
        const WorkerCounters& counters = thread->worker.counters();
        const std::uint64_t loops = counters.loops.load();
        thread->silent = loops == thread->loops ? thread->silent + 1 : 0;
        thread->loops = loops;
        const std::uint64_t busy = counters.busy_cycles.load();
        const std::uint64_t total = counters.total_cycles.load();
        const std::uint64_t passed = total - std::exchange(thread->total_cycles, total);
        const std::uint64_t moving = busy - std::exchange(thread->busy_cycles, busy);
        thread->busy_permille = passed == 0 ? 0 : static_cast<std::uint32_t>(std::min(moving, passed) * 1000 / passed);
    }
}

int Workers::run(void* argument) noexcept {
    Thread& thread = *static_cast<Thread*>(argument);
    unblock_packet_signals();
    prctl(PR_SET_TIMERSLACK, 1UL);  // nanoseconds: short sleeps stay short
    if (thread.realtime_priority > 0) {
        sched_param parameters{};
        parameters.sched_priority = thread.realtime_priority;
        const int error = pthread_setschedparam(pthread_self(), SCHED_RR, &parameters);
        if (error != 0) {
            spdlog::warn("workers.realtime_priority {} was refused: {}; grant CAP_SYS_NICE or set it to 0",
                         thread.realtime_priority, std::strerror(error));
        }
    }
    thread.worker.run(*thread.stop);
    return 0;
}

}  // namespace heartgate::dataplane
