// SPDX-License-Identifier: Apache-2.0
// Text to frame; see frame.h for the words.
#include <netinet/in.h>

#include <algorithm>
#include <stdexcept>

#include "dataplane/packet/address_text.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "frame.h"

namespace heartgate::dataplane::test {

namespace {

using PortOf = std::function<std::uint16_t(const std::string&)>;

struct Side {
    IpAddress address;
    std::uint16_t port = 0;
};

// "10.0.0.1", "10.0.0.1:80", "2001:db8::1", "[2001:db8::1]:80"
Side side(const std::string& word, const PortOf& port_of) {
    std::string address = word;
    std::string port;
    if (word.front() == '[') {
        const auto end = word.find(']');
        address = word.substr(1, end - 1);
        if (end + 1 < word.size()) port = word.substr(end + 2);
    } else if (std::count(word.begin(), word.end(), ':') == 1) {
        address = word.substr(0, word.find(':'));
        port = word.substr(word.find(':') + 1);
    }
    const auto parsed = parse_ip(address);
    if (!parsed) throw std::invalid_argument{"not an address: " + word};
    return {.address = *parsed, .port = port.empty() ? std::uint16_t{0} : port_of(port)};
}

struct Wish {
    std::string word;
    unsigned value = 0;
    IpAddress address{};
};

bool takes_number(const std::string& word) {
    static const Words kWithNumber{"seq",          "ack-number",
                                   "ttl",          "payload",
                                   "flags",        "vlan",
                                   "ether-type",   "pad",
                                   "cut",          "version",
                                   "total",        "option",
                                   "hop-by-hop",   "destination-options",
                                   "routing-type", "udp-length",
                                   "data-offset",  "header-length",
                                   "trailing",     "code",
                                   "identifier",   "mss",
                                   "nops",         "quoted-bytes",
                                   "next-mtu",     "operation",
                                   "link-address", "option-length",
                                   "from",         "to",
                                   "id",           "offset"};
    return std::find(kWithNumber.begin(), kWithNumber.end(), word) != kWithNumber.end();
}

class Builder {
public:
    Builder(const Words& words, const PortOf& port_of)
        : from_{side(words.at(0), port_of)}, to_{side(words.at(2), port_of)}, kind_{words.at(3)} {
        for (std::size_t i = 4; i < words.size(); ++i) {
            if (words[i] == "quoting") {
                quoted_ = Builder{Words(words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end()), port_of}.ip();
                break;
            }
            Wish wish{.word = words[i]};
            if (words[i] == "target") wish.address = side(words.at(++i), port_of).address;
            if (takes_number(words[i])) wish.value = static_cast<unsigned>(std::stoul(words.at(++i), nullptr, 0));
            wishes_.push_back(wish);
        }
        ipv6_ = !from_.address.is_ipv4();
    }

    Bytes build(const MacAddress& destination, const MacAddress& source) {
        source_mac_ = source;
        Bytes packet = kind_ == "arp" ? arp() : ip();
        Bytes frame(destination.begin(), destination.end());
        frame.insert(frame.end(), source.begin(), source.end());
        const auto append16 = [&frame](unsigned value) {
            frame.push_back(static_cast<std::uint8_t>(value >> 8U));
            frame.push_back(static_cast<std::uint8_t>(value));
        };
        for (const Wish& wish : wishes_) {
            if (wish.word == "tag-in-tag") append16(0x88a8), append16(7);
            if (wish.word == "vlan") append16(0x8100), append16(wish.value);
            if (wish.word == "priority-tag") append16(0x8100), append16(0xe000);
        }
        const unsigned type = kind_ == "arp" ? 0x0806U : ipv6_ ? 0x86ddU : 0x0800U;
        append16(number("ether-type", type));
        frame.insert(frame.end(), packet.begin(), packet.end());
        frame.resize(frame.size() + number("pad", 0), 0xee);
        if (has("cut")) frame.resize(number("cut", 0));
        return frame;
    }

private:
    [[nodiscard]] bool has(const std::string& word) const {
        return std::any_of(wishes_.begin(), wishes_.end(), [&](const Wish& wish) { return wish.word == word; });
    }
    [[nodiscard]] unsigned number(const std::string& word, unsigned otherwise) const {
        for (const Wish& wish : wishes_) {
            if (wish.word == word) return wish.value;
        }
        return otherwise;
    }

