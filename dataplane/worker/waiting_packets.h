// SPDX-License-Identifier: Apache-2.0
// Packets of one worker that wait for something, in order of arrival: at most kMost. Who may wait, and for what, is for
// the queues that are made of it.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>
#include <span>

namespace heartgate::dataplane {

// `Entry` has an mbuf and the port it came in by.
template <class Entry, unsigned kMost>
class WaitingPackets {
public:
    [[nodiscard]] unsigned size() const noexcept { return size_; }
    [[nodiscard]] std::span<const Entry> entries() const noexcept { return {entries_.data(), size_}; }

    // False: no room, the caller still owns the packet.
    [[nodiscard]] bool add(const Entry& entry) noexcept {
        if (size_ == kMost) return false;
        entries_[size_++] = entry;
        return true;
    }

    // Takes out, in order of arrival, at most `most` entries of `port` that `ready` says yes to.
    template <class Ready>
    [[nodiscard]] std::uint16_t take(std::uint8_t port, rte_mbuf** packets, std::uint16_t most,
                                     Ready&& ready) noexcept {
        std::uint16_t taken = 0;
        unsigned kept = 0;
        for (unsigned i = 0; i < size_; ++i) {
            if (taken < most && entries_[i].port == port && ready(entries_[i])) {
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
