// SPDX-License-Identifier: Apache-2.0
// Where a frame comes from, as far as the parser has to know.
#pragma once

#include <cstdint>

#include "dataplane/port/zone_table.h"

namespace heartgate::dataplane {

struct ParseOrigin {
    std::uint64_t mac = 0;                   // the appliance's on this port, as flow_record.h packs it
    const ZoneTable::Tags* zones = nullptr;  // of the port; null: Linux sent it, link-layer addresses are not checked
    std::uint16_t linux_vlan = 0;            // tag of all that Linux sends this way, 0: untagged
};

}  // namespace heartgate::dataplane
