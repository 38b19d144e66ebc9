// SPDX-License-Identifier: Apache-2.0
// Translation of any packet of a flow, there and back: a right checksum stays right, a wrong one stays wrong (an end
// must notice what was damaged on the way), and nothing but addresses, ports, TTL and checksums changes.
#include <memory>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "heartgate/v1/policy.pb.h"
#include "tests/fuzz/input.h"
#include "tests/packet/pipeline/world.h"
#include "tests/zones.h"

using namespace heartgate::dataplane;
using namespace heartgate::dataplane::test;
using heartgate::fuzz::Input;
using heartgate::fuzz::require;

namespace {

constexpr std::size_t kIp = ethernet::kLength;
constexpr std::size_t kUpper = kIp + ipv4::kLength;

bool checksum_right(const Bytes& frame) {
    const std::span<const std::uint8_t> upper = std::span{frame}.subspan(kUpper);
    std::uint64_t sum = checksum_sum(upper);
    const std::uint8_t protocol = frame[kIp + ipv4::kProtocol];
    if (protocol != IPPROTO_ICMP) {
        sum += checksum_sum(std::span{frame}.subspan(kIp + ipv4::kSource, 8)) +
               swap16(static_cast<std::uint16_t>(upper.size())) + swap16(protocol);
    }
    return checksum_fold(sum) == 0xffff;
}

// From `source` to `destination`, with the fuzzer's bytes from the transport header on.
Bytes frame_of(const World& world, Zone zone, std::uint8_t protocol, std::uint8_t ttl, const Bytes& upper,
               const char* source, const char* destination) {
    Bytes frame(kUpper);
    const bool lan = zone.is_inside();
    const MacAddress& to = world.machines.at(lan ? "gateway-lan" : "gateway-wan");
    const MacAddress& from = world.machines.at(lan ? "pc" : "router");
    std::copy(to.begin(), to.end(), frame.begin());
    std::copy(from.begin(), from.end(), frame.begin() + 6);
    store16(&frame[ethernet::kType], ethernet::kIpv4);
    frame.insert(frame.end(), upper.begin(), upper.end());
    std::uint8_t* at = &frame[kIp];
    at[0] = 0x45;
    store16(at + ipv4::kTotalLength, static_cast<std::uint16_t>(frame.size() - kIp));
    at[ipv4::kTtl] = ttl;
    at[ipv4::kProtocol] = protocol;
    store_raw(at + ipv4::kSource, ip(source).ipv4());
    store_raw(at + ipv4::kDestination, ip(destination).ipv4());
    store_raw(at + ipv4::kChecksum, internet_checksum({at, ipv4::kLength}));
    return frame;
}

std::size_t checksum_at(std::uint8_t protocol) {
    if (protocol == IPPROTO_UDP) return udp_header::kChecksum;
    return protocol == IPPROTO_TCP ? std::size_t{tcp_header::kChecksum} : std::size_t{icmp::kChecksum};
}

void check(const Bytes& in, const Bytes& out, std::uint8_t protocol, std::size_t port) {
    require(in.size() == out.size(), "the length stays");
    require(out[kIp + ipv4::kTtl] + 1 == in[kIp + ipv4::kTtl], "TTL is one less");
    require(internet_checksum({&out[kIp], ipv4::kLength}) == 0, "the IPv4 header's checksum is right");
    const std::size_t checksum = kUpper + checksum_at(protocol);
    if (protocol == IPPROTO_UDP && load16(&in[checksum]) == 0) {
        require(load16(&out[checksum]) == 0, "a UDP packet without a checksum keeps having none");
    } else {
        require(checksum_right(in) == checksum_right(out), "a checksum stays as right or wrong as it was");
    }
    for (std::size_t i = kUpper; i < in.size(); ++i) {
        const bool changes = (i >= checksum && i < checksum + 2) || (i >= port && i < port + 2);
        require(changes || in[i] == out[i], "nothing else changes");
    }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input{data, size};
    const std::uint8_t how = input.byte();
    static constexpr std::array<std::uint8_t, 3> kProtocols{IPPROTO_UDP, IPPROTO_TCP, IPPROTO_ICMP};
    const std::uint8_t protocol = kProtocols[(how & 0xfU) % 3U];
    const bool mend_checksum = (how & 0x10U) != 0;
    const auto ttl = static_cast<std::uint8_t>(2 + input.byte() % 250U);
    const auto bytes = input.bytes(1400);
    Bytes upper(bytes.begin(), bytes.end());
    if (upper.size() < 20) upper.resize(20);
    if (protocol == IPPROTO_UDP) store16(&upper[4], static_cast<std::uint16_t>(upper.size()));
    if (protocol == IPPROTO_TCP) {
        upper[tcp_header::kDataOffset] = 0x50;
        upper[tcp_header::kFlags] = 2;
    }
    if (protocol == IPPROTO_ICMP) upper[0] = 8, upper[1] = 0;

    WorldOptions options;
    options.mss = {};
    World world{options};
    world.words = false;
    heartgate::v1::Policy policy;
    heartgate::v1::Rule& rule = *policy.add_rules();
    rule.set_id(1);
    rule.set_name("all");
    rule.set_from_zone("lan");
    rule.set_action(heartgate::v1::ACCEPT);
    world.load_policy(policy);
    world.gate->set_ready(true);

    const auto fill_checksum = [&](Bytes& frame) {
        if (!mend_checksum) return;
        std::uint8_t* checksum = &frame[kUpper + checksum_at(protocol)];
        store16(checksum, 0);
        std::uint64_t sum = checksum_sum(std::span{frame}.subspan(kUpper));
        if (protocol != IPPROTO_ICMP) {
            sum += checksum_sum(std::span{frame}.subspan(kIp + ipv4::kSource, 8)) +
                   swap16(static_cast<std::uint16_t>(frame.size() - kUpper)) + swap16(protocol);
        }
        store_raw(checksum, static_cast<std::uint16_t>(~checksum_fold(sum)));
    };
    const bool echo = protocol == IPPROTO_ICMP;
    Bytes in = frame_of(world, test::kLanZone, protocol, ttl, upper, "10.0.0.10", "203.0.113.7");
    fill_checksum(in);
    world.receive(test::kLanZone, std::vector<Bytes>{in});
    if (world.sent.empty()) return 0;  // port 0, for example
    const std::size_t source_port = kUpper + (echo ? std::size_t{icmp::kIdentifier} : 0);
    const Bytes out = world.sent.front();
    check(in, out, protocol, source_port);

    // The answer: ports the other way round.
    Bytes answer = upper;
    const std::size_t port = echo ? std::size_t{icmp::kIdentifier} : 2;
    if (!echo) store_raw(answer.data(), load_raw<std::uint16_t>(&upper[2]));
    store_raw(&answer[port], load_raw<std::uint16_t>(&out[source_port]));
    if (echo) answer[0] = 0;
    if (protocol == IPPROTO_TCP) answer[tcp_header::kFlags] = 0x12;
    Bytes back = frame_of(world, test::kWanZone, protocol, ttl, answer, "203.0.113.7", "198.51.100.1");
    fill_checksum(back);
    world.receive(test::kWanZone, std::vector<Bytes>{back});
    require(world.sent.size() == 1, "the answer comes back");
    check(back, world.sent.front(), protocol, kUpper + port);
    require(load_raw<std::uint16_t>(&world.sent.front()[kUpper + port]) == load_raw<std::uint16_t>(&in[source_port]),
            "the answer goes to the port that asked");
    return 0;
}
