// SPDX-License-Identifier: Apache-2.0
// Up to 32 packets on their way through the stages, with what all of them share: time, generation, epochs.
#pragma once

#include <rte_mbuf.h>

#include <array>
#include <cstdint>

#include "dataplane/flow/flow_table.h"
#include "dataplane/packet/packet_meta.h"
#include "dataplane/port/zone.h"

namespace heartgate::dataplane {

inline constexpr std::uint16_t kBurst = 32;
static_assert(kBurst <= FlowTable::kMostKeys);

struct Burst {
    std::uint8_t port = 0;     // that it came in by; what Linux sends leaves by it
    Zone egress = kAppliance;  // of what Linux sends: where it goes; kAppliance: it came in by a port
    std::uint16_t count = 0;
    std::uint32_t now_ms = 0;
    std::uint32_t generation = 0;  // loaded once, before any endpoint word
    std::uint32_t policy_epoch = 0;
    std::uint32_t route_epoch = 0;
    std::array<rte_mbuf*, kBurst> packets{};
    std::array<FlowRef, kBurst> flows{};
    std::array<PacketMeta, kBurst> meta{};
    std::array<FlowKey6, kBurst> keys6{};  // of IPv6 packets that have a flow key
};

// One packet of a burst, as stages hand it on.
struct Packet {
    rte_mbuf* mbuf;
    PacketMeta& meta;

    [[nodiscard]] std::uint8_t* frame() const noexcept { return rte_pktmbuf_mtod(mbuf, std::uint8_t*); }
};

}  // namespace heartgate::dataplane
