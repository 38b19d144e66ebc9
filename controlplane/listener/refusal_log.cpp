// SPDX-License-Identifier: Apache-2.0
#include "controlplane/listener/refusal_log.h"

#include <fmt/format.h>

#include <utility>

namespace heartgate::control::listener {

RefusalLog::Decision RefusalLog::decide(std::string_view cause, std::string_view peer, Clock::time_point now) {
    const std::lock_guard lock(mutex_);
    if (now - second_ >= std::chrono::seconds(1)) {
        second_ = now;
        lines_ = 0;
    }
    const std::string key = fmt::format("{}|{}", cause, peer);
    const auto found = last_.find(key);
    if ((found != last_.end() && now - found->second < kQuiet) || lines_ >= kLinesPerSecond) {
        ++left_out_;
        return {};
    }
    if (last_.size() >= kMaxKeys) std::erase_if(last_, [&](const auto& entry) { return now - entry.second >= kQuiet; });
    if (last_.size() >= kMaxKeys) last_.clear();
    last_[key] = now;
    ++lines_;
    return {true, std::exchange(left_out_, 0)};
}

}  // namespace heartgate::control::listener
