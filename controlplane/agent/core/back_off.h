// SPDX-License-Identifier: Apache-2.0
// How long to wait before the next attempt to connect: short at first, doubling up to 15 s, each time a random part of
// it, so that the machines of an office do not all come back in the same moment.
#pragma once

#include <algorithm>
#include <functional>

#include "controlplane/agent/core/moment.h"

namespace heartgate::control::agent {

class BackOff {
public:
    static constexpr Milliseconds kFirst{200};
    static constexpr Milliseconds kMost{15'000};

    // `random` gives numbers from 0 (included) to 1 (excluded).
    explicit BackOff(std::function<double()> random) : random_{std::move(random)} {}

    void reset() { bound_ = kFirst; }
    // Waits at least this long next time, for failures that a quick repetition cannot mend.
    void raise(Milliseconds least) { bound_ = std::clamp(std::max(bound_, least), kFirst, kMost); }
    [[nodiscard]] Milliseconds next() {
        const auto half = static_cast<double>(bound_.count()) / 2;
        const Milliseconds wait{static_cast<Milliseconds::rep>(half + half * random_())};
        bound_ = std::min(bound_ * 2, kMost);
        return wait;
    }

private:
    std::function<double()> random_;
    Milliseconds bound_ = kFirst;
};

}  // namespace heartgate::control::agent
