// SPDX-License-Identifier: Apache-2.0
#include "dataplane/port/zone_table.h"

#include <algorithm>
#include <utility>

namespace heartgate::dataplane {

ZoneTable::ZoneTable(std::vector<ZoneEntry> zones)
    : zones_{std::move(zones)}, tags_{std::make_unique<std::array<Tags, kMostPorts>>()} {
    for (const ZoneEntry& entry : zones_) tags_->at(entry.port).at(entry.vlan) = entry.zone;
}

std::optional<Zone> ZoneTable::named(std::string_view name) const {
    const auto found =
        std::find_if(zones_.begin(), zones_.end(), [name](const ZoneEntry& entry) { return entry.name == name; });
    return found == zones_.end() ? std::nullopt : std::optional{found->zone};
}

std::string_view ZoneTable::name(Zone zone) const {
    return zone.is_appliance() ? std::string_view{"local"} : std::string_view{zones_.at(zone.number()).name};
}

std::string ZoneTable::names() const {
    std::string list;
    for (const ZoneEntry& entry : zones_) list += (list.empty() ? "" : ", ") + entry.name;
    return list;
}

}  // namespace heartgate::dataplane
