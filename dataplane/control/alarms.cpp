// SPDX-License-Identifier: Apache-2.0
#include "dataplane/control/alarms.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <utility>

#include "dataplane/channel/flow_message.h"
#include "dataplane/packet/address_text.h"

namespace heartgate::dataplane {
namespace {

v1::EventKind kind_of(contract::DropReason reason) {
    switch (reason) {
        case contract::DropReason::kOwnMac:
            return v1::OWN_MAC;
        case contract::DropReason::kRogueRouter:
            return v1::ROGUE_ROUTER;
        default:
            return v1::SPOOF;
    }
}

}  // namespace

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
    const auto of_cause = std::count_if(told_.begin(), told_.end(), [&alarm](const auto& entry) {
        return std::get<0>(entry.first) == alarm.reason && std::get<1>(entry.first) == alarm.zone;
    });
    if (static_cast<std::size_t>(of_cause) >= kMostOfCause ||
        !told_.try_emplace({alarm.reason, alarm.zone, alarm.mac}, now_ms).second) {
        ++repeated_;
        return false;
    }
    ++frames_told_;
    const std::string text = sentence(alarm, zones);
    spdlog::warn("{}", text);
    v1::Alarm& kept = keep(kind_of(alarm.reason), text);
    const MacAddress mac = unpack(alarm.mac);
    kept.set_mac(std::string{mac.begin(), mac.end()});
    if (alarm.address != IpAddress{}) kept.set_address(to_wire(alarm.address));
    return true;
}

bool Alarms::stalled(std::size_t worker, std::uint16_t core, std::uint32_t silent_s) {
    if (std::exchange(stalled_[worker], silent_s > 0) == (silent_s > 0)) return false;
    if (silent_s > 0) {
        const std::string text =
            fmt::format("worker {} on CPU {} has not gone round for {} s; is the CPU taken by something else?", worker,
                        core, silent_s);
        spdlog::error("{}", text);
        keep(v1::WORKER_STALLED, text);
    } else {
        const std::string text = fmt::format("worker {} on CPU {} goes round again", worker, core);
        spdlog::warn("{}", text);
        keep(v1::WORKER_RECOVERED, text);
    }
    return true;
}

v1::Alarm& Alarms::keep(v1::EventKind kind, std::string text) {
    if (kept_.size() == kMostKept) {
        kept_.pop_front();
        ++untold_;
    }
    v1::Alarm& alarm = kept_.emplace_back();
    alarm.set_kind(kind);
    alarm.set_text(std::move(text));
    return alarm;
}

void Alarms::take(v1::TakeAlarmsReply& reply) {
    for (v1::Alarm& alarm : kept_) *reply.add_alarms() = std::move(alarm);
    kept_.clear();
}

void Alarms::fill(v1::AlarmStatistics& statistics) const {
    statistics.set_told(frames_told_);
    statistics.set_repeated(repeated_);
    statistics.set_untold(untold_);
}

}  // namespace heartgate::dataplane
