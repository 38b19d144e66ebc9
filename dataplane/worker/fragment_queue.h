// SPDX-License-Identifier: Apache-2.0
// Later fragments that came before their first one, as they arrived: a few per source, for a bounded time. What is
// released goes through all stages once more.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>

#include "dataplane/fragment/fragment_tracker.h"
#include "dataplane/port/zone.h"

namespace heartgate::dataplane {

class FragmentQueue {
public:
    static constexpr unsigned kMost = 256;
    static constexpr unsigned kMostPerSource = 64;  // a datagram of 64 KB in frames of 1500 bytes has 45 fragments
    static constexpr std::uint32_t kTimeoutMs = 2000;

    struct Entry {
        rte_mbuf* mbuf = nullptr;
        Zone ingress = Zone::kLan;
        std::uint32_t since_ms = 0;
        DatagramKey datagram;
    };

    [[nodiscard]] unsigned size() const noexcept { return size_; }

    // False: no room, the caller still owns the packet.
    [[nodiscard]] bool add(const Entry& entry) noexcept {
        if (size_ == kMost) return false;
        unsigned waiting = 0;
        for (unsigned i = 0; i < size_; ++i) {
            waiting += entries_[i].ingress == entry.ingress && same_source(entries_[i].datagram, entry) ? 1U : 0U;
        }
        if (waiting >= kMostPerSource) return false;
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
    // On the LAN a machine, whatever addresses it has; on the WAN an address.
    static bool same_source(const DatagramKey& waiting, const Entry& entry) noexcept {
        return entry.ingress == Zone::kLan ? waiting.source_mac == entry.datagram.source_mac
                                           : waiting.source == entry.datagram.source;
    }

    std::array<Entry, kMost> entries_{};
    unsigned size_ = 0;
};

}  // namespace heartgate::dataplane
