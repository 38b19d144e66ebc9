// SPDX-License-Identifier: Apache-2.0
// Packets that wait until Linux has resolved their next hop: a few per neighbour, for a bounded time, as they arrived.
// What is released goes through all stages once more, so it is decided again.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "dataplane/packet/address.h"
#include "dataplane/port/zone.h"
#include "dataplane/route/route_table.h"
#include "dataplane/worker/waiting_packets.h"

namespace heartgate::dataplane {

class HoldQueue {
public:
    static constexpr unsigned kMost = 128;
    static constexpr unsigned kMostPerNeighbour = 4;   // RFC 1122, 2.3.2.2 asks for at least one
    static constexpr unsigned kMostPerSender = 16;     // from inside: who scans must not keep the others out
    static constexpr std::uint32_t kTimeoutMs = 3000;  // Linux asks ten times in 2 s, then gives up

    struct Entry {
        rte_mbuf* mbuf = nullptr;
        std::uint8_t port = 0;  // that it came in by
        Zone egress;
        std::uint32_t since_ms = 0;
        IpAddress destination;  // to look up again
        IpAddress neighbour;
        std::uint64_t sender = 0;  // 0: not from inside
    };

    [[nodiscard]] unsigned size() const noexcept { return waiting_.size(); }

    // False: no room, the caller still owns the packet.
    [[nodiscard]] bool add(const Entry& entry) noexcept {
        unsigned of_neighbour = 0;
        unsigned of_sender = 0;
        for (const Entry& other : waiting_.entries()) {
            of_sender += entry.sender != 0 && other.sender == entry.sender ? 1U : 0U;
            of_neighbour += other.egress == entry.egress && other.neighbour == entry.neighbour ? 1U : 0U;
        }
        if (of_neighbour >= kMostPerNeighbour || of_sender >= kMostPerSender) return false;
        return waiting_.add(entry);
    }
    template <class Ready>
    [[nodiscard]] std::uint16_t take(std::uint8_t port, rte_mbuf** packets, std::uint16_t most,
                                     Ready&& ready) noexcept {
        return waiting_.take(port, packets, most, ready);
    }

private:
    WaitingPackets<Entry, kMost> waiting_;
};

}  // namespace heartgate::dataplane
