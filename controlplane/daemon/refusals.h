// SPDX-License-Identifier: Apache-2.0
// Heartbeats and connections that were refused: counted by cause, logged and reported once per cause and sender.
#pragma once

#include <heartgate/v1/statistics.pb.h>

#include <map>
#include <set>
#include <string>
#include <utility>

#include "controlplane/daemon/event_log.h"

namespace heartgate::control {

class Refusals {
public:
    static constexpr std::size_t kMostCauses = 64;        // causes come from the listener; more count as "other"
    static constexpr std::size_t kMostRemembered = 4096;  // senders; then the memory starts anew

    explicit Refusals(EventLog& events) : events_{events} {}

    // `who`: a host name or an address; `endpoint_id` may be empty.
    void add(const std::string& cause, const std::string& who, const std::string& endpoint_id);
    void fill(v1::HeartbeatStatistics& statistics) const;

private:
    EventLog& events_;
    std::map<std::string, std::uint64_t> counts_;
    std::set<std::pair<std::string, std::string>> logged_;
};

}  // namespace heartgate::control
