// SPDX-License-Identifier: Apache-2.0
// What people must know of, as sentences in the log. The same once a minute.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>

#include "dataplane/port/zone_table.h"
#include "dataplane/worker/alarm.h"

namespace heartgate::dataplane {

// One sentence.
[[nodiscard]] std::string sentence(const Alarm& alarm, const ZoneTable& zones);

// Of the control thread.
class Alarms {
public:
    static constexpr std::uint64_t kAgainMs = 60'000;
    static constexpr std::size_t kMostKept = 256;  // made-up MAC addresses fill no memory

    // False: the same was told less than kAgainMs ago, or too many others were.
    bool add(const Alarm& alarm, const ZoneTable& zones, std::uint64_t now_ms);
    // `silent_s`: for how long the worker has not gone round. Told when it begins and when it ends (0); false: not now.
    bool stalled(std::size_t worker, std::uint16_t core, std::uint32_t silent_s);

private:
    using Key = std::tuple<contract::DropReason, Zone, PackedMac>;

    std::map<Key, std::uint64_t> told_;  // when
    std::map<std::size_t, bool> stalled_;
};

}  // namespace heartgate::dataplane
