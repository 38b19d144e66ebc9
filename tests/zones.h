// SPDX-License-Identifier: Apache-2.0
// The zones of tests: on port 0 a LAN and three VLANs, one of them behind a layer 3 switch; the WAN on port 1.
#pragma once

#include "dataplane/port/zone_table.h"

namespace heartgate::dataplane::test {

inline constexpr Zone kLanZone{ZoneRole::kAttached, 0};
inline constexpr Zone kWanZone{ZoneRole::kWan, 1};
inline constexpr Zone kGuestsZone{ZoneRole::kAttached, 2};
inline constexpr Zone kServersZone{ZoneRole::kAttached, 3};

inline constexpr Zone kCampusZone{ZoneRole::kRouted, 4};

inline constexpr std::uint16_t kCampusVlan = 40;
inline constexpr std::uint16_t kGuestsVlan = 20;
inline constexpr std::uint16_t kServersVlan = 30;

// `lan_vlan`: 0: untagged.
[[nodiscard]] inline ZoneTable zones(std::uint16_t lan_vlan = 0) {
    return ZoneTable{
        {{.name = "lan", .zone = kLanZone, .port = 0, .vlan = lan_vlan, .interface = "hg-lan"},
         {.name = "wan", .zone = kWanZone, .port = 1, .vlan = 0, .interface = "hg-wan"},
         {.name = "guests", .zone = kGuestsZone, .port = 0, .vlan = kGuestsVlan, .interface = "hg-guests"},
         {.name = "servers", .zone = kServersZone, .port = 0, .vlan = kServersVlan, .interface = "hg-srv"},
         {.name = "campus", .zone = kCampusZone, .port = 0, .vlan = kCampusVlan, .interface = "hg-campus"}}};
}

}  // namespace heartgate::dataplane::test
