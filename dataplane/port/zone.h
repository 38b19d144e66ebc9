// SPDX-License-Identifier: Apache-2.0
// Which network something is on. A zone is one port and one VLAN tag (or none), with a name that rules use and a role
// that says what is trusted there. The value alone tells the role, so that no stage looks a table up for it.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

namespace heartgate::dataplane {

enum class ZoneRole : std::uint8_t {
    kAttached = 0,   // the machines' own segment: a MAC address is one machine's
    kRouted = 1,     // behind a layer 3 switch, whose MAC address all machines share
    kWan = 2,        // the internet: no endpoints, source NAT towards it
    kAppliance = 3,  // the appliance itself, in Linux
};

// Its machines may be endpoints.
[[nodiscard]] constexpr bool is_inside(ZoneRole role) noexcept { return role <= ZoneRole::kRouted; }

class Zone {
public:
    constexpr Zone() noexcept = default;  // the appliance itself
    // `number`: below kMostZones, the zone's place in the ZoneTable.
    constexpr Zone(ZoneRole role, unsigned number) noexcept
        : value_{static_cast<std::uint8_t>(static_cast<unsigned>(role) << kRoleShift | number)} {}
    [[nodiscard]] static constexpr Zone from_raw(std::uint8_t raw) noexcept {
        Zone zone;
        zone.value_ = raw;
        return zone;
    }
    // What flow keys hold.
    [[nodiscard]] constexpr std::uint8_t raw() const noexcept { return value_; }
    [[nodiscard]] constexpr std::size_t number() const noexcept { return value_ & ((1U << kRoleShift) - 1U); }
    [[nodiscard]] constexpr ZoneRole role() const noexcept { return static_cast<ZoneRole>(value_ >> kRoleShift); }

    [[nodiscard]] constexpr bool is_inside() const noexcept { return (value_ & 0x80U) == 0; }
    [[nodiscard]] constexpr bool is_wan() const noexcept { return role() == ZoneRole::kWan; }
    [[nodiscard]] constexpr bool is_appliance() const noexcept { return role() == ZoneRole::kAppliance; }

    friend constexpr bool operator==(const Zone&, const Zone&) = default;
    friend constexpr auto operator<=>(const Zone&, const Zone&) = default;

private:
    static constexpr unsigned kRoleShift = 6;

    std::uint8_t value_ = static_cast<std::uint8_t>(ZoneRole::kAppliance) << kRoleShift;
};
static_assert(sizeof(Zone) == 1);

inline constexpr Zone kAppliance{};
inline constexpr std::size_t kMostZones = 32;
inline constexpr std::size_t kMostPorts = 8;

}  // namespace heartgate::dataplane
