// SPDX-License-Identifier: Apache-2.0
// What people must know of, as sentences: in the log at once, for heartgated's events when it asks. The same cause once
// a minute.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <tuple>

#include "dataplane/port/zone_table.h"
#include "dataplane/worker/alarm.h"
#include "heartgate/v1/dataplane.pb.h"

namespace heartgate::dataplane {

// One sentence.
[[nodiscard]] std::string sentence(const Alarm& alarm, const ZoneTable& zones);

// Of the control thread.
class Alarms {
public:
    static constexpr std::uint64_t kAgainMs = 60'000;
    static constexpr std::size_t kMostOfCause = 16;  // made-up MAC addresses fill neither memory nor the events
    static constexpr std::size_t kMostKept = 256;    // for a heartgated that does not ask; the oldest go first

    // False: the same was told less than kAgainMs ago, or kMostOfCause others of its cause were.
    bool add(const Alarm& alarm, const ZoneTable& zones, std::uint64_t now_ms);
    // `silent_s`: for how long the worker has not gone round. Told when it begins and when it ends (0); false: not now.
    bool stalled(std::size_t worker, std::uint16_t core, std::uint32_t silent_s);

    // What was told since the last call.
    void take(v1::TakeAlarmsReply& reply);
    // All but what the workers count themselves.
    void fill(v1::AlarmStatistics& statistics) const;

private:
    using Key = std::tuple<contract::DropReason, Zone, PackedMac>;

    v1::Alarm& keep(v1::EventKind kind, std::string text);

    std::map<Key, std::uint64_t> told_;  // when
    std::map<std::size_t, bool> stalled_;
    std::deque<v1::Alarm> kept_;
    std::uint64_t frames_told_ = 0;
    std::uint64_t repeated_ = 0;
    std::uint64_t untold_ = 0;
};

}  // namespace heartgate::dataplane
