// SPDX-License-Identifier: Apache-2.0
// Waiting for a neighbour: asks Linux, keeps the packet as it came, and lets it begin anew once the route leads
// somewhere. See hold_queue.h for the bounds.
#include "dataplane/worker/hold_queue.h"

#include "dataplane/worker/release.h"
#include "dataplane/worker/sender.h"
#include "dataplane/worker/stages.h"

namespace heartgate::dataplane {

using contract::DropReason;

namespace {

bool too_old(const HoldQueue::Entry& entry, std::uint32_t now_ms) noexcept {
    return now_ms - entry.since_ms >= HoldQueue::kTimeoutMs;
}

}  // namespace

void hold(WorkerContext& context, const Burst& burst, const Packet& packet, const IpAddress& destination,
          const RouteResult& route) noexcept {
    const HoldQueue::Entry entry{.mbuf = packet.mbuf,
                                 .port = burst.port,
                                 .egress = route.zone,
                                 .since_ms = burst.now_ms,
                                 .destination = destination,
                                 .neighbour = route.via,
                                 .sender = packet.meta.zone.is_inside() ? sender_of(packet) : 0};
    // Asked for by those that wait: one that may not wait asks Linux for nothing.
    if (context.hold.add(entry)) {
        context.deps.kernel.resolve(context.number, route.zone, route.via);
    } else {
        context.drop(packet.mbuf, DropReason::kHoldQueueFull);
    }
    context.count_held();
}

unsigned release_held(WorkerContext& context, std::uint32_t now_ms) noexcept {
    if (context.hold.size() == 0) return 0;
    unsigned released = 0;
    const std::uint32_t epoch = context.deps.routes.changes();
    for (std::uint8_t port = 0; port < context.deps.ports.size(); ++port) {
        if (epoch != context.hold_epoch) {
            const auto resolved = [&context](const HoldQueue::Entry& entry) {
                return context.deps.routes.lookup(entry.destination).kind != RouteResult::Kind::kUnresolved;
            };
            released += take_all(context, context.hold, port, resolved,
                                 [&](std::uint16_t count) { process(context, port, count, now_ms); });
        }
        drop_waiting(context, context.hold, port, DropReason::kNoNeighbour,
                     [now_ms](const HoldQueue::Entry& entry) { return too_old(entry, now_ms); });
    }
    context.hold_epoch = epoch;
    context.count_held();
    return released;
}

void drop_held(WorkerContext& context) noexcept {
    for (std::uint8_t port = 0; port < context.deps.ports.size(); ++port) {
        drop_waiting(context, context.hold, port, DropReason::kNoNeighbour,
                     [](const HoldQueue::Entry&) { return true; });
    }
    context.count_held();
}

}  // namespace heartgate::dataplane
