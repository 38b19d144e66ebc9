// SPDX-License-Identifier: Apache-2.0
// Checksums after translation, through the whole worker, against computing them anew over the packet that came out.
#include <arpa/inet.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <ostream>
#include <span>
#include <vector>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"
#include "heartgate/v1/policy.pb.h"
#include "tests/packet/pipeline/world.h"
#include "tests/property/steps.h"
#include "tests/zones.h"

using namespace heartgate::dataplane;
using namespace heartgate::dataplane::test;

namespace {

constexpr std::size_t kIp = 14;
constexpr std::size_t kUpper = kIp + 20;

enum class Special : std::uint8_t {
    kNone,
    kWithout,    // UDP: zero, there is none (RFC 768)
    kZeroIn,     // the payload makes the packet's own checksum come out as zero
    kZeroAfter,  // the same for the translated packet
};

struct Packet {
    std::uint8_t protocol = IPPROTO_UDP;
    std::uint16_t port = 0;         // ICMP: identifier
    std::uint16_t remote_port = 1;  // ICMP: sequence; port 0 is nobody's (bad-transport)
    std::uint32_t remote = 0;
    std::uint8_t ttl = 64;
    std::uint16_t identification = 0;
    std::vector<std::uint8_t> payload;
    Special special = Special::kNone;
};

std::ostream& operator<<(std::ostream& out, const Packet& packet) {
    return out << "protocol " << static_cast<int>(packet.protocol) << " port " << packet.port << " remote port "
               << packet.remote_port << " ttl " << static_cast<int>(packet.ttl) << " payload " << packet.payload.size()
               << " special " << static_cast<int>(packet.special);
}

rc::Gen<Packet> any_packet() {
    const auto payload = rc::gen::mapcat(below<std::size_t>(1400), [](std::size_t size) {
        return rc::gen::container<std::vector<std::uint8_t>>(size, any_bits<std::uint8_t>());
    });
    return rc::gen::build<Packet>(
        rc::gen::set(&Packet::protocol,
                     rc::gen::element<std::uint8_t>(std::uint8_t{IPPROTO_UDP}, std::uint8_t{IPPROTO_TCP},
                                                    std::uint8_t{IPPROTO_ICMP})),
        rc::gen::set(&Packet::port, rc::gen::inRange<std::uint16_t>(1, 300)),
        rc::gen::set(&Packet::remote_port,
                     rc::gen::map(below<std::uint16_t>(0xffff),
                                  [](std::uint16_t port) { return static_cast<std::uint16_t>(port + 1); })),
        rc::gen::set(&Packet::remote, any_bits<std::uint32_t>()),
        rc::gen::set(&Packet::ttl, rc::gen::inRange<std::uint8_t>(2, 255)),
        rc::gen::set(&Packet::identification, any_bits<std::uint16_t>()), rc::gen::set(&Packet::payload, payload),
        rc::gen::set(&Packet::special,
                     rc::gen::element(Special::kNone, Special::kWithout, Special::kZeroIn, Special::kZeroAfter)));
}

// RFC 1071 word by word, in network order, over `bytes` and what the pseudo header adds.
std::uint16_t ones_sum(std::span<const std::uint8_t> bytes, std::uint32_t sum = 0) {
    for (std::size_t i = 0; i < bytes.size(); ++i) sum += i % 2 == 0 ? std::uint32_t{bytes[i]} << 8U : bytes[i];
    while (sum > 0xffff) sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(sum);
}
std::uint16_t upper_sum(const Bytes& frame) {
    const std::span<const std::uint8_t> upper = std::span{frame}.subspan(kUpper);
    if (frame[kIp + ipv4::kProtocol] == IPPROTO_ICMP) return ones_sum(upper);
    const std::uint32_t pseudo = ones_sum(std::span{frame}.subspan(kIp + ipv4::kSource, 8)) +
                                 frame[kIp + ipv4::kProtocol] + static_cast<std::uint32_t>(upper.size());
    return ones_sum(upper, pseudo);
}
std::size_t checksum_at(std::uint8_t protocol) {
    if (protocol == IPPROTO_UDP) return kUpper + udp_header::kChecksum;
    return kUpper + (protocol == IPPROTO_TCP ? std::size_t{tcp_header::kChecksum} : std::size_t{icmp::kChecksum});
}

void fill_checksums(Bytes& frame, bool without) {
    store16(&frame[kIp + ipv4::kChecksum], 0);
    store16(&frame[kIp + ipv4::kChecksum],
            static_cast<std::uint16_t>(~ones_sum(std::span{frame}.subspan(kIp, ipv4::kLength))));
    std::uint8_t* checksum = &frame[checksum_at(frame[kIp + ipv4::kProtocol])];
    store16(checksum, 0);
    if (without) return;
    const auto value = static_cast<std::uint16_t>(~upper_sum(frame));
    // Of the two zeros UDP has only this one (RFC 768), and an echo that is all zero, too (RFC 1624, 3).
    store16(checksum, value == 0 && frame[kIp + ipv4::kProtocol] != IPPROTO_TCP ? std::uint16_t{0xffff} : value);
}

// From the LAN to the remote, or its answer to (`destination`, `port`).
Bytes frame_of(const World& world, const Packet& packet, bool answer, std::uint32_t inner, std::uint16_t port) {
    const bool tcp = packet.protocol == IPPROTO_TCP;
    const bool icmp_echo = packet.protocol == IPPROTO_ICMP;
    Bytes frame(kUpper + (tcp ? tcp_header::kLength : 8));
    frame.insert(frame.end(), packet.payload.begin(), packet.payload.end());
    if (packet.payload.size() % 2 != 0) frame.push_back(0x77);
    frame.resize(frame.size() + 2);  // what makes a checksum zero
    const auto& mac = world.machines;
    const MacAddress& to = mac.at(answer ? "gateway-wan" : "gateway-lan");
    const MacAddress& from = mac.at(answer ? "router" : "pc");
    std::copy(to.begin(), to.end(), frame.begin());
    std::copy(from.begin(), from.end(), frame.begin() + 6);
    store16(&frame[12], 0x0800);
    std::uint8_t* at = &frame[kIp];
    at[0] = 0x45;
    store16(at + ipv4::kTotalLength, static_cast<std::uint16_t>(frame.size() - kIp));
    store16(at + ipv4::kIdentification, packet.identification);
    at[ipv4::kTtl] = packet.ttl;
    at[ipv4::kProtocol] = packet.protocol;
    const std::uint32_t remote = htonl(0xcb007100U + packet.remote % 90);  // 203.0.113.0/24
    store_raw(at + ipv4::kSource, answer ? remote : inner);
    store_raw(at + ipv4::kDestination, answer ? inner : remote);
    std::uint8_t* upper = &frame[kUpper];
    if (icmp_echo) {
        upper[0] = answer ? 0 : 8;
        store16(upper + icmp::kIdentifier, port);
        store16(upper + 6, packet.remote_port);
    } else {
        store16(upper, answer ? packet.remote_port : port);
        store16(upper + 2, answer ? port : packet.remote_port);
        if (!tcp) store16(upper + 4, static_cast<std::uint16_t>(frame.size() - kUpper));
    }
    if (tcp) upper[tcp_header::kDataOffset] = 0x50;
    if (tcp) upper[tcp_header::kFlags] = answer ? 0x12 : 0x02;
    return frame;
}

// Chooses the last word so that the sum over everything is 0xffff while the checksum field holds zero.
void make_zero(Bytes& frame) {
    store16(&frame[checksum_at(frame[kIp + ipv4::kProtocol])], 0);
    store16(&frame[frame.size() - 2], 0);
    store16(&frame[frame.size() - 2], static_cast<std::uint16_t>(~upper_sum(frame)));
}

void check_checksums(const Bytes& frame, bool without) {
    RC_ASSERT(ones_sum(std::span{frame}.subspan(kIp, ipv4::kLength)) == 0xffff);
    const std::uint16_t stored = load16(&frame[checksum_at(frame[kIp + ipv4::kProtocol])]);
    if (frame[kIp + ipv4::kProtocol] == IPPROTO_UDP) {
        RC_ASSERT((stored == 0) == without);
        if (without) return;
    }
    RC_ASSERT(upper_sum(frame) == 0xffff);
}

class Gateway {
public:
    Gateway() {
        heartgate::v1::Policy policy;
        heartgate::v1::Rule& rule = *policy.add_rules();
        rule.set_id(1);
        rule.set_name("all");
        rule.set_from_zone("lan");
        rule.set_action(heartgate::v1::ACCEPT);
        world_.load_policy(policy);
        world_.gate->set_ready(true);
    }

