// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/event_log.h"

#include <algorithm>
#include <utility>

#include "controlplane/daemon/clock.h"

namespace heartgate::control {

EventLog::EventLog(StoreWriter& store, std::vector<v1::Event> past)
    : store_{store}, events_{std::make_move_iterator(past.begin()), std::make_move_iterator(past.end())} {
    if (!events_.empty()) next_id_ = events_.back().id() + 1;
}

void EventLog::add(v1::Event event) {
    event.set_id(next_id_++);
    event.set_unix_ms(unix_now_ms());
    store_.write({event});
    for (const auto& [number, follower] : followers_) follower(event);
    events_.push_back(std::move(event));
    if (events_.size() > kKept) events_.pop_front();
}

void EventLog::add(v1::EventKind kind, std::string text) {
    v1::Event event;
    event.set_kind(kind);
    event.set_text(std::move(text));
    add(std::move(event));
}

std::vector<v1::Event> EventLog::newest(std::size_t limit, const std::string& endpoint_id) const {
    std::vector<v1::Event> result;
    for (auto event = events_.rbegin(); event != events_.rend() && result.size() < limit; ++event) {
        if (endpoint_id.empty() || event->endpoint_id() == endpoint_id) result.push_back(*event);
    }
    std::reverse(result.begin(), result.end());
    return result;
}

std::uint64_t EventLog::follow(Follower follower) {
    followers_.emplace(next_follower_, std::move(follower));
    return next_follower_++;
}

void EventLog::unfollow(std::uint64_t number) { followers_.erase(number); }

}  // namespace heartgate::control
