// SPDX-License-Identifier: Apache-2.0
// The zones of this appliance: their names, and which frames belong to which. Constant once workers run.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/port/zone.h"

namespace heartgate::dataplane {

struct ZoneEntry {
    std::string name;
    Zone zone;
    std::uint8_t port = 0;   // index of the port
    std::uint16_t vlan = 0;  // the one tag of its frames; 0: untagged (and priority-tagged)
    std::string interface;   // the appliance's own in Linux; empty: none
};

class ZoneTable {
public:
    static constexpr std::size_t kVlans = 4096;
    // Of one port: the zone of each tag; kAppliance: of none, such frames are dropped.
    using Tags = std::array<Zone, kVlans>;

    // In the order of their numbers, from 0; at most kMostZones, ports below kMostPorts.
    explicit ZoneTable(std::vector<ZoneEntry> zones);

    [[nodiscard]] std::span<const ZoneEntry> all() const noexcept { return zones_; }
    // Not of kAppliance.
    [[nodiscard]] const ZoneEntry& operator[](Zone zone) const noexcept { return zones_[zone.number()]; }
    [[nodiscard]] const Tags& tags(std::size_t port) const noexcept { return (*tags_)[port]; }
    [[nodiscard]] std::optional<Zone> named(std::string_view name) const;
    // "local" for kAppliance.
    [[nodiscard]] std::string_view name(Zone zone) const;
    // "lan, guests, wan"
    [[nodiscard]] std::string names() const;

private:
    std::vector<ZoneEntry> zones_;
    std::unique_ptr<std::array<Tags, kMostPorts>> tags_;
};

}  // namespace heartgate::dataplane
