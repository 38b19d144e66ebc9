// SPDX-License-Identifier: Apache-2.0
// What happened, in order: kept in memory for queries, handed to the store and to those who follow.
#pragma once

#include <heartgate/v1/event.pb.h>

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "controlplane/store/store_writer.h"

namespace heartgate::control {

class EventLog {
public:
    static constexpr std::size_t kKept = 10'000;
    using Follower = std::function<void(const v1::Event&)>;

    // `past`: from the store, oldest first.
    EventLog(StoreWriter& store, std::vector<v1::Event> past);

    // Gives it the next id and the time.
    void add(v1::Event event);
    void add(v1::EventKind kind, std::string text);

    // The newest `limit` events (about this endpoint, if not empty), oldest first.
    [[nodiscard]] std::vector<v1::Event> newest(std::size_t limit, const std::string& endpoint_id) const;

    std::uint64_t follow(Follower follower);
    void unfollow(std::uint64_t number);

private:
    StoreWriter& store_;
    std::deque<v1::Event> events_;
    std::uint64_t next_id_ = 1;
    std::map<std::uint64_t, Follower> followers_;
    std::uint64_t next_follower_ = 1;
};

}  // namespace heartgate::control
