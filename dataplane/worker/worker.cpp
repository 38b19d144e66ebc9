// SPDX-License-Identifier: Apache-2.0
// The loop of a forwarding lcore.
#include "dataplane/worker/worker.h"

#include <rte_cycles.h>

#include <algorithm>

#include "dataplane/concurrent/clock.h"
#include "dataplane/worker/stages.h"
#include "dataplane/worker/transmit.h"

namespace heartgate::dataplane {

namespace {

// Flows that may be looked at for their age per loop: bounded, and more than a worker can make meanwhile.
constexpr unsigned kExpirePerLoop = 2 * kBurst;
constexpr unsigned kDatagramsPerLoop = 4;

std::uint32_t sleep_us(const IdlePolicy& idle, std::uint64_t idle_ns) noexcept {
    constexpr unsigned kShift = 5 + 10;  // a 32nd, in units of 1,024 ns
    const std::uint64_t wanted = std::max(idle_ns >> kShift, std::uint64_t{idle.sleep_us});
    return static_cast<std::uint32_t>(std::min(wanted, std::uint64_t{idle.longest_sleep_us}));
}

}  // namespace

void begin(WorkerContext& context, std::uint8_t port, Zone egress, std::uint16_t count, std::uint32_t now_ms) noexcept {
    Burst& burst = context.burst;
    burst.port = port;
    burst.egress = egress;
    burst.count = count;
    burst.now_ms = now_ms;
    burst.generation = context.deps.endpoints.generation();
    burst.policy_epoch = context.deps.gate.policy_epoch();
    burst.route_epoch = context.deps.routes.epoch();
}

void process(WorkerContext& context, std::uint8_t port, std::uint16_t count, std::uint32_t now_ms) noexcept {
    begin(context, port, kAppliance, count, now_ms);
    parse_burst(context, context.burst);
    look_up(context, context.burst);
    forward(context, context.burst);
    flush(context);
}

Worker::Worker(unsigned number, const WorkerDependencies& dependencies)
    : context_{std::make_unique<WorkerContext>(number, dependencies)} {}

Worker::~Worker() { drop_held(); }

const WorkerCounters& Worker::counters() const noexcept { return context_->counters; }

const AlarmQueue& Worker::alarms() const noexcept { return context_->alarms; }

bool Worker::take_alarm(Alarm& alarm) noexcept { return context_->alarms.take(alarm); }

void Worker::drop_held() noexcept {
    dataplane::drop_held(*context_);
    drop_fragments(*context_);
}

unsigned Worker::iterate(std::uint32_t now_ms) noexcept {
    WorkerContext& context = *context_;
    if (context.deps.health != nullptr) context.deps.health->poll();
    begin_observing(context, now_ms);
    unsigned work = 0;
    for (std::uint8_t port = 0; port < context.deps.ports.size(); ++port) {
        const std::uint16_t count = receive(context, port);
        if (count > 0) process(context, port, count, now_ms);
        work += count;
    }
    for (const ZoneEntry& zone : context.deps.zones.all()) work += forward_from_kernel(context, zone, now_ms);
    work += release_held(context, now_ms);
    work += release_fragments(context, now_ms);
    context.deps.quiescence.quiescent(context.number);
    context.deps.flows.expire(context.number, now_ms, kExpirePerLoop);
    if (context.number == 0) context.deps.fragments.expire(now_ms, kDatagramsPerLoop);
    context.counters.loops.add(1);
    return work;
}

void Worker::inject(std::uint8_t port, rte_mbuf** packets, std::uint16_t count, std::uint32_t now_ms) noexcept {
    WorkerContext& context = *context_;
    std::copy_n(packets, count, context.burst.packets.begin());
    context.counters.rx.add(count);
    if (count > 0) context.counters.count_burst(count);
    begin_observing(context, now_ms);
    observe_received(context, port, count);
    process(context, port, count, now_ms);
}

void Worker::run(const std::atomic<bool>& stop) noexcept {
    WorkerContext& context = *context_;
    const IdlePolicy& idle = context.deps.idle;
    Quiescence& quiescence = context.deps.quiescence;
    contract::Doorbell& doorbell = context.deps.doorbell != nullptr ? *context.deps.doorbell : context.own_doorbell;
    quiescence.online(context.number);
    std::uint32_t empty = 0;
    std::uint64_t last_work_ns = monotonic_ns();
    std::uint64_t before = rte_rdtsc();
    while (!stop.load(std::memory_order_acquire)) {
        const std::uint32_t heard = doorbell.heard();  // before looking: what comes from now on ends the sleep
        const std::uint64_t now_ns = monotonic_ns();
        const unsigned work = iterate(static_cast<std::uint32_t>(now_ns / 1'000'000U));
        if (work > 0) {
            empty = 0;
            last_work_ns = now_ns;
        } else if (context.deps.health != nullptr && context.deps.health->busy()) {
            empty = 0;
        } else if (idle.empty_polls > 0 && ++empty >= idle.empty_polls) {
            quiescence.offline(context.number);
            const bool rang = doorbell.wait(heard, sleep_us(idle, now_ns - last_work_ns));
            quiescence.online(context.number);
            // An isolation is acknowledged a loop after it came; without a ring the next empty loop sleeps again.
            empty = rang ? 0 : idle.empty_polls;
        }
        const std::uint64_t now = rte_rdtsc();
        if (work > 0) context.counters.busy_cycles.add(now - before);
        context.counters.total_cycles.add(now - before);
        before = now;
    }
    drop_held();
    quiescence.offline(context.number);
}

}  // namespace heartgate::dataplane
