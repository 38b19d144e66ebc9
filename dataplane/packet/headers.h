// SPDX-License-Identifier: Apache-2.0
// Sizes, offsets and numbers of the headers that are read and written, by their specifications.
#pragma once

#include <cstddef>
#include <cstdint>

#include "dataplane/packet/ether_type.h"

namespace heartgate::dataplane {

namespace ethernet {  // IEEE 802.3, 802.1Q
inline constexpr std::size_t kLength = 14;
inline constexpr std::size_t kTagLength = 4;
inline constexpr std::size_t kSource = 6;
inline constexpr std::size_t kType = 12;
inline constexpr std::uint16_t kVlanIdMask = 0x0fff;
}  // namespace ethernet

namespace arp {  // RFC 826
inline constexpr std::size_t kLength = 28;
inline constexpr std::size_t kOperation = 6;
inline constexpr std::size_t kSenderMac = 8;
inline constexpr std::size_t kSenderAddress = 14;
inline constexpr std::uint16_t kRequest = 1;
inline constexpr std::uint16_t kReply = 2;
}  // namespace arp

namespace ipv4 {  // RFC 791
inline constexpr std::size_t kLength = 20;
inline constexpr std::size_t kTotalLength = 2;
inline constexpr std::size_t kIdentification = 4;
inline constexpr std::size_t kFragment = 6;
inline constexpr std::size_t kTtl = 8;
inline constexpr std::size_t kProtocol = 9;
inline constexpr std::size_t kChecksum = 10;
inline constexpr std::size_t kSource = 12;
inline constexpr std::size_t kDestination = 16;
inline constexpr std::uint16_t kDontFragment = 0x4000;
inline constexpr std::uint16_t kMoreFragments = 0x2000;
inline constexpr std::uint16_t kFragmentMask = 0x3fff;    // more fragments, offset
inline constexpr std::uint16_t kFragmentOffset = 0x1fff;  // in units of 8 bytes
inline constexpr std::uint8_t kOptionEnd = 0;
inline constexpr std::uint8_t kOptionNop = 1;
inline constexpr std::uint8_t kOptionLooseRoute = 131;
inline constexpr std::uint8_t kOptionStrictRoute = 137;
}  // namespace ipv4

namespace ipv6 {  // RFC 8200
inline constexpr std::size_t kLength = 40;
inline constexpr std::size_t kPayloadLength = 4;
inline constexpr std::size_t kNextHeader = 6;
inline constexpr std::size_t kHopLimit = 7;
inline constexpr std::size_t kSource = 8;
inline constexpr std::size_t kDestination = 24;
inline constexpr std::size_t kFragmentLength = 8;  // the fragment header, 4.5
inline constexpr std::size_t kFragmentOffset = 2;  // in it: units of 8 bytes from bit 3 on, more fragments in bit 0
inline constexpr std::size_t kFragmentIdentification = 4;
inline constexpr std::uint16_t kFragmentOffsetMask = 0xfff8;
}  // namespace ipv6

namespace tcp_header {  // RFC 9293
inline constexpr std::size_t kLength = 20;
inline constexpr std::size_t kSequence = 4;
inline constexpr std::size_t kAcknowledgement = 8;
inline constexpr std::size_t kDataOffset = 12;
inline constexpr std::size_t kFlags = 13;
inline constexpr std::size_t kChecksum = 16;
inline constexpr std::uint8_t kOptionEnd = 0;
inline constexpr std::uint8_t kOptionNop = 1;
inline constexpr std::uint8_t kOptionMss = 2;
inline constexpr std::uint8_t kOptionMssLength = 4;
}  // namespace tcp_header

namespace udp_header {  // RFC 768
inline constexpr std::size_t kLength = 8;
inline constexpr std::size_t kLengthField = 4;
inline constexpr std::size_t kChecksum = 6;
}  // namespace udp_header

namespace icmp {  // RFC 792, RFC 4443
inline constexpr std::size_t kLength = 8;
inline constexpr std::size_t kCode = 1;
inline constexpr std::size_t kChecksum = 2;
inline constexpr std::size_t kIdentifier = 4;
inline constexpr std::uint8_t kEchoReply = 0;
inline constexpr std::uint8_t kUnreachable = 3;
inline constexpr std::uint8_t kFragmentationNeeded = 4;  // code
inline constexpr std::uint8_t kProhibited = 13;          // code
inline constexpr std::uint8_t kEchoRequest = 8;
inline constexpr std::uint8_t kTimeExceeded = 11;
inline constexpr std::uint8_t kParameterProblem = 12;
inline constexpr std::uint8_t kV6Unreachable = 1;
inline constexpr std::uint8_t kV6Prohibited = 1;  // code
inline constexpr std::uint8_t kV6TooBig = 2;
inline constexpr std::uint8_t kV6TimeExceeded = 3;
inline constexpr std::uint8_t kV6ParameterProblem = 4;
inline constexpr std::uint8_t kV6EchoRequest = 128;
inline constexpr std::uint8_t kV6EchoReply = 129;
inline constexpr std::uint8_t kRouterSolicitation = 133;
inline constexpr std::uint8_t kRouterAdvertisement = 134;
inline constexpr std::uint8_t kNeighbourSolicitation = 135;
inline constexpr std::uint8_t kNeighbourAdvertisement = 136;
inline constexpr std::uint8_t kRedirect = 137;
}  // namespace icmp

namespace nd_option {  // RFC 4861, 4.6
inline constexpr std::uint8_t kSourceLinkAddress = 1;
inline constexpr std::uint8_t kTargetLinkAddress = 2;
}  // namespace nd_option

}  // namespace heartgate::dataplane
