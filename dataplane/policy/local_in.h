// SPDX-License-Identifier: Apache-2.0
// What reaches the appliance itself: one table, first match, the rest is a counted drop (kLocalIn).
// Replies to the appliance's own connections are not in here: they belong to flows.
#pragma once

#include <netinet/in.h>

#include <array>
#include <cstdint>
#include <vector>

#include "dataplane/packet/address.h"
#include "dataplane/packet/ether_type.h"
#include "dataplane/policy/network.h"

namespace heartgate::dataplane {

// Where the page is served that tells a machine why it is cut off. Reached by redirection alone, never directly.
struct PageAddress {
    IpAddress address{};     // IPv4, the appliance's own
    std::uint16_t port = 0;  // 0: there is none
};

struct LocalInOptions {
    std::vector<IpAddress> heartbeat_addresses;  // virtual addresses that the dataplane picks off the LAN
    std::uint16_t heartbeat_port = 8347;
    bool wan_ping = false;                // answer ping on the WAN
    std::vector<Network> administration;  // who may reach SSH; empty: nobody
    PageAddress page{};
};

// What a packet to the appliance is addressed to.
enum class LocalTarget : std::uint8_t {
    kLinkLayer,  // not IP: ARP
    kBroadcast,
    kMulticast,
    kHeartbeat,  // a heartbeat address
    kOwn,        // any other address of the appliance
};

// For whom.
enum class Audience : std::uint8_t {
    kAnyone,          // also isolated machines, and before policy and endpoint states are loaded
    kNotIsolated,     // any machine that is not isolated
    kAdministration,  // the administration networks, not isolated; also before policy and states are loaded
    kPingedWan,       // anyone, if ping on the WAN is on
};

// Where it comes from.
enum class Side : std::uint8_t {
    kInside,  // a zone in which machines may be endpoints
    kWan,
};

struct LocalService {
    Side side;
    std::uint16_t ether_type;
    std::uint8_t protocol;  // 0: any (not IP)
    LocalTarget target;
    std::uint16_t port_from;  // destination port; ICMP: type
    std::uint16_t port_to;
    Audience audience;
};

inline constexpr std::uint16_t kHeartbeatPort = 0;  // in the table: LocalInOptions::heartbeat_port

// clang-format off
inline constexpr std::array kLocalIn{
    // --- inside: address resolution
    LocalService{Side::kInside, ethernet::kArp,  0,              LocalTarget::kLinkLayer, 0,   0,   Audience::kAnyone},
    LocalService{Side::kInside, ethernet::kIpv6, IPPROTO_ICMPV6, LocalTarget::kMulticast, 133, 136, Audience::kAnyone},
    LocalService{Side::kInside, ethernet::kIpv6, IPPROTO_ICMPV6, LocalTarget::kOwn,       133, 136, Audience::kAnyone},
    // DHCP server
    LocalService{Side::kInside, ethernet::kIpv4, IPPROTO_UDP,    LocalTarget::kBroadcast, 67,  67,  Audience::kAnyone},
    LocalService{Side::kInside, ethernet::kIpv4, IPPROTO_UDP,    LocalTarget::kOwn,       67,  67,  Audience::kAnyone},
    LocalService{Side::kInside, ethernet::kIpv6, IPPROTO_UDP,    LocalTarget::kMulticast, 547, 547, Audience::kAnyone},
    LocalService{Side::kInside, ethernet::kIpv6, IPPROTO_UDP,    LocalTarget::kOwn,       547, 547, Audience::kAnyone},
    // heartbeat, enrolment and renewal
    LocalService{Side::kInside, ethernet::kIpv4, IPPROTO_TCP,    LocalTarget::kHeartbeat, kHeartbeatPort, kHeartbeatPort, Audience::kAnyone},
    LocalService{Side::kInside, ethernet::kIpv6, IPPROTO_TCP,    LocalTarget::kHeartbeat, kHeartbeatPort, kHeartbeatPort, Audience::kAnyone},
    // ping, and ICMP errors for the appliance's own connections
    LocalService{Side::kInside, ethernet::kIpv4, IPPROTO_ICMP,   LocalTarget::kOwn,       8,   8,   Audience::kNotIsolated},
    LocalService{Side::kInside, ethernet::kIpv4, IPPROTO_ICMP,   LocalTarget::kHeartbeat, 8,   8,   Audience::kNotIsolated},
    LocalService{Side::kInside, ethernet::kIpv4, IPPROTO_ICMP,   LocalTarget::kOwn,       3,   3,   Audience::kNotIsolated},
    LocalService{Side::kInside, ethernet::kIpv6, IPPROTO_ICMPV6, LocalTarget::kOwn,       128, 128, Audience::kNotIsolated},
    LocalService{Side::kInside, ethernet::kIpv6, IPPROTO_ICMPV6, LocalTarget::kHeartbeat, 128, 128, Audience::kNotIsolated},
    LocalService{Side::kInside, ethernet::kIpv6, IPPROTO_ICMPV6, LocalTarget::kOwn,       1,   3,   Audience::kNotIsolated},
    // DNS
    LocalService{Side::kInside, ethernet::kIpv4, IPPROTO_UDP,    LocalTarget::kOwn,       53,  53,  Audience::kNotIsolated},
    LocalService{Side::kInside, ethernet::kIpv4, IPPROTO_TCP,    LocalTarget::kOwn,       53,  53,  Audience::kNotIsolated},
    LocalService{Side::kInside, ethernet::kIpv6, IPPROTO_UDP,    LocalTarget::kOwn,       53,  53,  Audience::kNotIsolated},
    LocalService{Side::kInside, ethernet::kIpv6, IPPROTO_TCP,    LocalTarget::kOwn,       53,  53,  Audience::kNotIsolated},
    // administration
    LocalService{Side::kInside, ethernet::kIpv4, IPPROTO_TCP,    LocalTarget::kOwn,       22,  22,  Audience::kAdministration},
    LocalService{Side::kInside, ethernet::kIpv6, IPPROTO_TCP,    LocalTarget::kOwn,       22,  22,  Audience::kAdministration},
    // --- WAN: address resolution
    LocalService{Side::kWan,    ethernet::kArp,  0,              LocalTarget::kLinkLayer, 0,   0,   Audience::kAnyone},
    LocalService{Side::kWan,    ethernet::kIpv6, IPPROTO_ICMPV6, LocalTarget::kMulticast, 134, 136, Audience::kAnyone},
    LocalService{Side::kWan,    ethernet::kIpv6, IPPROTO_ICMPV6, LocalTarget::kOwn,       134, 136, Audience::kAnyone},
    // the appliance's own DHCP
    LocalService{Side::kWan,    ethernet::kIpv4, IPPROTO_UDP,    LocalTarget::kBroadcast, 68,  68,  Audience::kAnyone},
    LocalService{Side::kWan,    ethernet::kIpv4, IPPROTO_UDP,    LocalTarget::kOwn,       68,  68,  Audience::kAnyone},
    LocalService{Side::kWan,    ethernet::kIpv6, IPPROTO_UDP,    LocalTarget::kOwn,       546, 546, Audience::kAnyone},
    // ping; ICMP errors about the appliance's own connections belong to flows
    LocalService{Side::kWan,    ethernet::kIpv4, IPPROTO_ICMP,   LocalTarget::kOwn,       8,   8,   Audience::kPingedWan},
    LocalService{Side::kWan,    ethernet::kIpv6, IPPROTO_ICMPV6, LocalTarget::kOwn,       128, 128, Audience::kPingedWan},
};
// clang-format on

}  // namespace heartgate::dataplane