    void run(const Packet& packet) {
        const bool without = packet.special == Special::kWithout && packet.protocol == IPPROTO_UDP;
        const std::uint32_t inside = ip("10.0.0.10").ipv4();
        const std::uint32_t wan = ip("198.51.100.1").ipv4();
        Bytes frame = frame_of(world_, packet, false, inside, packet.port);
        if (packet.special == Special::kZeroIn) make_zero(frame);
        fill_checksums(frame, without);
        const Bytes out = through(test::kLanZone, frame);
        RC_ASSERT(load_raw<std::uint32_t>(&out[kIp + ipv4::kSource]) == wan);
        RC_ASSERT(out[kIp + ipv4::kTtl] == packet.ttl - 1);
        check_checksums(out, without);

        const std::uint16_t nat_port =
            load16(&out[kUpper + (packet.protocol == IPPROTO_ICMP ? std::size_t{icmp::kIdentifier} : 0)]);
        if (packet.special == Special::kZeroAfter) {
            Bytes again = frame_of(world_, packet, false, wan, nat_port);
            make_zero(again);
            const std::uint16_t last = load16(&again[again.size() - 2]);
            again = frame_of(world_, packet, false, inside, packet.port);
            store16(&again[again.size() - 2], last);
            fill_checksums(again, false);
            check_checksums(through(test::kLanZone, again), false);
        }

        Bytes answer = frame_of(world_, packet, true, wan, nat_port);
        fill_checksums(answer, without);
        const Bytes in = through(test::kWanZone, answer);
        Bytes expected = frame_of(world_, packet, true, inside, packet.port);
        expected[kIp + ipv4::kTtl] = static_cast<std::uint8_t>(packet.ttl - 1);
        fill_checksums(expected, without);
        RC_ASSERT(Bytes(in.begin() + kUpper, in.end()) == Bytes(expected.begin() + kUpper, expected.end()));
        check_checksums(in, without);
    }

private:
    Bytes through(Zone zone, const Bytes& frame) {
        const std::vector<std::string> lines = world_.receive(zone, std::vector<Bytes>{frame});
        for (const std::string& line : lines) RC_LOG() << line << '\n';
        RC_ASSERT(world_.sent.size() == 1U);
        return world_.sent.front();
    }

    World world_;
};

}  // namespace

TEST_CASE("checksums after translation are those computed anew") {
    Gateway gateway;
    rc::prop("any packet and its answer", [&] { gateway.run(*any_packet()); });
}
