// SPDX-License-Identifier: Apache-2.0
// How packets leave a queue in which they waited: in bursts, by way of the worker's own burst.
#pragma once

#include "dataplane/worker/context.h"

namespace heartgate::dataplane {

// Takes all that `ready` says yes to and hands each burst to `then`. Gives their number.
template <class Queue, class Ready, class Then>
unsigned take_all(WorkerContext& context, Queue& queue, std::uint8_t port, Ready&& ready, Then&& then) noexcept {
    unsigned total = 0;
    for (;;) {
        const std::uint16_t count = queue.take(port, context.burst.packets.data(), kBurst, ready);
        if (count == 0) return total;
        then(count);
        total += count;
    }
}

// Drops all that `ready` says yes to.
template <class Queue, class Ready>
void drop_waiting(WorkerContext& context, Queue& queue, std::uint8_t port, contract::DropReason reason,
                  Ready&& ready) noexcept {
    context.burst.port = port;
    context.burst.egress = kAppliance;
    take_all(context, queue, port, ready, [&context, reason](std::uint16_t count) {
        for (unsigned i = 0; i < count; ++i) context.drop(context.burst.packets[i], reason);
    });
}

}  // namespace heartgate::dataplane
