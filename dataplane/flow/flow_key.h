// SPDX-License-Identifier: Apache-2.0
// What identifies a flow on the wire: 5-tuple, ingress port and VLAN, zero-padded, compared and hashed as bytes.
// The parse stage fills keys from packets; flow_tuple.h makes them from an initiator's tuple.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>

#include "dataplane/port/zone.h"

namespace heartgate::dataplane {

// Every flow has two keys: that of the initiator's packets and that of the answers, as each arrives at the gateway.
enum class Direction : std::uint8_t { kForward = 0, kReply = 1 };

[[nodiscard]] constexpr std::size_t index(Direction direction) noexcept { return static_cast<std::size_t>(direction); }
[[nodiscard]] constexpr Direction opposite(Direction direction) noexcept {
    return direction == Direction::kForward ? Direction::kReply : Direction::kForward;
}

// Ports stand where the packet has them. ICMP echo has one identifier instead of two ports: a request carries it as
// source port and zero as destination port, a reply the other way round, so that the reply's key is the request's
// with both sides swapped, and a request from the other side is another flow. Other protocols have zero ports.
// Addresses and ports are in network order.
struct alignas(16) FlowKey4 {
    std::uint32_t source = 0;
    std::uint32_t destination = 0;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint8_t protocol = 0;
    std::uint8_t port = 0;   // Zone::raw() of where the packet came from
    std::uint16_t vlan = 0;  // host order; 0: untagged

    friend bool operator==(const FlowKey4&, const FlowKey4&) = default;
};
static_assert(sizeof(FlowKey4) == 16 && std::has_unique_object_representations_v<FlowKey4>);

struct alignas(16) FlowKey6 {
    std::array<std::uint8_t, 16> source{};
    std::array<std::uint8_t, 16> destination{};
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    std::uint8_t protocol = 0;
    std::uint8_t port = 0;
    std::uint16_t vlan = 0;
    std::uint64_t zero = 0;  // part of what is hashed and compared

    friend bool operator==(const FlowKey6&, const FlowKey6&) = default;
};
static_assert(sizeof(FlowKey6) == 48 && std::has_unique_object_representations_v<FlowKey6>);

}  // namespace heartgate::dataplane
