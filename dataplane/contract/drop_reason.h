// SPDX-License-Identifier: Apache-2.0
// The name of every way in which a packet can end without being sent. Each has a per-worker counter and a test that
// makes it happen.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace heartgate::contract {

enum class DropReason : std::uint8_t {
    kNone = 0,
    // parse
    kTruncated,            // shorter than its headers say
    kBadEthernet,          // unknown EtherType, or IEEE 802.3 length
    kBadIpHeader,          // version, header length, total length
    kBadIpChecksum,        // IPv4 header checksum
    kBadSource,            // martian source: multicast, loopback, unspecified, broadcast
    kUnknownVlan,          // a tag that no zone has
    kBadTransport,         // upper-layer header truncated or malformed
    kUnsupportedProtocol,  // an upper-layer protocol that cannot be forwarded here
    // who sent it
    kSpoofedAddress,    // a bound address with a foreign MAC, or a bound MAC with another endpoint's address
    kOwnMac,            // the appliance's own MAC as source
    kForeignMac,        // a unicast frame for another machine, flooded to this port
    kBadNeighbour,      // ARP or neighbour discovery that is not valid
    kSpoofedNeighbour,  // ARP or neighbour discovery with another's address, or another MAC than the frame's
    kOwnAddress,        // ARP or neighbour discovery that claims an address of the appliance
    kRogueRouter,       // a router advertisement or redirect from the LAN
    // verdict
    kNotReady,        // policy or endpoint states not loaded yet
    kIsolatedSource,  // source endpoint is isolated, destination not on the allowed list
    kIsolatedDestination,
    kSourceHeartbeat,  // a heartbeat condition of the rule on the source failed
    kDestinationHeartbeat,
    kRuleDrop,         // a rule with action drop
    kRuleReject,       // a rule with action reject; the sender is told
    kDefaultDrop,      // rule 0
    kUnsolicited,      // from the WAN, belongs to no flow and nothing is published
    kBadTcpState,      // a TCP segment that cannot open a flow
    kBadFragment,      // a size that no fragment has, or beyond 65,535 bytes (RFC 791, RFC 8200)
    kTinyFragment,     // a first fragment without the whole upper-layer header (RFC 1858, RFC 7112)
    kFragmentOverlap,  // overlaps with another one, or of a datagram that has an overlap (RFC 5722)
    kOrphanFragment,   // its first fragment did not pass
    kFragmentTimeout,  // its first fragment did not come
    kFragmentLimit,    // too many datagrams in fragments or waiting fragments of this source, or in total
    kUnrelatedIcmp,    // an ICMP error about a packet of no flow
    // resources and routes
    kFlowTableFull,
    kSourceQuota,  // the sender holds as many flows, or unanswered ones, as it may
    kNewFlowRate,  // the sender opens flows faster than it may
    kNoNatPort,
    kNatQuota,  // this machine has as many NAT ports as one may have
    kNoRoute,
    kNoNeighbour,    // next hop did not resolve
    kHoldQueueFull,  // waiting for a neighbour, no room
    kTtlExceeded,
    kTooBig,           // larger than the way out can carry
    kLocalIn,          // to the appliance itself, not in the local-in table
    kPuntRate,         // to the appliance itself, more than its sender or all of them may send
    kKernelQueueFull,  // exception path overloaded
    kTxFull,           // the port took no more
    kNoMbuf,
    kMulticast,  // transit multicast or broadcast
    kPageOver,   // a connection to the page of a machine that is no longer cut off
    kCount
};

inline constexpr std::size_t kDropReasons = static_cast<std::size_t>(DropReason::kCount);

// Stable names for people and programs, in the order of the enum.
inline constexpr std::array<std::string_view, kDropReasons> kDropReasonNames{"none",
                                                                             "truncated",
                                                                             "bad-ethernet",
                                                                             "bad-ip-header",
                                                                             "bad-ip-checksum",
                                                                             "bad-source",
                                                                             "unknown-vlan",
                                                                             "bad-transport",
                                                                             "unsupported-protocol",
                                                                             "spoofed-address",
                                                                             "own-mac",
                                                                             "foreign-mac",
                                                                             "bad-neighbour",
                                                                             "spoofed-neighbour",
                                                                             "own-address",
                                                                             "rogue-router",
                                                                             "not-ready",
                                                                             "isolated-source",
                                                                             "isolated-destination",
                                                                             "source-heartbeat",
                                                                             "destination-heartbeat",
                                                                             "rule-drop",
                                                                             "rule-reject",
                                                                             "default-drop",
                                                                             "unsolicited",
                                                                             "bad-tcp-state",
                                                                             "bad-fragment",
                                                                             "tiny-fragment",
                                                                             "fragment-overlap",
                                                                             "orphan-fragment",
                                                                             "fragment-timeout",
                                                                             "fragment-limit",
                                                                             "unrelated-icmp",
                                                                             "flow-table-full",
                                                                             "source-quota",
                                                                             "new-flow-rate",
                                                                             "no-nat-port",
                                                                             "nat-quota",
                                                                             "no-route",
                                                                             "no-neighbour",
                                                                             "hold-queue-full",
                                                                             "ttl-exceeded",
                                                                             "too-big",
                                                                             "local-in",
                                                                             "punt-rate",
                                                                             "kernel-queue-full",
                                                                             "tx-full",
                                                                             "no-mbuf",
                                                                             "multicast",
                                                                             "page-over"};
static_assert(!kDropReasonNames.back().empty());

[[nodiscard]] constexpr std::string_view name(DropReason reason) {
    return kDropReasonNames[static_cast<std::size_t>(reason)];
}

}  // namespace heartgate::contract
