// SPDX-License-Identifier: Apache-2.0
// RFC 4963: IPv4 fragments that come from inside, or that are made of what comes from there, leave under an
// identification of the appliance's own, whether or not they are translated, so that all of a datagram have the same.
#pragma once

#include "dataplane/worker/rewrite.h"

namespace heartgate::dataplane {

[[nodiscard]] inline bool renumbers(const PacketMeta& meta) noexcept {
    return meta.zone.is_inside() && !meta.is_ipv6();
}

// `identification`: as it is to stand in the packet.
inline void set_identification(std::uint8_t* ip, std::uint16_t identification) noexcept {
    const auto before = load_raw<std::uint16_t>(ip + ipv4::kIdentification);
    store_raw(ip + ipv4::kIdentification, identification);
    rewriting::adjust(ip + ipv4::kChecksum, checksum_delta(before, identification));
}

}  // namespace heartgate::dataplane
