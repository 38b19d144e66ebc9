// SPDX-License-Identifier: Apache-2.0
// What a flow's packets say about its life, in one byte, and how long it may be silent. RST and FIN only shorten the
// time-out. A worker stores the byte when it changes, not per packet.
#pragma once

#include <netinet/in.h>

#include <cstdint>

#include "dataplane/flow/flow_key.h"

namespace heartgate::dataplane {

// Seconds. RFC 4787 REQ-5 (UDP), RFC 5382 REQ-5 (TCP), RFC 5508 REQ-2 (ICMP).
struct FlowTimeouts {
    std::uint32_t udp_one_way = 120;  // until the first answer
    std::uint32_t udp = 120;
    std::uint32_t tcp_transitory = 240;  // opening, closing, reset
    std::uint32_t tcp_established = 7440;
    std::uint32_t icmp = 60;
    std::uint32_t other = 120;
};

namespace tcp {
inline constexpr std::uint8_t kFin = 0x01;
inline constexpr std::uint8_t kSyn = 0x02;
inline constexpr std::uint8_t kRst = 0x04;
inline constexpr std::uint8_t kAck = 0x10;
}  // namespace tcp

namespace flow_state {

inline constexpr std::uint8_t kSyn = 1U << 0U;      // TCP: the initiator asked
inline constexpr std::uint8_t kReplied = 1U << 1U;  // TCP: SYN came back; others: any packet came back
inline constexpr std::uint8_t kEstablished = 1U << 2U;
inline constexpr std::uint8_t kFinForward = 1U << 3U;
inline constexpr std::uint8_t kFinReply = 1U << 4U;
inline constexpr std::uint8_t kReset = 1U << 5U;
inline constexpr std::uint8_t kFinBoth = kFinForward | kFinReply;

// TCP: state after a segment with `flags` in `direction`. A reset is undone by any later segment without RST, since
// a forged one must not end the flow; a SYN of the initiator after an end begins a new connection. Simultaneous open
// (RFC 5382 REQ-2): a bare SYN of the other side counts as its answer.
[[nodiscard]] constexpr std::uint8_t after_tcp(std::uint8_t state, Direction direction, std::uint8_t flags) noexcept {
    const bool forward = direction == Direction::kForward;
    if ((flags & tcp::kRst) != 0) return state | kReset;
    const bool ended = (state & kReset) != 0 || (state & kFinBoth) == kFinBoth;
    auto next = static_cast<std::uint8_t>(state & ~kReset);
    if ((flags & tcp::kSyn) != 0) {
        if (!forward) return next | kReplied;
        if ((flags & tcp::kAck) == 0) return ended ? kSyn : static_cast<std::uint8_t>(next | kSyn);
    }
    if (forward && (flags & tcp::kAck) != 0 && (next & kReplied) != 0) next |= kEstablished;
    if ((flags & tcp::kFin) != 0) next |= forward ? kFinForward : kFinReply;
    return next;
}

// Every other protocol.
[[nodiscard]] constexpr std::uint8_t after_packet(std::uint8_t state, Direction direction) noexcept {
    return direction == Direction::kReply ? static_cast<std::uint8_t>(state | kReplied) : state;
}

// Any packet. Those without SYN, FIN and RST by arithmetic, since nobody can foresee which protocol comes next.
// `flags`: 0 but for TCP.
[[nodiscard]] constexpr std::uint8_t after(std::uint8_t state, std::uint8_t protocol, Direction direction,
                                           std::uint8_t flags) noexcept {
    if ((flags & (tcp::kSyn | tcp::kFin | tcp::kRst)) != 0) [[unlikely]]
        return after_tcp(state, direction, flags);
    const unsigned tcp_mask = 0U - static_cast<unsigned>(protocol == IPPROTO_TCP);
    const auto reply = static_cast<unsigned>(direction);
    const unsigned establishes = (flags / tcp::kAck) & (state / kReplied) & ~reply & 1U;
    const unsigned if_tcp = (state & ~unsigned{kReset}) | establishes * kEstablished;
    const unsigned if_other = state | reply * kReplied;
    return static_cast<std::uint8_t>(if_other ^ ((if_other ^ if_tcp) & tcp_mask));
}

// Both sides have taken part: TCP's handshake is complete, any other protocol's first answer has come.
[[nodiscard]] constexpr bool settled(std::uint8_t protocol, std::uint8_t state) noexcept {
    return (state & (protocol == IPPROTO_TCP ? kEstablished : kReplied)) != 0;
}

// How long the flow may be silent, in seconds.
[[nodiscard]] constexpr std::uint32_t timeout(const FlowTimeouts& timeouts, std::uint8_t protocol,
                                              std::uint8_t state) noexcept {
    switch (protocol) {
        case IPPROTO_TCP:
            return (state & kEstablished) == 0 || (state & kReset) != 0 || (state & kFinBoth) == kFinBoth
                       ? timeouts.tcp_transitory
                       : timeouts.tcp_established;
        case IPPROTO_UDP:
            return (state & kReplied) != 0 ? timeouts.udp : timeouts.udp_one_way;
        case IPPROTO_ICMP:
        case IPPROTO_ICMPV6:
            return timeouts.icmp;
        default:
            return timeouts.other;
    }
}

}  // namespace flow_state
}  // namespace heartgate::dataplane
