// SPDX-License-Identifier: Apache-2.0
// How many ICMP errors one worker may send: a token bucket (RFC 1812, 4.3.2.8; RFC 4443, 2.4 (f)).
#pragma once

#include <cstdint>

namespace heartgate::dataplane {

class IcmpLimit {
public:
    static constexpr std::uint32_t kMost = 50;             // at once
    static constexpr std::uint32_t kMillisecondsPer = 10;  // one error: 100 per second

    [[nodiscard]] bool take(std::uint32_t now_ms) noexcept {
        if (tokens_ == 0) {  // only then is time looked at: a bucket that is rarely used is full
            const std::uint32_t earned = (now_ms - since_ms_) / kMillisecondsPer;
            tokens_ = earned < kMost ? earned : kMost;
            if (tokens_ == 0) return false;
            since_ms_ = now_ms;
        }
        --tokens_;
        return true;
    }

private:
    std::uint32_t tokens_ = kMost;
    std::uint32_t since_ms_ = 0;
};

}  // namespace heartgate::dataplane
