// SPDX-License-Identifier: Apache-2.0
// Which bytes of a fragmented datagram have passed. Nothing may come twice: overlapping fragments are how filters are
// deceived (RFC 1858, RFC 5722), so that one of them spoils the datagram.
#pragma once

#include <array>
#include <cstdint>

namespace heartgate::dataplane {

class ReceivedRanges {
public:
    // In order there is one; each gap makes one more.
    static constexpr unsigned kMost = 8;

    enum class Added : std::uint8_t { kNew, kOverlap, kTooManyGaps };

    // Bytes [begin, end) of the datagram's payload, begin < end. `last`: the datagram ends with them.
    Added add(std::uint16_t begin, std::uint16_t end, bool last) noexcept {
        if (total_ != 0 && (last || end > total_)) return Added::kOverlap;
        unsigned at = 0;
        while (at < count_ && ranges_[at].end <= begin) ++at;
        if (at < count_ && ranges_[at].begin < end) return Added::kOverlap;
        if (last && at < count_) return Added::kOverlap;  // something came from behind the end
        const bool joins_previous = at > 0 && ranges_[at - 1].end == begin;
        const bool joins_next = at < count_ && ranges_[at].begin == end;
        if (joins_previous && joins_next) {
            ranges_[at - 1].end = ranges_[at].end;
            erase(at);
        } else if (joins_previous) {
            ranges_[at - 1].end = end;
        } else if (joins_next) {
            ranges_[at].begin = begin;
        } else {
            if (count_ == kMost) return Added::kTooManyGaps;
            for (unsigned i = count_; i > at; --i) ranges_[i] = ranges_[i - 1];
            ranges_[at] = {.begin = begin, .end = end};
            ++count_;
        }
        if (last) total_ = end;
        return Added::kNew;
    }

    [[nodiscard]] bool complete() const noexcept {
        return total_ != 0 && count_ == 1 && ranges_[0].begin == 0 && ranges_[0].end == total_;
    }

private:
    struct Range {
        std::uint16_t begin;
        std::uint16_t end;
    };

    void erase(unsigned at) noexcept {
        --count_;
        for (unsigned i = at; i < count_; ++i) ranges_[i] = ranges_[i + 1];
    }

    std::array<Range, kMost> ranges_{};
    std::uint16_t total_ = 0;  // bytes of the datagram's payload, 0: not known yet
    std::uint8_t count_ = 0;
};

}  // namespace heartgate::dataplane
