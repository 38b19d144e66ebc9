// SPDX-License-Identifier: Apache-2.0
// The only code that sends: takes nothing without a permit of the gate. Inline, since every packet goes through it.
#pragma once

#include <rte_ethdev.h>

#include "dataplane/worker/stages.h"

namespace heartgate::dataplane {

// Hands a port its packets. What it does not take is dropped at once: nothing stays behind a quiescent point.
inline void flush(WorkerContext& context, std::uint8_t to) noexcept {
    TxBuffer& buffer = context.tx[to];
    if (buffer.count == 0) return;
    if (context.observed != 0) [[unlikely]] {
        observe_sent(context, to);
    }
    const PortQueues& port = context.deps.ports[to];
    const std::uint16_t sent = port.port_id == PortQueues::kNoPort
                                   ? std::uint16_t{0}
                                   : rte_eth_tx_burst(port.port_id, port.tx_queue, buffer.packets.data(), buffer.count);
    context.counters.tx.add(sent);
    for (std::uint16_t i = sent; i < buffer.count; ++i) {
        context.drop(buffer.packets[i], contract::DropReason::kTxFull);
    }
    buffer.count = 0;
}

inline void flush(WorkerContext& context) noexcept {
    for (std::uint8_t port = 0; port < context.deps.ports.size(); ++port) flush(context, port);
}

// Buffered until the end of the burst.
inline void transmit(WorkerContext& context, Permit /*proof*/, std::uint8_t port, rte_mbuf* mbuf) noexcept {
    TxBuffer& buffer = context.tx[port];
    buffer.packets[buffer.count++] = mbuf;
    if (buffer.count == kBurst) flush(context, port);
}

}  // namespace heartgate::dataplane
