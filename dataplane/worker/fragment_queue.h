// SPDX-License-Identifier: Apache-2.0
// Later fragments that came before their first one, as they arrived: a few per source, for a bounded time. What is
// released goes through all stages once more.
#pragma once

#include <rte_mbuf.h>

#include <cstdint>

#include "dataplane/fragment/fragment_tracker.h"
#include "dataplane/port/zone.h"
#include "dataplane/worker/waiting_packets.h"

namespace heartgate::dataplane {

class FragmentQueue {
public:
    static constexpr unsigned kMost = 256;
    static constexpr unsigned kMostPerSource = 64;  // a datagram of 64 KB in frames of 1500 bytes has 45 fragments
    static constexpr std::uint32_t kTimeoutMs = 2000;

    struct Entry {
        rte_mbuf* mbuf = nullptr;
        std::uint8_t port = 0;  // that it came in by
        std::uint32_t since_ms = 0;
        std::uint32_t looked_at = 0;  // epoch of the tracker
        DatagramKey datagram;
    };

    [[nodiscard]] unsigned size() const noexcept { return waiting_.size(); }

    // False: no room, the caller still owns the packet.
    [[nodiscard]] bool add(const Entry& entry) noexcept {
        unsigned of_source = 0;
        for (const Entry& other : waiting_.entries()) {
            of_source += other.datagram.zone == entry.datagram.zone && same_source(other.datagram, entry) ? 1U : 0U;
        }
        if (of_source >= kMostPerSource) return false;
        return waiting_.add(entry);
    }
    template <class Ready>
    [[nodiscard]] std::uint16_t take(std::uint8_t port, rte_mbuf** packets, std::uint16_t most,
                                     Ready&& ready) noexcept {
        return waiting_.take(port, packets, most, ready);
    }

private:
    // In an attached zone a machine, whatever addresses it has; elsewhere an address.
    static bool same_source(const DatagramKey& waiting, const Entry& entry) noexcept {
        return Zone::from_raw(entry.datagram.zone).role() == ZoneRole::kAttached
                   ? waiting.source_mac == entry.datagram.source_mac
                   : waiting.source == entry.datagram.source;
    }

    WaitingPackets<Entry, kMost> waiting_;
};

}  // namespace heartgate::dataplane
