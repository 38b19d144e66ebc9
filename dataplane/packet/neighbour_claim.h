// SPDX-License-Identifier: Apache-2.0
// What an ARP or Neighbour Discovery packet says about who has which address, and whether it is valid at all. Whether
// it lies is the worker's to find out (worker/neighbour_claim.cpp).
#pragma once

#include <array>
#include <cstdint>
#include <span>

#include "dataplane/contract/drop_reason.h"
#include "dataplane/packet/address.h"
#include "dataplane/packet/packet_meta.h"

namespace heartgate::dataplane {

struct NeighbourClaim {
    contract::DropReason reason = contract::DropReason::kNone;  // kBadNeighbour: not valid
    bool from_router = false;                                   // router advertisement or redirect
    PackedMac link_address = 0;                                 // of the sender, as the payload says; 0: it does not
    // That the sender says to have: its own and, in an advertisement, the target.
    std::array<IpAddress, 2> addresses{};
    unsigned count = 0;
};

// `bytes`: the frame's first segment. Precondition: the parser has let ARP, or a packet with
// meta.neighbour_discovery, pass.
[[nodiscard]] NeighbourClaim read_neighbour_claim(std::span<const std::uint8_t> bytes, const PacketMeta& meta) noexcept;

}  // namespace heartgate::dataplane
