// SPDX-License-Identifier: Apache-2.0
#include "dataplane/control/alarms.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "dataplane/packet/address_text.h"

namespace heartgate::dataplane {

std::string sentence(const Alarm& alarm, const ZoneTable& zones) {
    using contract::DropReason;
    const std::string who = fmt::format("{} in zone {}", to_text(unpack(alarm.mac)), zones.name(alarm.zone));
    const std::string what = alarm.address == IpAddress{} ? "another's address" : to_text(alarm.address);
    switch (alarm.reason) {
        case DropReason::kOwnMac:
            return fmt::format(
                "a frame in zone {} has the appliance's own MAC address {} as source: a loop between "
                "switch ports, or a forger",
                zones.name(alarm.zone), to_text(unpack(alarm.mac)));
        case DropReason::kOwnAddress:
            return fmt::format("{} claims {}, an address of the appliance", who, what);
        case DropReason::kRogueRouter:
            return fmt::format("{} says to be an IPv6 router", who);
        default:
            return fmt::format("{} claims {}, which belongs to another machine", who, what);
    }
}

bool Alarms::add(const Alarm& alarm, const ZoneTable& zones, std::uint64_t now_ms) {
    std::erase_if(told_, [now_ms](const auto& entry) { return now_ms - entry.second >= kAgainMs; });
    if (told_.size() >= kMostKept || !told_.try_emplace({alarm.reason, alarm.zone, alarm.mac}, now_ms).second) {
        return false;
    }
    spdlog::warn("{}", sentence(alarm, zones));
    return true;
}

bool Alarms::stalled(std::size_t worker, std::uint16_t core, std::uint32_t silent_s) {
    if (std::exchange(stalled_[worker], silent_s > 0) == (silent_s > 0)) return false;
    if (silent_s > 0) {
        spdlog::error("worker {} on CPU {} has not gone round for {} s; is the CPU taken by something else?", worker,
                      core, silent_s);
    } else {
        spdlog::warn("worker {} on CPU {} goes round again", worker, core);
    }
    return true;
}

}  // namespace heartgate::dataplane