    // What ARP and neighbour discovery say: by default the truth.
    [[nodiscard]] MacAddress link_address() const {
        if (!has("link-address")) return source_mac_;
        return {2, 0, 0, 0, 0, static_cast<std::uint8_t>(number("link-address", 0))};
    }
    [[nodiscard]] bool is_discovery() const {
        return kind_ == "solicitation" || kind_ == "advertisement" || kind_ == "router-solicitation" ||
               kind_ == "router-advertisement" || kind_ == "redirect";
    }

    // RFC 4861, 4: behind the first eight bytes.
    [[nodiscard]] Bytes discovery_body() const {
        Bytes body;
        if (kind_ == "router-advertisement") body.resize(8);
        if (kind_ == "solicitation" || kind_ == "advertisement" || kind_ == "redirect") {
            IpAddress target = kind_ == "advertisement" ? from_.address : to_.address;
            if (kind_ == "solicitation" && to_.address.bytes[0] == 0xff) target = *parse_ip("2001:db8:1::1");
            for (const Wish& wish : wishes_) {
                if (wish.word == "target") target = wish.address;
            }
            body.assign(target.bytes.begin(), target.bytes.end());
        }
        if (kind_ == "redirect") body.insert(body.end(), to_.address.bytes.begin(), to_.address.bytes.end());
        const bool unspecified = from_.address == IpAddress{};
        if (kind_ == "redirect" || has("no-link-address") || (unspecified && !has("link-address"))) return body;
        const MacAddress link = link_address();
        body.push_back(kind_ == "advertisement" ? 2 : 1);
        body.push_back(static_cast<std::uint8_t>(number("option-length", 1)));
        body.insert(body.end(), link.begin(), link.end());
        return body;
    }

    Bytes arp() const {
        Bytes packet{0, 1, 8, 0, 6, 4, 0, static_cast<std::uint8_t>(number("operation", 1))};
        packet.resize(arp::kLength);
        const MacAddress sender = link_address();
        std::copy(sender.begin(), sender.end(), &packet[arp::kSenderMac]);
        store_raw(&packet[14], from_.address.ipv4());
        store_raw(&packet[24], to_.address.ipv4());
        return packet;
    }

    [[nodiscard]] std::uint8_t protocol() const {
        if (kind_ == "udp") return IPPROTO_UDP;
        if (kind_ == "tcp") return IPPROTO_TCP;
        if (kind_ == "gre") return IPPROTO_GRE;
        if (kind_ == "esp") return IPPROTO_ESP;
        if (kind_ == "igmp") return IPPROTO_IGMP;
        return static_cast<std::uint8_t>(ipv6_ ? int{IPPROTO_ICMPV6} : int{IPPROTO_ICMP});
    }

    [[nodiscard]] std::uint8_t tcp_flags() const {
        static const std::pair<const char*, unsigned> kFlags[]{
            {"syn", 2}, {"syn-ack", 0x12}, {"ack", 0x10}, {"fin", 0x11}, {"rst", 4}};
        for (const auto& [word, flags] : kFlags) {
            if (has(word)) return static_cast<std::uint8_t>(flags);
        }
        return static_cast<std::uint8_t>(number("flags", 2));
    }

    [[nodiscard]] std::uint8_t icmp_type() const {
        static const std::pair<const char*, std::pair<unsigned, unsigned>> kTypes[]{
            {"echo", {8, 128}},
            {"echo-reply", {0, 129}},
            {"unreachable", {3, 1}},
            {"solicitation", {135, 135}},
            {"advertisement", {136, 136}},
            {"router-solicitation", {133, 133}},
            {"router-advertisement", {134, 134}},
            {"redirect", {137, 137}},
            {"mld", {143, 143}},
            {"timestamp", {13, 13}},
            {"time-exceeded", {11, 3}},
            {"parameter-problem", {12, 4}},
            {"too-big", {3, 2}},
            {"source-quench", {4, 200}}};
        for (const auto& [word, types] : kTypes) {
            if (kind_ == word) return static_cast<std::uint8_t>(ipv6_ ? types.second : types.first);
        }
        throw std::invalid_argument{"unknown kind of packet: " + kind_};
    }

    // Behind as many NOPs as wished for: one makes its offset odd.
    void add_mss(Bytes& bytes) const {
        const unsigned nops = number("nops", 0);
        bytes.resize(tcp_header::kLength + nops, tcp_header::kOptionNop);
        const unsigned mss = number("mss", 0);
        bytes.insert(bytes.end(), {2, 4, static_cast<std::uint8_t>(mss >> 8U), static_cast<std::uint8_t>(mss)});
        bytes.resize((bytes.size() + 3) / 4 * 4, tcp_header::kOptionEnd);
        bytes[tcp_header::kDataOffset] = static_cast<std::uint8_t>(bytes.size() / 4 << 4U);
    }

