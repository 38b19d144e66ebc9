// SPDX-License-Identifier: Apache-2.0
// A point in time as the agent needs it: a clock that only goes forward for waiting, and the calendar for people and
// for what must be remembered over a restart. Everything in core/ is given its time, so that tests have their own.
#pragma once

#include <chrono>
#include <cstdint>

namespace heartgate::control::agent {

using Milliseconds = std::chrono::milliseconds;

struct Moment {
    Milliseconds monotonic{0};  // since an arbitrary start
    std::int64_t unix_ms = 0;   // milliseconds since 1970-01-01 UTC
};

class Clock {
public:
    virtual ~Clock() = default;
    [[nodiscard]] virtual Moment now() const = 0;
};

class SystemClock final : public Clock {
public:
    [[nodiscard]] Moment now() const override {
        using std::chrono::duration_cast;
        return {duration_cast<Milliseconds>(std::chrono::steady_clock::now().time_since_epoch()),
                duration_cast<Milliseconds>(std::chrono::system_clock::now().time_since_epoch()).count()};
    }
};

}  // namespace heartgate::control::agent
