// SPDX-License-Identifier: Apache-2.0
// Packets as pcapng (draft-ietf-opsawg-pcapng), which Wireshark and tcpdump read: one interface per zone, times in
// nanoseconds, and a dropped packet's reason as its comment. Pieces of one file, to be put one after the other.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "dataplane/observe/packet_ring.h"

namespace heartgate::dataplane::pcapng {

// Section header and interfaces, which packets name by their place.
[[nodiscard]] std::string begin(const std::vector<std::string>& interfaces, std::uint32_t snap_length);

// `lost`: packets that were not kept since the last one that was. `unix_ns`: when.
void add(std::string& file, const ObservedPacket& packet, std::uint32_t interface, std::span<const std::uint8_t> bytes,
         std::uint64_t unix_ns, std::uint64_t lost);

}  // namespace heartgate::dataplane::pcapng