    Bytes transport() const {
        Bytes bytes;
        switch (protocol()) {
            case IPPROTO_UDP:
                bytes.resize(udp_header::kLength);
                store16(&bytes[0], from_.port);
                store16(&bytes[2], to_.port);
                break;
            case IPPROTO_TCP:
                bytes.resize(tcp_header::kLength);
                store16(&bytes[0], from_.port);
                store16(&bytes[2], to_.port);
                bytes[tcp_header::kDataOffset] = static_cast<std::uint8_t>(number("data-offset", 5) << 4U);
                bytes[tcp_header::kFlags] = tcp_flags();
                store32(&bytes[tcp_header::kSequence], number("seq", 0));
                store32(&bytes[tcp_header::kAcknowledgement], number("ack-number", 0));
                if (has("mss")) add_mss(bytes);
                break;
            case IPPROTO_ICMP:
            case IPPROTO_ICMPV6:
                bytes.resize(icmp::kLength);
                bytes[0] = icmp_type();
                bytes[1] = static_cast<std::uint8_t>(number("code", kind_ == "too-big" && !ipv6_ ? 4 : 0));
                store16(&bytes[4], std::max(from_.port, to_.port));
                if (has("next-mtu")) store16(&bytes[6], static_cast<std::uint16_t>(number("next-mtu", 0)));
                break;
            default:
                bytes.resize(8);
                break;
        }
        if (!quoted_.empty()) {
            const std::size_t most = number("quoted-bytes", static_cast<unsigned>(quoted_.size()));
            bytes.insert(bytes.end(), quoted_.begin(), quoted_.begin() + static_cast<std::ptrdiff_t>(most));
            return bytes;
        }
        if (is_discovery()) {
            const Bytes body = discovery_body();
            if (has("solicited")) bytes[4] = 0x40;
            bytes.insert(bytes.end(), body.begin(), body.end());
        }
        for (unsigned i = number("payload", is_discovery() ? 0 : 20); i > 0; --i)
            bytes.push_back(static_cast<std::uint8_t>(i));
        if (protocol() == IPPROTO_UDP) {
            store16(&bytes[4], static_cast<std::uint16_t>(number("udp-length", static_cast<unsigned>(bytes.size()))));
        }
        return bytes;
    }

    void checksum(Bytes& bytes) const {
        std::size_t at = 0;
        switch (protocol()) {
            case IPPROTO_UDP:
                at = udp_header::kChecksum;
                break;
            case IPPROTO_TCP:
                at = tcp_header::kChecksum;
                break;
            case IPPROTO_ICMP:
            case IPPROTO_ICMPV6:
                at = icmp::kChecksum;
                break;
            default:
                return;
        }
        if (has("no-checksum")) return;
        if (has("bad-upper-checksum")) return store16(&bytes[at], 0x1234);
        std::uint64_t sum = checksum_sum(bytes);
        if (protocol() != IPPROTO_ICMP) {
            const std::size_t first = ipv6_ ? 0 : 12;
            sum += checksum_sum(std::span{from_.address.bytes}.subspan(first));
            sum += checksum_sum(std::span{to_.address.bytes}.subspan(first));
            sum += swap16(static_cast<std::uint16_t>(bytes.size())) + swap16(protocol());
        }
        auto value = static_cast<std::uint16_t>(~checksum_fold(sum));
        if (value == 0 && protocol() == IPPROTO_UDP) value = 0xffff;
        store_raw(&bytes[at], value);
    }

    Bytes ip() const {
        Bytes upper = transport();
        checksum(upper);
        return ipv6_ ? ip6(upper) : ip4(upper);
    }

    // "from" and "to": only these bytes of the payload.
    [[nodiscard]] std::size_t end_of(const Bytes& upper) const {
        return number("to", static_cast<unsigned>(upper.size()));
    }
    [[nodiscard]] unsigned offset() const { return number("offset", number("from", 0)); }
    [[nodiscard]] bool more(const Bytes& upper) const { return has("more") || end_of(upper) < upper.size(); }
    [[nodiscard]] Bytes piece(const Bytes& upper) const {
        if (!has("from")) return upper;
        return {upper.begin() + number("from", 0), upper.begin() + static_cast<std::ptrdiff_t>(end_of(upper))};
    }

