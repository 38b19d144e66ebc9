// SPDX-License-Identifier: Apache-2.0
// Frame to text, written without the product's parser, so that neither hides the other's mistakes.
#include <netinet/in.h>

#include <fmt/format.h>

#include "dataplane/packet/address_text.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "frame.h"

namespace heartgate::dataplane::test {

namespace {

IpAddress address_at(const std::uint8_t* at, bool ipv6) {
    if (!ipv6) return IpAddress::from_ipv4(load_raw<std::uint32_t>(at));
    IpAddress address;
    std::memcpy(address.bytes.data(), at, 16);
    return address;
}

struct Ip {
    bool ipv6 = false;
    IpAddress source;
    IpAddress destination;
    std::uint8_t protocol = 0;
    unsigned ttl = 0;
    const std::uint8_t* upper = nullptr;
    std::size_t upper_length = 0;  // as the header says
    std::size_t present = 0;       // of it in the buffer
    bool checksum_right = true;
    bool fragment = false;
    bool more = false;             // fragments
    unsigned offset = 0;           // in bytes
    std::size_t fragmentable = 0;  // length of the fragment
};

Ip read_ip(const std::uint8_t* at, std::size_t length) {
    Ip ip;
    ip.ipv6 = (at[0] >> 4U) == 6;
    std::size_t header = ipv6::kLength;
    std::size_t total = 0;
    if (ip.ipv6) {
        total = ipv6::kLength + load16(at + ipv6::kPayloadLength);
        ip.protocol = at[ipv6::kNextHeader];
        ip.ttl = at[ipv6::kHopLimit];
        while (ip.protocol == IPPROTO_HOPOPTS || ip.protocol == IPPROTO_DSTOPTS || ip.protocol == IPPROTO_FRAGMENT) {
            const bool fragment = ip.protocol == IPPROTO_FRAGMENT;
            ip.protocol = at[header];
            if (fragment) {
                ip.offset = load16(at + header + 2) & 0xfff8U;
                ip.more = (at[header + 3] & 1U) != 0;
                ip.fragment = ip.more || ip.offset != 0;
                ip.fragmentable = total - header - 8;
            }
            header += fragment ? 8U : 8U * (at[header + 1] + 1U);
        }
    } else {
        header = (at[0] & 0xfU) * 4U;
        total = load16(at + ipv4::kTotalLength);
        ip.protocol = at[ipv4::kProtocol];
        ip.ttl = at[ipv4::kTtl];
        const unsigned field = load16(at + ipv4::kFragment);
        ip.offset = (field & 0x1fffU) * 8;
        ip.more = (field & 0x2000U) != 0;
        ip.fragment = ip.more || ip.offset != 0;
        ip.fragmentable = total - header;
        ip.checksum_right = internet_checksum({at, header}) == 0;
    }
    ip.source = address_at(at + (ip.ipv6 ? ipv6::kSource : ipv4::kSource), ip.ipv6);
    ip.destination = address_at(at + (ip.ipv6 ? ipv6::kDestination : ipv4::kDestination), ip.ipv6);
    ip.upper = at + header;
    ip.upper_length = total - header;
    ip.present = length - header;
    return ip;
}

bool upper_checksum_right(const Ip& ip) {
    const bool checked = ip.protocol == IPPROTO_UDP || ip.protocol == IPPROTO_TCP || ip.protocol == IPPROTO_ICMP ||
                         ip.protocol == IPPROTO_ICMPV6;
    if (!checked) return true;
    if (ip.fragment || ip.present < ip.upper_length) return true;  // here in part
    if (ip.protocol == IPPROTO_UDP && load16(ip.upper + udp_header::kChecksum) == 0) return true;
    std::uint64_t sum = checksum_sum({ip.upper, ip.upper_length});
    if (ip.protocol != IPPROTO_ICMP) {
        const std::size_t first = ip.ipv6 ? 0 : 12;
        sum += checksum_sum(std::span{ip.source.bytes}.subspan(first)) +
               checksum_sum(std::span{ip.destination.bytes}.subspan(first)) +
               swap16(static_cast<std::uint16_t>(ip.upper_length)) + swap16(ip.protocol);
    }
    return checksum_fold(sum) == 0xffff;
}

std::string flags_of(std::uint8_t flags) {
    switch (flags) {
        case 0x02:
            return " syn";
        case 0x12:
            return " syn-ack";
        case 0x10:
            return " ack";
        case 0x11:
            return " fin";
        case 0x04:
            return " rst";
        case 0x14:
            return " rst-ack";
        default:
            return fmt::format(" flags {}", flags);
    }
}

// Of a reset, where they decide whether it is believed.
std::string numbers_of(const std::uint8_t* tcp) {
    if ((tcp[tcp_header::kFlags] & 0x04U) == 0) return "";
    const std::uint32_t sequence = load32(tcp + tcp_header::kSequence);
    const std::uint32_t acknowledged = load32(tcp + tcp_header::kAcknowledgement);
    return (sequence != 0 ? fmt::format(" seq {}", sequence) : "") +
           (acknowledged != 0 ? fmt::format(" ack-number {}", acknowledged) : "");
}

std::string mss_of(const std::uint8_t* tcp) {
    const std::size_t end = (tcp[tcp_header::kDataOffset] >> 4U) * std::size_t{4};
    std::size_t at = tcp_header::kLength;
    while (at + 3 < end && tcp[at] == 1) ++at;
    return at + 3 < end && tcp[at] == 2 ? fmt::format(" mss {}", load16(tcp + at + 2)) : "";
}

std::string side_text(const IpAddress& address, std::uint16_t port, const PortName& port_name) {
    const std::string text = to_text(address);
    if (port == 0) return text;
    std::string name = port_name(text, port);
    if (name.empty()) name = std::to_string(port);
    return address.is_ipv4() ? text + ":" + name : "[" + text + "]:" + name;
}

std::string describe_ip(const std::uint8_t* at, std::size_t length, const PortName& port_name);

std::string describe_icmp(const Ip& ip, const PortName& port_name) {
    const std::uint8_t type = ip.upper[0];
    const std::uint16_t identifier = load16(ip.upper + icmp::kIdentifier);
    const bool request = type == (ip.ipv6 ? 128 : 8);
    const bool reply = type == (ip.ipv6 ? 129 : 0);
    std::string text = fmt::format("{} > {} ", side_text(ip.source, request ? identifier : std::uint16_t{0}, port_name),
                                   side_text(ip.destination, reply ? identifier : std::uint16_t{0}, port_name));
    if (request) return text + "echo";
    if (reply) return text + "echo-reply";
    const std::string quoted =
        ip.present <= icmp::kLength ? "" : describe_ip(ip.upper + icmp::kLength, ip.present - icmp::kLength, port_name);
    if (type == (ip.ipv6 ? 3 : 11)) return text + "time-exceeded quoting " + quoted;
    if (ip.ipv6 && type == 2) return text + fmt::format("too-big {} quoting {}", load32(ip.upper + 4), quoted);
    if (!ip.ipv6 && type == 3 && ip.upper[1] == 4) {
        return text + fmt::format("too-big {} quoting {}", load16(ip.upper + 6), quoted);
    }
    if (quoted.size() > 0 && type == (ip.ipv6 ? 1 : 3)) {
        return text + fmt::format("unreachable {} quoting {}", ip.upper[1], quoted);
    }
    if (quoted.size() > 0 && type == (ip.ipv6 ? 4 : 12)) return text + "parameter-problem quoting " + quoted;
    return text + fmt::format("icmp {}", type);
}

std::string describe_upper(const Ip& ip, const PortName& port_name) {
    if (ip.offset != 0)
        return fmt::format("{} > {} protocol {}", to_text(ip.source), to_text(ip.destination), ip.protocol);
    if (ip.protocol == IPPROTO_ICMP || ip.protocol == IPPROTO_ICMPV6) return describe_icmp(ip, port_name);
    const bool ports = ip.protocol == IPPROTO_UDP || ip.protocol == IPPROTO_TCP;
    std::string text =
        fmt::format("{} > {} ", side_text(ip.source, ports ? load16(ip.upper) : std::uint16_t{0}, port_name),
                    side_text(ip.destination, ports ? load16(ip.upper + 2) : std::uint16_t{0}, port_name));
    if (ip.protocol == IPPROTO_UDP) {
        return text + (load16(ip.upper + udp_header::kChecksum) == 0 ? "udp no-checksum" : "udp");
    }
    if (ip.protocol == IPPROTO_TCP) {
        const bool whole = ip.present >= tcp_header::kLength;  // or quoted in part
        return text + "tcp" +
               (whole ? flags_of(ip.upper[tcp_header::kFlags] & 0x3fU) + numbers_of(ip.upper) + mss_of(ip.upper) : "");
    }
    return text + fmt::format("protocol {}", ip.protocol);
}

std::string describe_ip(const std::uint8_t* at, std::size_t length, const PortName& port_name) {
    const Ip ip = read_ip(at, length);
    std::string text = describe_upper(ip, port_name);
    if (ip.fragment) {
        text += fmt::format(" {}-{}{}", ip.offset, ip.offset + ip.fragmentable, ip.more ? "" : " last");
    }
    text += fmt::format(" ttl {}", ip.ttl);
    if (!ip.checksum_right) text += " BAD-IP-CHECKSUM";
    if (!upper_checksum_right(ip)) text += " BAD-CHECKSUM";
    if (ip.present > ip.upper_length) text += " PADDED";
    return text;
}

}  // namespace

std::string describe(const Bytes& frame, const PortName& port_name) {
    std::size_t at = ethernet::kLength;
    std::string tag;
    std::uint16_t type = load16(&frame[ethernet::kType]);
    if (type == ethernet::kVlan) {
        tag = fmt::format("vlan {} ", load16(&frame[at]));
        type = load16(&frame[at + 2]);
        at += ethernet::kTagLength;
    }
    if (type == ethernet::kArp) return tag + "arp";
    if (type != ethernet::kIpv4 && type != ethernet::kIpv6) return tag + fmt::format("ether-type {:#06x}", type);
    return tag + describe_ip(&frame[at], frame.size() - at, port_name);
}

MacAddress frame_destination(const Bytes& frame) {
    MacAddress mac;
    std::copy_n(frame.begin(), 6, mac.begin());
    return mac;
}

MacAddress frame_source(const Bytes& frame) {
    MacAddress mac;
    std::copy_n(frame.begin() + 6, 6, mac.begin());
    return mac;
}

std::uint16_t source_port_of(const Bytes& frame, const IpAddress& source) {
    const std::size_t at = load16(&frame[ethernet::kType]) == ethernet::kVlan ? 18 : 14;
    if (load16(&frame[at - 2]) == ethernet::kArp) return 0;
    const Ip ip = read_ip(&frame[at], frame.size() - at);
    if (ip.source != source || ip.offset != 0) return 0;
    if (ip.protocol == IPPROTO_UDP || ip.protocol == IPPROTO_TCP) return load16(ip.upper);
    return ip.protocol == IPPROTO_ICMP && ip.upper[0] == 8 ? load16(ip.upper + icmp::kIdentifier) : std::uint16_t{0};
}

}  // namespace heartgate::dataplane::test
