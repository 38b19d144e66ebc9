// SPDX-License-Identifier: Apache-2.0
// The parser for every packet. Each function checks one header and hands on to the next; the first failed check names
// the drop.
#include "dataplane/packet/parse.h"

#include <netinet/in.h>

#include <algorithm>
#include <cstring>

#include "dataplane/flow/flow_state.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"

namespace heartgate::dataplane {

using contract::DropReason;

namespace {

// More than any sender needs: each kind but destination options once (RFC 8200, 4.1).
constexpr unsigned kMostExtensionHeaders = 6;

struct Input {
    std::span<const std::uint8_t> bytes;  // of the first segment
    std::uint32_t frame_length;           // of all segments
    const std::uint8_t* at(std::size_t offset) const noexcept { return bytes.data() + offset; }
    bool holds(std::size_t offset, std::size_t length) const noexcept { return offset + length <= bytes.size(); }
};

bool is_unspecified(std::uint32_t address) noexcept { return address == 0; }

// RFC 1812, 5.3.7 and RFC 1122, 3.2.1.3: never a source on the wire. RFC 3927, 7: link-local is not forwarded.
bool is_martian(std::uint32_t address) noexcept {
    const std::uint32_t first = address >> 24U;
    return first == 0 || first == 127 || first >= 224 || (address >> 16U) == 0xa9fe;
}

// What it means that an upper-layer header is not whole.
DropReason cut_off(const PacketMeta& meta) noexcept {
    return meta.fragment ? DropReason::kTinyFragment : DropReason::kBadTransport;
}

DropReason check_tcp(const Input& input, std::size_t available, PacketMeta& meta) noexcept {
    if (available < tcp_header::kLength) return cut_off(meta);
    const std::uint8_t* tcp = input.at(meta.transport);
    const std::size_t header = (tcp[tcp_header::kDataOffset] >> 4U) * std::size_t{4};
    if (header < tcp_header::kLength) return DropReason::kBadTransport;  // RFC 9293, 3.1
    if (header > available) return cut_off(meta);
    meta.tcp_flags = tcp[tcp_header::kFlags] & kTcpFlagsMask;
    if (!sane_tcp_flags(meta.tcp_flags)) return DropReason::kBadTransport;
    meta.source_port = load16(tcp);
    meta.destination_port = load16(tcp + 2);
    if (meta.source_port == 0 || meta.destination_port == 0) return DropReason::kBadTransport;  // RFC 6335, 6
    meta.has_key = true;
    return DropReason::kNone;
}

DropReason check_udp(const Input& input, std::size_t available, PacketMeta& meta) noexcept {
    if (available < udp_header::kLength) return cut_off(meta);
    const std::uint8_t* udp = input.at(meta.transport);
    const std::size_t length = load16(udp + udp_header::kLengthField);
    // RFC 768. In fragments it is that of the whole datagram.
    if (length < udp_header::kLength || (length > available) != meta.fragment) return DropReason::kBadTransport;
    meta.source_port = load16(udp);
    meta.destination_port = load16(udp + 2);
    if (meta.destination_port == 0) return DropReason::kBadTransport;  // RFC 6335, 6
    meta.has_key = true;
    return DropReason::kNone;
}

// About another packet, which they quote: RFC 792 but for what RFC 6633 and RFC 1812, 4.3.3.2 do away with; RFC
// 4443, 2.1.
bool is_icmp_error(std::uint8_t type, bool ipv6) noexcept {
    if (ipv6) return type >= icmp::kV6Unreachable && type <= icmp::kV6ParameterProblem;
    return type == icmp::kUnreachable || type == icmp::kTimeExceeded || type == icmp::kParameterProblem;
}

// RFC 792, RFC 4443. Only echo has a flow key: the identifier is the source port of a request and the destination
// port of a reply.
DropReason check_icmp(const Input& input, std::size_t available, PacketMeta& meta) noexcept {
    if (available < icmp::kLength) return cut_off(meta);
    const std::uint8_t* header = input.at(meta.transport);
    const std::uint8_t type = header[0];
    const bool ipv6 = meta.is_ipv6();
    const bool request = type == (ipv6 ? icmp::kV6EchoRequest : icmp::kEchoRequest);
    const bool reply = type == (ipv6 ? icmp::kV6EchoReply : icmp::kEchoReply);
    meta.destination_port = type;
    if (request || reply) {
        meta.has_key = true;
        meta.source_port = load16(header + icmp::kIdentifier);
    } else if (is_icmp_error(type, ipv6)) {
        meta.icmp_error = !meta.fragment;
    } else if (ipv6 && type >= icmp::kRouterSolicitation && type <= icmp::kRedirect) {
        // RFC 4861, 6.1 and 7.1: from a neighbour, or not valid at all.
        // RFC 6980, 5: nor with a fragment header.
        if (meta.hop_limit != 255 || header[icmp::kCode] != 0 || meta.fragment || meta.last_fragment) {
            return DropReason::kBadTransport;
        }
        meta.neighbour_discovery = true;
    }
    return DropReason::kNone;
}

// `end`: offset at which the IP packet ends in the frame.
DropReason check_transport(const Input& input, std::size_t end, PacketMeta& meta) noexcept {
    DropReason reason = DropReason::kNone;
    const std::size_t available = end - meta.transport;
    std::size_t needed = icmp::kLength;
    switch (meta.protocol) {
        case IPPROTO_TCP:
            needed = tcp_header::kLength;
            break;
        case IPPROTO_UDP:
            break;
        case IPPROTO_ICMP:
        case IPPROTO_ICMPV6:
            if ((meta.protocol == IPPROTO_ICMPV6) != meta.is_ipv6()) return DropReason::kUnsupportedProtocol;
            break;
        default:
            return DropReason::kNone;  // without a key: the decide stage names the drop after asking the gate
    }
    // In the packet, but in a later segment.
    if (available >= needed && !input.holds(meta.transport, needed)) return DropReason::kTruncated;
    switch (meta.protocol) {
        case IPPROTO_TCP:
            reason = check_tcp(input, available, meta);
            break;
        case IPPROTO_UDP:
            reason = check_udp(input, available, meta);
            break;
        default:
            reason = check_icmp(input, available, meta);
            break;
    }
    return reason;
}

// Ports of the key as they stand in the packet, network order; see flow_key.h for ICMP.
template <class Key>
void fill_ports(const Input& input, const PacketMeta& meta, Key& key) noexcept {
    const std::uint8_t* transport = input.at(meta.transport);
    if (meta.protocol == IPPROTO_TCP || meta.protocol == IPPROTO_UDP) {
        key.source_port = load_raw<std::uint16_t>(transport);
        key.destination_port = load_raw<std::uint16_t>(transport + 2);
        return;
    }
    const bool request = transport[0] == icmp::kEchoRequest || transport[0] == icmp::kV6EchoRequest;
    const auto identifier = load_raw<std::uint16_t>(transport + icmp::kIdentifier);
    key.source_port = request ? identifier : std::uint16_t{0};
    key.destination_port = request ? std::uint16_t{0} : identifier;
}

// RFC 791, 3.1. Source routes lead around policy: dropped (RFC 7126, 4.3 and 4.4).
DropReason check_options(std::span<const std::uint8_t> options) noexcept {
    std::size_t at = 0;
    while (at < options.size()) {
        const std::uint8_t type = options[at];
        if (type == ipv4::kOptionEnd) break;
        if (type == ipv4::kOptionNop) {
            ++at;
            continue;
        }
        if (at + 1 >= options.size() || options[at + 1] < 2 || at + options[at + 1] > options.size() ||
            type == ipv4::kOptionLooseRoute || type == ipv4::kOptionStrictRoute) {
            return DropReason::kBadIpHeader;
        }
        at += options[at + 1];
    }
    return DropReason::kNone;
}

// A fragment of `length` bytes at `offset` of the datagram's payload; `header`: bytes in front of it, that count for
// the size of the whole (RFC 791, 3.1: 65,535, or it is a ping of death).
DropReason check_fragment(std::size_t offset, std::size_t length, bool more, std::size_t header,
                          PacketMeta& meta) noexcept {
    constexpr std::size_t kUnit = 8;
    if (length == 0 || (more && length % kUnit != 0) || header + offset + length > 0xffff) {
        return DropReason::kBadFragment;
    }
    // RFC 3128: so short a first fragment hides TCP's flags in the second one.
    if (offset == kUnit && meta.protocol == IPPROTO_TCP) return DropReason::kTinyFragment;
    meta.fragment = true;
    meta.first_fragment = offset == 0;
    meta.last_fragment = !more;
    meta.fragment_begin = static_cast<std::uint16_t>(offset);
    meta.fragment_end = static_cast<std::uint16_t>(offset + length);
    return DropReason::kNone;
}

// Fragments are not looked up with the burst: worker/fragment.cpp finds their flow.
void keep_apart(PacketMeta& meta) noexcept {
    meta.has_key = false;
    meta.fragment_key = true;
}

DropReason parse_ipv4(const Input& input, PacketMeta& meta) noexcept {
    if (!input.holds(meta.network, ipv4::kLength)) return DropReason::kTruncated;
    const std::uint8_t* ip = input.at(meta.network);
    // RFC 1812, 5.2.2: version, header length, total length, checksum.
    const std::size_t header = (ip[0] & 0xfU) * std::size_t{4};
    const std::size_t total = load16(ip + ipv4::kTotalLength);
    if ((ip[0] >> 4U) != 4 || header < ipv4::kLength || total < header) return DropReason::kBadIpHeader;
    if (meta.network + total > input.frame_length || !input.holds(meta.network, header)) return DropReason::kTruncated;
    if (checksum_fold(header == ipv4::kLength ? ipv4_header_sum(ip) : checksum_sum({ip, header})) != 0xffff)
        return DropReason::kBadIpChecksum;
    if (header != ipv4::kLength) {
        const DropReason reason = check_options({ip + ipv4::kLength, header - ipv4::kLength});
        if (reason != DropReason::kNone) return reason;
    }
    meta.ip_length = static_cast<std::uint16_t>(total);
    meta.transport = static_cast<std::uint16_t>(meta.network + header);
    meta.protocol = ip[ipv4::kProtocol];
    meta.hop_limit = ip[ipv4::kTtl];

    const std::uint32_t source = load32(ip + ipv4::kSource);
    const std::uint32_t destination = load32(ip + ipv4::kDestination);
    // RFC 1122, 3.2.1.3 (a): all zeros is a host that learns its address, which it does by broadcast (RFC 2131, 4.1).
    if (is_martian(source) && !(is_unspecified(source) && destination == 0xffffffff)) return DropReason::kBadSource;
    meta.group_destination = (destination >> 28U) == 0xe || destination == 0xffffffff;  // RFC 1112, RFC 919

    const std::uint16_t fragment = load16(ip + ipv4::kFragment);
    meta.dont_fragment = (fragment & ipv4::kDontFragment) != 0;
    if ((fragment & ipv4::kFragmentMask) != 0) [[unlikely]] {
        meta.fragment_identification = load_raw<std::uint16_t>(ip + ipv4::kIdentification);
        const DropReason reason = check_fragment((fragment & ipv4::kFragmentOffset) * std::size_t{8}, total - header,
                                                 (fragment & ipv4::kMoreFragments) != 0, header, meta);
        if (reason != DropReason::kNone || !meta.first_fragment) return reason;
    }

    const DropReason reason = check_transport(input, meta.network + total, meta);
    if (reason != DropReason::kNone || !meta.has_key) return reason;
    meta.key.source = load_raw<std::uint32_t>(ip + ipv4::kSource);
    meta.key.destination = load_raw<std::uint32_t>(ip + ipv4::kDestination);
    meta.key.protocol = meta.protocol;
    meta.key.port = meta.zone.raw();
    meta.key.vlan = meta.vlan;
    fill_ports(input, meta, meta.key);
    if (meta.fragment) [[unlikely]] {
        keep_apart(meta);
    }
    return DropReason::kNone;
}

bool is_zero(const std::uint8_t* bytes, std::size_t length) noexcept {
    return std::all_of(bytes, bytes + length, [](std::uint8_t byte) { return byte == 0; });
}

DropReason check_ipv6_addresses(const std::uint8_t* source, const std::uint8_t* destination,
                                PacketMeta& meta) noexcept {
    meta.group_destination = destination[0] == 0xff;
    // An IPv4-mapped address on the wire (RFC 4038, 4.2: refuse it) would pass for the IPv4 address inside it.
    const auto mapped = [](const std::uint8_t* address) {
        return is_zero(address, 10) && address[10] == 0xff && address[11] == 0xff;
    };
    if (mapped(destination)) return DropReason::kBadIpHeader;
    if (source[0] == 0xff || mapped(source)) return DropReason::kBadSource;  // RFC 4291, 2.7
    if (!is_zero(source, 15)) return DropReason::kNone;
    // RFC 4291, 2.5.3: loopback never; 2.5.2: unspecified only while a host learns its address, by multicast.
    if (source[15] == 1 || (source[15] == 0 && !meta.group_destination)) return DropReason::kBadSource;
    return DropReason::kNone;
}

// RFC 8200, 4.5. A datagram that is whole in one fragment is none (RFC 6946).
DropReason read_fragment_header(const Input& input, std::size_t at, std::size_t end, PacketMeta& meta) noexcept {
    if (meta.fragment || meta.last_fragment || at + ipv6::kFragmentLength > end) return DropReason::kBadFragment;
    if (!input.holds(at, ipv6::kFragmentLength)) return DropReason::kTruncated;
    const std::uint8_t* header = input.at(at);
    const std::uint16_t field = load16(header + ipv6::kFragmentOffset);
    const std::size_t offset = field & ipv6::kFragmentOffsetMask;
    const bool more = (field & 1U) != 0;
    if (offset == 0 && !more) {
        meta.last_fragment = true;
        return DropReason::kNone;
    }
    meta.protocol = header[0];
    meta.fragment_identification = load_raw<std::uint32_t>(header + ipv6::kFragmentIdentification);
    const std::size_t begin = at + ipv6::kFragmentLength;
    return check_fragment(offset, end - begin, more, begin - meta.network - ipv6::kLength, meta);
}

// RFC 8200, 4: walks to the upper-layer header. `end`: where the packet ends in the frame.
DropReason walk_extension_headers(const Input& input, std::size_t end, PacketMeta& meta) noexcept {
    std::size_t at = meta.network + ipv6::kLength;
    std::uint8_t next = input.at(meta.network)[ipv6::kNextHeader];
    for (unsigned count = 0; count <= kMostExtensionHeaders; ++count) {
        switch (next) {
            case IPPROTO_FRAGMENT: {
                const DropReason reason = read_fragment_header(input, at, end, meta);
                if (reason != DropReason::kNone) return reason;
                next = input.at(at)[0];
                at += ipv6::kFragmentLength;
                if (meta.fragment && !meta.first_fragment) {
                    meta.protocol = next;
                    meta.transport = static_cast<std::uint16_t>(at);
                    return DropReason::kNone;
                }
                continue;
            }
            case IPPROTO_HOPOPTS:
                if (count != 0) return DropReason::kBadIpHeader;  // RFC 8200, 4.1: first or not at all
                break;
            case IPPROTO_DSTOPTS:
            case IPPROTO_ROUTING:
                break;
            default:
                meta.protocol = next;
                meta.transport = static_cast<std::uint16_t>(at);
                return DropReason::kNone;
        }
        // RFC 7112: all of the chain is in the first fragment.
        const DropReason incomplete = meta.fragment ? DropReason::kTinyFragment : DropReason::kBadIpHeader;
        if (at + 8 > end) return incomplete;
        if (!input.holds(at, 8)) return DropReason::kTruncated;
        const std::uint8_t* header = input.at(at);
        // RFC 5095: type 0 must not be followed; no other kind of source routing passes a policy either.
        if (next == IPPROTO_ROUTING) {
            return header[2] == 0 ? DropReason::kBadIpHeader : DropReason::kUnsupportedProtocol;
        }
        const std::size_t length = (header[1] + std::size_t{1}) * 8;
        if (at + length > end) return incomplete;
        if (!input.holds(at, length)) return DropReason::kTruncated;
        next = header[0];
        at += length;
    }
    return DropReason::kBadIpHeader;
}

DropReason parse_ipv6(const Input& input, PacketMeta& meta, FlowKey6& key) noexcept {
    if (!input.holds(meta.network, ipv6::kLength)) return DropReason::kTruncated;
    const std::uint8_t* ip = input.at(meta.network);
    if ((ip[0] >> 4U) != 6) return DropReason::kBadIpHeader;  // RFC 8200, 3
    const std::size_t total = ipv6::kLength + load16(ip + ipv6::kPayloadLength);
    if (meta.network + total > input.frame_length) return DropReason::kTruncated;
    if (total > 0xffff) return DropReason::kTooBig;
    meta.ip_length = static_cast<std::uint16_t>(total);
    meta.hop_limit = ip[ipv6::kHopLimit];
    meta.dont_fragment = true;  // RFC 8200, 5: routers do not fragment
    DropReason reason = check_ipv6_addresses(ip + ipv6::kSource, ip + ipv6::kDestination, meta);
    if (reason != DropReason::kNone) return reason;
    const std::size_t end = meta.network + total;
    reason = walk_extension_headers(input, end, meta);
    if (reason != DropReason::kNone || (meta.fragment && !meta.first_fragment)) return reason;
    reason = check_transport(input, end, meta);
    if (reason != DropReason::kNone || !meta.has_key) return reason;
    std::memcpy(key.source.data(), ip + ipv6::kSource, key.source.size());
    std::memcpy(key.destination.data(), ip + ipv6::kDestination, key.destination.size());
    key.protocol = meta.protocol;
    key.port = meta.zone.raw();
    key.vlan = meta.vlan;
    key.zero = 0;
    fill_ports(input, meta, key);
    if (meta.fragment) [[unlikely]] {
        keep_apart(meta);
    }
    return DropReason::kNone;
}

// RFC 826, for Ethernet and IPv4.
DropReason parse_arp(const Input& input, const PacketMeta& meta) noexcept {
    if (!input.holds(meta.network, arp::kLength)) return DropReason::kTruncated;
    static constexpr std::uint8_t kEthernetIpv4[] = {0, 1, 8, 0, 6, 4};
    return std::memcmp(input.at(meta.network), kEthernetIpv4, sizeof kEthernetIpv4) == 0 ? DropReason::kNone
                                                                                         : DropReason::kBadEthernet;
}

DropReason check_link_addresses(const Input& input, const ParseOrigin& origin, PacketMeta& meta) noexcept {
    const std::uint64_t destination = load_mac(input.at(0));
    if (meta.source_mac == origin.mac) return DropReason::kOwnMac;
    // IEEE 802.3, 3.2.3: a source is one station. Zero stands for "none" in flow records.
    if ((meta.source_mac & 1U) != 0 || meta.source_mac == 0) return DropReason::kBadEthernet;
    meta.group_frame = (destination & 1U) != 0;
    return destination == origin.mac || meta.group_frame ? DropReason::kNone : DropReason::kForeignMac;
}

// IEEE 802.1Q, 6.9.1: VLAN 0 is a priority tag, the frame counts as untagged. A second tag is nobody's.
DropReason check_tags(const Input& input, std::uint16_t stripped_tag, const ParseOrigin& origin,
                      PacketMeta& meta) noexcept {
    meta.ether_type = load16(input.at(ethernet::kType));
    meta.network = ethernet::kLength;
    std::uint16_t vlan = stripped_tag & ethernet::kVlanIdMask;
    if (meta.ether_type == ethernet::kVlan && stripped_tag == 0) {
        if (!input.holds(0, ethernet::kLength + ethernet::kTagLength)) return DropReason::kTruncated;
        vlan = load16(input.at(ethernet::kLength)) & ethernet::kVlanIdMask;
        meta.ether_type = load16(input.at(ethernet::kLength + 2));
        meta.network = ethernet::kLength + ethernet::kTagLength;
    }
    if (meta.ether_type == ethernet::kVlan || meta.ether_type == ethernet::kServiceVlan) {
        return DropReason::kUnknownVlan;
    }
    meta.vlan = vlan;
    if (origin.zones == nullptr) return vlan == origin.linux_vlan ? DropReason::kNone : DropReason::kUnknownVlan;
    meta.zone = (*origin.zones)[vlan];
    return meta.zone.is_appliance() ? DropReason::kUnknownVlan : DropReason::kNone;
}

DropReason parse_frame(const Input& input, std::uint16_t stripped_tag, const ParseOrigin& origin, PacketMeta& meta,
                       FlowKey6& key6) noexcept {
    if (!input.holds(0, ethernet::kLength)) return DropReason::kTruncated;
    meta.source_mac = load_mac(input.at(ethernet::kSource));  // the type lies behind it
    DropReason reason = check_tags(input, stripped_tag, origin, meta);
    if (reason != DropReason::kNone) return reason;
    if (origin.zones != nullptr) {
        reason = check_link_addresses(input, origin, meta);
        if (reason != DropReason::kNone) return reason;
    }
    switch (meta.ether_type) {
        case ethernet::kIpv4:
            return parse_ipv4(input, meta);
        case ethernet::kIpv6:
            return parse_ipv6(input, meta, key6);
        case ethernet::kArp:
            return parse_arp(input, meta);
        default:
            return DropReason::kBadEthernet;
    }
}

IpAddress address_at(const std::uint8_t* at, bool ipv6) noexcept {
    if (!ipv6) return IpAddress::from_ipv4(load_raw<std::uint32_t>(at));
    IpAddress address;
    std::memcpy(address.bytes.data(), at, address.bytes.size());
    return address;
}

}  // namespace

void parse_any(std::span<const std::uint8_t> bytes, std::uint32_t frame_length, std::uint16_t stripped_tag,
               const ParseOrigin& origin, PacketMeta& meta, FlowKey6& key6) noexcept {
    meta = PacketMeta{};
    meta.reason = parse_frame(Input{bytes, frame_length}, stripped_tag, origin, meta, key6);
    if (meta.reason != DropReason::kNone) meta.has_key = false;
}

IpAddress source_address(const std::uint8_t* frame, const PacketMeta& meta) noexcept {
    return address_at(frame + meta.network + (meta.is_ipv6() ? ipv6::kSource : ipv4::kSource), meta.is_ipv6());
}

IpAddress destination_address(const std::uint8_t* frame, const PacketMeta& meta) noexcept {
    return address_at(frame + meta.network + (meta.is_ipv6() ? ipv6::kDestination : ipv4::kDestination),
                      meta.is_ipv6());
}

}  // namespace heartgate::dataplane
