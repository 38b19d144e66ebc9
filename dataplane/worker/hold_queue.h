// SPDX-License-Identifier: Apache-2.0
// Packets that wait until Linux has resolved their next hop: a few per neighbour, for a bounded time, as they arrived.
// What is released goes through all stages once more, so it is decided again.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>

#include "dataplane/packet/address.h"
#include "dataplane/port/zone.h"
#include "dataplane/route/route_table.h"

namespace heartgate::dataplane {

class HoldQueue {
public:
    static constexpr unsigned kMost = 128;
    static constexpr unsigned kMostPerNeighbour = 4;   // RFC 1122, 2.3.2.2 asks for at least one
    static constexpr unsigned kMostPerSender = 16;     // from the LAN: who scans must not keep the others out
    static constexpr std::uint32_t kTimeoutMs = 3000;  // Linux asks ten times in 2 s, then gives up

    struct Entry {
        rte_mbuf* mbuf = nullptr;
        Zone ingress = Zone::kLan;
        Zone egress = Zone::kWan;
        std::uint32_t since_ms = 0;
        IpAddress destination;  // to look up again
        IpAddress neighbour;
        PackedMac sender = 0;  // 0: not from the LAN
    };

    [[nodiscard]] unsigned size() const noexcept { return size_; }

    // False: no room, the caller still owns the packet.
    [[nodiscard]] bool add(const Entry& entry) noexcept {
        if (size_ == kMost) return false;
        unsigned waiting = 0;
        unsigned of_sender = 0;
        for (unsigned i = 0; i < size_; ++i) {
            of_sender += entry.sender != 0 && entries_[i].sender == entry.sender ? 1U : 0U;
            waiting += entries_[i].egress == entry.egress && entries_[i].neighbour == entry.neighbour ? 1U : 0U;
        }
        if (waiting >= kMostPerNeighbour || of_sender >= kMostPerSender) return false;
        entries_[size_++] = entry;
        return true;
    }

    // Takes out, in order of arrival, at most `most` entries of `ingress` that `ready` says yes to.
    template <class Ready>
    [[nodiscard]] std::uint16_t take(Zone ingress, rte_mbuf** packets, std::uint16_t most, Ready&& ready) noexcept {
        std::uint16_t taken = 0;
        unsigned kept = 0;
        for (unsigned i = 0; i < size_; ++i) {
            if (taken < most && entries_[i].ingress == ingress && ready(entries_[i])) {
                packets[taken++] = entries_[i].mbuf;
            } else {
                if (kept != i) entries_[kept] = entries_[i];
                ++kept;
            }
        }
        size_ = kept;
        return taken;
    }

private:
    std::array<Entry, kMost> entries_{};
    unsigned size_ = 0;
};

}  // namespace heartgate::dataplane
