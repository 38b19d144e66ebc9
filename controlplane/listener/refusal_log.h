// SPDX-License-Identifier: Apache-2.0
// Bounds what a hostile endpoint can write into the log: one line per cause and peer and minute, and a few lines per
// second over all of them. What was left out is counted and said with the next line.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace heartgate::control::listener {

class RefusalLog {
public:
    using Clock = std::chrono::steady_clock;

    struct Decision {
        bool log = false;
        std::uint64_t left_out = 0;  // lines not written since the last one that was
    };

    // May be called from any thread.
    Decision decide(std::string_view cause, std::string_view peer, Clock::time_point now);

private:
    static constexpr std::size_t kMaxKeys = 4096;
    static constexpr std::chrono::seconds kQuiet{60};
    static constexpr std::uint32_t kLinesPerSecond = 10;

    std::mutex mutex_;
    std::unordered_map<std::string, Clock::time_point> last_;
    Clock::time_point second_{};
    std::uint32_t lines_ = 0;
    std::uint64_t left_out_ = 0;
};

}  // namespace heartgate::control::listener
