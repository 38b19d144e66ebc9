// SPDX-License-Identifier: Apache-2.0
// Packets as captures and drop watches see them. Called only while somebody looks.
#include "dataplane/worker/stages.h"

namespace heartgate::dataplane {

void begin_observing(WorkerContext& context, std::uint32_t now_ms) noexcept {
    if (context.deps.observers == nullptr) return;
    context.observed = context.deps.observers->points();
    if (context.observed != 0) context.burst.now_ms = now_ms;
}

void observe_received(const WorkerContext& context, std::uint8_t port, std::uint16_t count) noexcept {
    if ((context.observed & bit(ObservationPoint::kReceived)) == 0) return;
    for (unsigned i = 0; i < count; ++i) {
        context.deps.observers->see(context.number, {.point = ObservationPoint::kReceived, .port = port},
                                    *context.burst.packets[i], context.burst.now_ms);
    }
}

void observe_sent(const WorkerContext& context, std::uint8_t port) noexcept {
    if ((context.observed & bit(ObservationPoint::kSent)) == 0) return;
    const TxBuffer& buffer = context.tx[port];
    for (unsigned i = 0; i < buffer.count; ++i) {
        context.deps.observers->see(context.number, {.point = ObservationPoint::kSent, .port = port},
                                    *buffer.packets[i], context.burst.now_ms);
    }
}

void observe_drop(const WorkerContext& context, const rte_mbuf& mbuf, contract::DropReason reason) noexcept {
    if ((context.observed & bit(ObservationPoint::kDropped)) == 0) return;
    const Burst& burst = context.burst;
    context.deps.observers->see(context.number,
                                {.point = ObservationPoint::kDropped,
                                 .port = burst.port,
                                 .from_linux = !burst.egress.is_appliance(),
                                 .reason = reason},
                                mbuf, burst.now_ms);
}

}  // namespace heartgate::dataplane
