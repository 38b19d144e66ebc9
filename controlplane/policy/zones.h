// SPDX-License-Identifier: Apache-2.0
// The zones that the dataplane has, as it told when it was attached to. Until then it is not known which there are, and
// "wan" alone counts as the way to the internet.
#pragma once

#include <google/protobuf/repeated_field.h>
#include <heartgate/v1/common.pb.h>

#include <map>
#include <string>

namespace heartgate::control {

class Zones {
public:
    Zones() = default;
    explicit Zones(const google::protobuf::RepeatedPtrField<v1::Zone>& told) {
        for (const v1::Zone& zone : told) roles_[zone.name()] = zone.role();
    }

    [[nodiscard]] bool wan(const std::string& name) const {
        if (roles_.empty()) return name == "wan";
        const auto found = roles_.find(name);
        return found != roles_.end() && found->second == v1::ZONE_ROLE_WAN;
    }

    // The zones from which a rule lets packets come that are routed ones, in words; empty: none.
    [[nodiscard]] std::string routed(const std::string& from_zone) const {
        std::string names;
        for (const auto& [name, role] : roles_) {
            if (role != v1::ZONE_ROLE_ROUTED || !(from_zone.empty() || from_zone == name)) continue;
            names += (names.empty() ? "" : ", ") + name;
        }
        return names;
    }

private:
    std::map<std::string, v1::ZoneRole> roles_;
};

}  // namespace heartgate::control
