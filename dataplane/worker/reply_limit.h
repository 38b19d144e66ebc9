// SPDX-License-Identifier: Apache-2.0
// How many packets of its own one worker may send: a token bucket (RFC 1812, 4.3.2.8; RFC 4443, 2.4 (f)). One for each
// kind: a machine that is refused must not use up what tells another one of its path's MTU.
#pragma once

#include <cstdint>

namespace heartgate::dataplane {

// AtOnce: after a rest. Milliseconds: between two in the long run.
template <std::uint32_t AtOnce, std::uint32_t Milliseconds>
class ReplyLimit {
public:
    static constexpr std::uint32_t kMost = AtOnce;
    static constexpr std::uint32_t kMillisecondsPer = Milliseconds;

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

using IcmpLimit = ReplyLimit<50, 10>;
using ResetLimit = ReplyLimit<500, 1>;  // a browser opens many connections at once, and each is to end

}  // namespace heartgate::dataplane
