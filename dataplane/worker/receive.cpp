// SPDX-License-Identifier: Apache-2.0
// Stage 1: packets from a port.
#include <rte_ethdev.h>

#include "dataplane/worker/stages.h"

namespace heartgate::dataplane {

std::uint16_t receive(WorkerContext& context, std::uint8_t from) noexcept {
    const PortQueues& port = context.deps.ports[from];
    if (port.port_id == PortQueues::kNoPort) return 0;
    const std::uint16_t count = rte_eth_rx_burst(port.port_id, port.rx_queue, context.burst.packets.data(), kBurst);
    if (count > 0) {
        context.counters.rx.add(count);
        context.counters.count_burst(count);
        if (context.observed != 0) [[unlikely]] {
            observe_received(context, from, count);
        }
    }
    return count;
}

}  // namespace heartgate::dataplane
