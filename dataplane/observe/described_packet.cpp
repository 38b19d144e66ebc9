// SPDX-License-Identifier: Apache-2.0
#include "dataplane/observe/described_packet.h"

#include <netinet/in.h>

#include <algorithm>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"

namespace heartgate::dataplane {
namespace {

using Bytes = std::span<const std::uint8_t>;

constexpr std::size_t kPorts = 4;  // bytes of both
constexpr std::size_t kArpTarget = 24;

void read_ports(Bytes rest, DescribedPacket& packet) noexcept {
    if ((packet.protocol != IPPROTO_TCP && packet.protocol != IPPROTO_UDP) || rest.size() < kPorts) return;
    packet.source_port = load16(rest.data());
    packet.destination_port = load16(rest.data() + 2);
}

IpAddress ipv4_at(Bytes bytes, std::size_t at) noexcept {
    return IpAddress::from_ipv4(load_raw<std::uint32_t>(bytes.data() + at));
}

void read_ipv4(Bytes bytes, DescribedPacket& packet) noexcept {
    if (bytes.size() < ipv4::kLength) return;
    packet.protocol = bytes[ipv4::kProtocol];
    packet.source = ipv4_at(bytes, ipv4::kSource);
    packet.destination = ipv4_at(bytes, ipv4::kDestination);
    const std::size_t length = (bytes[0] & 0x0fU) * std::size_t{4};
    const bool first = (load16(bytes.data() + ipv4::kFragment) & ipv4::kFragmentOffset) == 0;
    if (first && length >= ipv4::kLength && length <= bytes.size()) read_ports(bytes.subspan(length), packet);
}

void read_ipv6(Bytes bytes, DescribedPacket& packet) noexcept {
    if (bytes.size() < ipv6::kLength) return;
    packet.protocol = bytes[ipv6::kNextHeader];
    std::copy_n(bytes.begin() + ipv6::kSource, packet.source.bytes.size(), packet.source.bytes.begin());
    std::copy_n(bytes.begin() + ipv6::kDestination, packet.destination.bytes.size(), packet.destination.bytes.begin());
    read_ports(bytes.subspan(ipv6::kLength), packet);
}

void read_arp(Bytes bytes, DescribedPacket& packet) noexcept {
    if (bytes.size() < arp::kLength) return;
    packet.source = ipv4_at(bytes, arp::kSenderAddress);
    packet.destination = ipv4_at(bytes, kArpTarget);
}

}  // namespace

DescribedPacket describe_packet(Bytes frame) noexcept {
    DescribedPacket packet;
    if (frame.size() < ethernet::kLength) return packet;
    std::copy_n(frame.begin() + ethernet::kSource, packet.source_mac.size(), packet.source_mac.begin());
    std::size_t network = ethernet::kLength;
    packet.ether_type = load16(frame.data() + ethernet::kType);
    if (packet.ether_type == ethernet::kVlan && frame.size() >= network + ethernet::kTagLength) {
        packet.vlan = load16(frame.data() + network) & ethernet::kVlanIdMask;
        packet.ether_type = load16(frame.data() + network + 2);
        network += ethernet::kTagLength;
    }
    const Bytes rest = frame.subspan(network);
    switch (packet.ether_type) {
        case ethernet::kIpv4:
            read_ipv4(rest, packet);
            break;
        case ethernet::kIpv6:
            read_ipv6(rest, packet);
            break;
        case ethernet::kArp:
            read_arp(rest, packet);
            break;
        default:
            break;
    }
    return packet;
}

}  // namespace heartgate::dataplane
