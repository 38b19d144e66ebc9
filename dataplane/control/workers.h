// SPDX-License-Identifier: Apache-2.0
// The workers on their lcores, from launch to join, and whether they still go round.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/config/config.h"
#include "dataplane/worker/worker.h"

namespace heartgate::dataplane {

class Workers {
public:
    explicit Workers(const WorkersConfig& config) : config_{config} {}
    ~Workers() { stop(); }
    Workers(const Workers&) = delete;
    Workers& operator=(const Workers&) = delete;

    // Worker `number` gets its own queues of each port; only worker 0 has the loop hook.
    void add(const WorkerDependencies& dependencies);
    // Throws std::runtime_error. Each worker takes packet signals and, if configured, a realtime priority.
    void launch();
    void stop() noexcept;

    [[nodiscard]] std::size_t size() const noexcept { return threads_.size(); }
    [[nodiscard]] const WorkerCounters& counters(std::size_t worker) const noexcept {
        return threads_[worker]->worker.counters();
    }
    [[nodiscard]] std::uint16_t core(std::size_t worker) const noexcept { return config_.cores[worker]; }

    // Control thread, once a second: counts how often in a row a worker has not gone round since the last call, and how
    // busy it was. What it found is read by any thread.
    void look();
    // As of the last look(); 0: it goes round. A sleeping worker does, every millisecond.
    [[nodiscard]] std::uint32_t silent_s(std::size_t worker) const noexcept {
        return threads_[worker]->silent.load(std::memory_order_relaxed);
    }
    // Share of the second before the last look() that went into loops that moved packets, in thousandths.
    [[nodiscard]] std::uint32_t busy_permille(std::size_t worker) const noexcept {
        return threads_[worker]->busy_permille.load(std::memory_order_relaxed);
    }
    [[nodiscard]] const AlarmQueue& alarms(std::size_t worker) const noexcept {
        return threads_[worker]->worker.alarms();
    }
    [[nodiscard]] bool take_alarm(std::size_t worker, Alarm& alarm) noexcept {
        return threads_[worker]->worker.take_alarm(alarm);
    }

private:
    struct Thread {
        Thread(unsigned number, const WorkerDependencies& dependencies) : worker{number, dependencies} {}
        Worker worker;
        const std::atomic<bool>* stop = nullptr;
        int realtime_priority = 0;
        std::uint64_t loops = 0;  // as of the last look, and the two below
        std::uint64_t busy_cycles = 0;
        std::uint64_t total_cycles = 0;
        std::atomic<std::uint32_t> silent{0};  // looks in a row without a loop between them
        std::atomic<std::uint32_t> busy_permille{0};
    };
    static int run(void* thread) noexcept;

    WorkersConfig config_;
    std::vector<std::unique_ptr<Thread>> threads_;
    std::atomic<bool> stop_{false};
    bool launched_ = false;
};

}  // namespace heartgate::dataplane