    Bytes ip4(const Bytes& upper) const {
        Bytes packet(ipv4::kLength);
        if (has("option")) {
            packet.resize(ipv4::kLength + 8);
            packet[ipv4::kLength] = static_cast<std::uint8_t>(number("option", 0));
            packet[ipv4::kLength + 1] = 7;
        }
        const std::size_t header = packet.size();
        const Bytes part = piece(upper);
        packet.insert(packet.end(), part.begin(), part.end());
        packet[0] = static_cast<std::uint8_t>((number("version", 4) << 4U) |
                                              number("header-length", static_cast<unsigned>(header / 4)));
        store16(&packet[ipv4::kTotalLength],
                static_cast<std::uint16_t>(number("total", static_cast<unsigned>(packet.size()))));
        std::uint16_t fragment = has("df") ? ipv4::kDontFragment : std::uint16_t{0};
        if (has("later-fragment")) fragment = 0x0010;
        if (has("from")) fragment = static_cast<std::uint16_t>(offset() / 8 | (more(upper) ? 0x2000U : 0U));
        store16(&packet[ipv4::kIdentification], static_cast<std::uint16_t>(number("id", 0)));
        store16(&packet[ipv4::kFragment], fragment);
        packet[ipv4::kTtl] = static_cast<std::uint8_t>(number("ttl", 64));
        packet[ipv4::kProtocol] = protocol();
        store_raw(&packet[ipv4::kSource], from_.address.ipv4());
        store_raw(&packet[ipv4::kDestination], to_.address.ipv4());
        store_raw(&packet[ipv4::kChecksum], internet_checksum({packet.data(), header}));
        if (has("bad-checksum")) ++packet[ipv4::kChecksum];
        return packet;
    }

    // One extension header of 8 bytes per wish, in the order of the wishes; its number is its length field.
    void extension(Bytes& packet, std::size_t& next_at, std::uint8_t type, unsigned length, unsigned third) const {
        packet[next_at] = type;
        next_at = packet.size();
        packet.resize(packet.size() + 8 * (length + 1));
        packet[next_at + 1] = static_cast<std::uint8_t>(length);
        packet[next_at + 2] = static_cast<std::uint8_t>(third);
    }

    Bytes ip6(const Bytes& upper) const {
        Bytes packet(ipv6::kLength);
        std::size_t next_at = ipv6::kNextHeader;
        for (const Wish& wish : wishes_) {
            if (wish.word == "hop-by-hop") extension(packet, next_at, IPPROTO_HOPOPTS, wish.value, 1);
            if (wish.word == "destination-options") extension(packet, next_at, IPPROTO_DSTOPTS, wish.value, 1);
            if (wish.word == "routing-type") extension(packet, next_at, IPPROTO_ROUTING, 0, wish.value);
            if (wish.word == "fragment-header") extension(packet, next_at, IPPROTO_FRAGMENT, 0, 0);
        }
        if (has("from")) {
            extension(packet, next_at, IPPROTO_FRAGMENT, 0, 0);
            store16(&packet[next_at + 2], static_cast<std::uint16_t>(offset() | (more(upper) ? 1U : 0U)));
            store32(&packet[next_at + 4], number("id", 0));
        }
        packet[next_at] = protocol();
        const Bytes part = piece(upper);
        packet.insert(packet.end(), part.begin(), part.end());
        packet[0] = static_cast<std::uint8_t>(number("version", 6) << 4U);
        store16(&packet[ipv6::kPayloadLength],
                static_cast<std::uint16_t>(number("total", static_cast<unsigned>(packet.size() - ipv6::kLength))));
        packet[ipv6::kHopLimit] = static_cast<std::uint8_t>(number("ttl", is_discovery() ? 255 : 64));
        std::copy(from_.address.bytes.begin(), from_.address.bytes.end(), &packet[ipv6::kSource]);
        std::copy(to_.address.bytes.begin(), to_.address.bytes.end(), &packet[ipv6::kDestination]);
        return packet;
    }

    Side from_;
    Side to_;
    std::string kind_;
    std::vector<Wish> wishes_;
    bool ipv6_ = false;
    MacAddress source_mac_{};
    Bytes quoted_;  // by an ICMP error
};

}  // namespace

Bytes build_frame(const MacAddress& destination, const MacAddress& source, const Words& words, const PortOf& port_of) {
    if (words.size() < 4 || words[1] != ">") throw std::invalid_argument{"a packet is: SOURCE > DESTINATION KIND"};
    return Builder{words, port_of}.build(destination, source);
}

}  // namespace heartgate::dataplane::test
