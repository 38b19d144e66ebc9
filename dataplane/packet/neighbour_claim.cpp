// SPDX-License-Identifier: Apache-2.0
// RFC 826 and RFC 5227 for ARP; RFC 4861, 6.1 and 7.1 for Neighbour Discovery. Hop limit and code were checked by the
// parser; the checksum is left to Linux.
#include "dataplane/packet/neighbour_claim.h"

#include <cstring>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/parse.h"

namespace heartgate::dataplane {

using contract::DropReason;

namespace {

NeighbourClaim invalid(DropReason reason = DropReason::kBadNeighbour) noexcept { return {.reason = reason}; }

void add(NeighbourClaim& claim, const IpAddress& address) noexcept { claim.addresses[claim.count++] = address; }

NeighbourClaim read_arp(const std::uint8_t* packet) noexcept {
    const std::uint16_t operation = load16(packet + arp::kOperation);
    if (operation != arp::kRequest && operation != arp::kReply) return invalid();
    NeighbourClaim claim{.link_address = load_mac(packet + arp::kSenderMac)};
    const auto sender = load_raw<std::uint32_t>(packet + arp::kSenderAddress);
    if (sender == 0) {  // RFC 5227, 2.1.1: asks whether somebody has the address, and claims none
        return operation == arp::kRequest ? claim : invalid();
    }
    const unsigned first = sender & 0xffU;
    if (first == 0 || first == 127 || first >= 224) return invalid();
    add(claim, IpAddress::from_ipv4(sender));
    return claim;
}

// What stands in front of the options.
std::size_t fixed_length(std::uint8_t type) noexcept {
    switch (type) {
        case icmp::kRouterSolicitation:
            return 8;
        case icmp::kRouterAdvertisement:
            return 16;
        case icmp::kRedirect:
            return 40;
        default:
            return 24;
    }
}

// Every option must have a length above 0 and fit. The sender's link-layer address is in the source option, in an
// advertisement in the target option.
bool read_options(std::span<const std::uint8_t> options, std::uint8_t type, NeighbourClaim& claim) noexcept {
    const std::uint8_t wanted = type == icmp::kNeighbourAdvertisement ? nd_option::kTargetLinkAddress
                                : type == icmp::kRedirect             ? std::uint8_t{0}
                                                                      : nd_option::kSourceLinkAddress;
    while (!options.empty()) {
        if (options.size() < 8) return false;
        const std::size_t length = options[1] * std::size_t{8};
        if (length == 0 || length > options.size()) return false;
        if (options[0] == wanted) {
            // RFC 2464, 6: Ethernet's is one unit long. A second one could say something else.
            if (length != 8 || claim.link_address != 0) return false;
            MacAddress mac;
            std::memcpy(mac.data(), options.data() + 2, mac.size());
            claim.link_address = pack(mac);
            if (claim.link_address == 0) return false;
        }
        options = options.subspan(length);
    }
    return true;
}

NeighbourClaim read_discovery(std::span<const std::uint8_t> bytes, const PacketMeta& meta) noexcept {
    const std::size_t end = std::size_t{meta.network} + meta.ip_length;
    if (end > bytes.size()) return invalid(DropReason::kTruncated);
    const std::uint8_t* message = bytes.data() + meta.transport;
    const std::uint8_t type = message[0];
    const std::size_t length = end - meta.transport;
    const std::size_t fixed = fixed_length(type);
    NeighbourClaim claim{.from_router = type == icmp::kRouterAdvertisement || type == icmp::kRedirect};
    if (length < fixed || !read_options({message + fixed, length - fixed}, type, claim)) return invalid();

    const IpAddress source = source_address(bytes.data(), meta);
    const bool unspecified = source == IpAddress{};
    if (claim.from_router && !is_ipv6_link_local(source)) return invalid();
    if (unspecified && claim.link_address != 0) return invalid();
    if (!unspecified) add(claim, source);
    if (type != icmp::kNeighbourSolicitation && type != icmp::kNeighbourAdvertisement) return claim;

    IpAddress target;
    std::memcpy(target.bytes.data(), message + 8, target.bytes.size());
    if (target.bytes[0] == 0xff || target == IpAddress{} || target.is_ipv4()) return invalid();
    const IpAddress destination = destination_address(bytes.data(), meta);
    if (type == icmp::kNeighbourSolicitation) {
        // RFC 4291, 2.7.1: ff02::1:ff00:0/104.
        static constexpr std::uint8_t kSolicitedNode[] = {0xff, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0xff};
        const bool group = std::memcmp(destination.bytes.data(), kSolicitedNode, sizeof kSolicitedNode) == 0;
        return unspecified && !group ? invalid() : claim;
    }
    constexpr std::uint8_t kSolicited = 0x40;
    if (unspecified || (destination.bytes[0] == 0xff && (message[4] & kSolicited) != 0)) return invalid();
    if (target != source) add(claim, target);
    return claim;
}

}  // namespace

NeighbourClaim read_neighbour_claim(std::span<const std::uint8_t> bytes, const PacketMeta& meta) noexcept {
    return meta.is_ip() ? read_discovery(bytes, meta) : read_arp(bytes.data() + meta.network);
}

}  // namespace heartgate::dataplane
