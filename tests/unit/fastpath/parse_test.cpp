// SPDX-License-Identifier: Apache-2.0
// The parser and the ICMP builder over bytes at their exact size on the heap: ASan sees every read beyond them.
#include "dataplane/packet/parse.h"

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <random>
#include <vector>

#include "dataplane/flow/flow_record.h"
#include "dataplane/nat/checksum_delta.h"
#include "dataplane/packet/address_text.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/icmp_error.h"
#include "tests/zones.h"

using namespace heartgate::dataplane;
using heartgate::contract::DropReason;

namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr MacAddress kOwn{2, 0, 0, 0, 0, 1};
const ZoneTable kZones = test::zones();
const ParseOrigin kLanOrigin{.mac = pack(kOwn), .zones = &kZones.tags(0)};

struct Parsed {
    PacketMeta meta;
    FlowKey6 key6;
};

Parsed parsed(const Bytes& frame, std::uint32_t frame_length, const ParseOrigin& origin = kLanOrigin) {
    const auto exact = std::make_unique<std::uint8_t[]>(frame.size());
    std::copy(frame.begin(), frame.end(), exact.get());
    Parsed result;
    parse({exact.get(), frame.size()}, frame_length, 0, origin, result.meta, result.key6);
    return result;
}
Parsed parsed(const Bytes& frame) { return parsed(frame, static_cast<std::uint32_t>(frame.size())); }

Bytes ethernet_frame(std::uint16_t type, const Bytes& payload) {
    Bytes frame(ethernet::kLength + payload.size());
    frame[0] = frame[6] = 2;
    frame[5] = kOwn[5];
    frame[11] = 9;
    store16(&frame[ethernet::kType], type);
    std::copy(payload.begin(), payload.end(), frame.begin() + ethernet::kLength);
    return frame;
}

// Over as much of the header as there is: its length may be a mutated one.
void refresh_checksum(Bytes& frame) {
    std::uint8_t* ip = &frame[ethernet::kLength];
    const std::size_t header = std::min((ip[0] & 0xfU) * std::size_t{4}, frame.size() - ethernet::kLength);
    store16(ip + ipv4::kChecksum, 0);
    store_raw(ip + ipv4::kChecksum, internet_checksum({ip, header}));
}

Bytes udp4() {
    Bytes frame =
        ethernet_frame(0x0800, {0x45, 0, 0,    36,   0, 0,  0, 0,  64, 17, 0,   0,   10,  0,   0,   10,  203, 0,
                                113,  7, 0x13, 0x88, 0, 53, 0, 16, 0,  0,  'h', 'e', 'a', 'r', 't', 'b', 'e', 'a'});
    refresh_checksum(frame);
    return frame;
}

Bytes tcp6() {
    Bytes ip(40 + 8 + 20);
    ip[0] = 0x60;
    store16(&ip[4], 28);
    ip[6] = 60;  // destination options, then TCP
    ip[7] = 64;
    const auto source = parse_ip("2001:db8:1::10").value();
    const auto destination = parse_ip("2001:db8:ffff::7").value();
    std::copy(source.bytes.begin(), source.bytes.end(), &ip[8]);
    std::copy(destination.bytes.begin(), destination.bytes.end(), &ip[24]);
    ip[40] = 6;
    ip[42] = 1;  // PadN
    ip[43] = 4;
    store16(&ip[48], 5000);
    store16(&ip[50], 443);
    ip[48 + 12] = 5U << 4U;
    ip[48 + 13] = 2;
    return ethernet_frame(0x86dd, ip);
}

// IPv4 or IPv6 without anything in between, 24 bytes of TCP or UDP.
Bytes without_options(bool ipv6, std::uint8_t protocol) {
    const std::size_t header = ipv6 ? 40 : 20;
    Bytes ip(header + 24);
    if (ipv6) {
        ip[0] = 0x60;
        store16(&ip[4], 24);
        ip[6] = protocol;
        ip[7] = 64;
        std::copy_n(parse_ip("2001:db8:1::10")->bytes.begin(), 16, &ip[8]);
        std::copy_n(parse_ip("2001:db8:ffff::7")->bytes.begin(), 16, &ip[24]);
    } else {
        ip[0] = 0x45;
        store16(&ip[2], 44);
        ip[8] = 64;
        ip[9] = protocol;
        store_raw(&ip[12], parse_ip("10.0.0.10")->ipv4());
        store_raw(&ip[16], parse_ip("203.0.113.7")->ipv4());
    }
    store16(&ip[header], 5000);
    store16(&ip[header + 2], 443);
    if (protocol == 17) {
        store16(&ip[header + 4], 24);
    } else {
        ip[header + 12] = 5U << 4U;
        ip[header + 13] = tcp::kAck;
    }
    Bytes frame = ethernet_frame(ipv6 ? 0x86dd : 0x0800, ip);
    if (!ipv6) refresh_checksum(frame);
    return frame;
}

}  // namespace

TEST_CASE("an IPv4 UDP packet's fields and flow key are read") {
    const auto [meta, key6] = parsed(udp4());
    CHECK(meta.reason == DropReason::kNone);
    CHECK(meta.has_key);
    CHECK(meta.network == 14);
    CHECK(meta.transport == 34);
    CHECK(meta.ip_length == 36);
    CHECK(meta.source_port == 5000);
    CHECK(meta.destination_port == 53);
    CHECK(meta.key.source == parse_ip("10.0.0.10")->ipv4());
    CHECK(meta.key.destination == parse_ip("203.0.113.7")->ipv4());
    CHECK(meta.key.source_port == swap16(5000));
    CHECK(meta.key.destination_port == swap16(53));
    CHECK(meta.key.protocol == 17);
    CHECK(meta.source_mac == 0x090000000002);
}

TEST_CASE("an IPv6 TCP packet behind an extension header is read") {
    const auto [meta, key6] = parsed(tcp6());
    CHECK(meta.reason == DropReason::kNone);
    CHECK(meta.has_key);
    CHECK(meta.transport == 14 + 48);
    CHECK(meta.protocol == 6);
    CHECK(meta.tcp_flags == 2);
    CHECK(key6.destination == parse_ip("2001:db8:ffff::7")->bytes);
    CHECK(key6.destination_port == swap16(443));
}

TEST_CASE("a frame cut at any byte is truncated, never read beyond its end") {
    for (const Bytes& whole : {udp4(), tcp6()}) {
        for (std::size_t length = 0; length < whole.size(); ++length) {
            INFO(length);
            const Bytes cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
            CHECK(parsed(cut).meta.reason == DropReason::kTruncated);
        }
    }
}

TEST_CASE("headers that continue in a later segment are truncated, payload may") {
    for (const Bytes& whole : {udp4(), tcp6()}) {
        const auto length = static_cast<std::uint32_t>(whole.size());
        const std::size_t headers = whole.size() - (whole[12] == 8 ? 8 : 0);
        for (std::size_t first = 0; first < whole.size(); ++first) {
            INFO(first);
            const Bytes segment(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(first));
            CHECK(parsed(segment, length).meta.reason ==
                  (first < headers ? DropReason::kTruncated : DropReason::kNone));
        }
    }
}

TEST_CASE("an extension header that ends in a later segment is truncated, whatever follows it") {
    Bytes whole = tcp6();
    whole[14 + 40] = 255;  // nothing that has a transport header
    const auto length = static_cast<std::uint32_t>(whole.size());
    const Bytes segment(whole.begin(), whole.begin() + 14 + 40 + 8);
    CHECK(parsed(segment, length).meta.reason == DropReason::kNone);
    whole[14 + 41] = 1;  // 16 bytes
    const Bytes longer(whole.begin(), whole.begin() + 14 + 40 + 8);
    CHECK(parsed(longer, length).meta.reason == DropReason::kTruncated);
}

TEST_CASE("an IPv4-mapped address in an IPv6 packet is refused") {
    Bytes frame = tcp6();
    const auto mapped = parse_ip("10.0.0.10").value();  // held as ::ffff:10.0.0.10
    std::copy(mapped.bytes.begin(), mapped.bytes.end(), &frame[14 + 8]);
    CHECK(parsed(frame).meta.reason == DropReason::kBadSource);
    frame = tcp6();
    std::copy(mapped.bytes.begin(), mapped.bytes.end(), &frame[14 + 24]);
    CHECK(parsed(frame).meta.reason == DropReason::kBadIpHeader);
}

TEST_CASE("what Linux sends may have any link-layer address, but still has to be whole") {
    const ParseOrigin linux_origin{.mac = pack(kOwn)};
    Bytes frame = udp4();
    std::copy(kOwn.begin(), kOwn.end(), &frame[6]);
    frame[0] = 4;
    CHECK(parsed(frame).meta.reason == DropReason::kOwnMac);
    const auto length = static_cast<std::uint32_t>(frame.size());
    const auto [meta, key6] = parsed(frame, length, linux_origin);
    CHECK(meta.reason == DropReason::kNone);
    CHECK(meta.key.port == kAppliance.raw());
    frame.resize(20);
    CHECK(parsed(frame, 20, linux_origin).meta.reason == DropReason::kTruncated);
}

TEST_CASE("any bytes: no read outside, and what passes lies inside the frame") {
    std::mt19937 random{20260101};
    std::uniform_int_distribution<int> byte{0, 255};
    const std::vector<Bytes> seeds{udp4(), tcp6()};
    unsigned passed = 0;
    for (unsigned round = 0; round < 200'000; ++round) {
        Bytes frame = seeds[round % seeds.size()];
        const unsigned changes = 1 + round % 4;
        for (unsigned i = 0; i < changes; ++i) {
            // The link layer stays, so that most frames get beyond it.
            const std::size_t at = 12 + random() % (frame.size() - 12);
            frame[at] = static_cast<std::uint8_t>(byte(random));
        }
        if (round % 2 == 0 && frame[12] == 8) refresh_checksum(frame);
        if (round % 3 == 0) frame.resize(random() % (frame.size() + 1));
        const auto [meta, key6] = parsed(frame);
        if (meta.reason != DropReason::kNone || !meta.has_key) continue;
        ++passed;
        REQUIRE(std::size_t{meta.network} + meta.ip_length <= frame.size());
        REQUIRE(std::size_t{meta.transport} + 8 <= std::size_t{meta.network} + meta.ip_length);
    }
    CHECK(passed > 1000);
}

TEST_CASE("what the short way through the parser takes, the long one describes in the same words") {
    std::mt19937 random{20260102};
    const std::vector<Bytes> seeds{without_options(false, 17), without_options(false, 6), without_options(true, 17),
                                   without_options(true, 6)};
    std::vector<unsigned> taken(seeds.size());
    unsigned left = 0;
    const ZoneTable zones{{{.name = "lan", .zone = {ZoneRole::kAttached, 0}, .port = 0, .vlan = 0, .interface = {}},
                           {.name = "guests", .zone = {ZoneRole::kRouted, 1}, .port = 0, .vlan = 1, .interface = {}}}};
    for (unsigned round = 0; round < 200'000; ++round) {
        Bytes frame = seeds[round % seeds.size()];
        for (unsigned i = 0; i < round % 5; ++i) frame[random() % frame.size()] = static_cast<std::uint8_t>(random());
        if (round % 2 == 0) refresh_checksum(frame);
        if (round % 7 == 0) frame.resize(std::max<std::size_t>(random() % (frame.size() + 1), 1));
        const ParseOrigin origin{.mac = pack(kOwn), .zones = round % 11 == 0 ? nullptr : &zones.tags(0)};
        const auto tag = static_cast<std::uint16_t>(random() % 3 | (random() % 2 << 13U));
        const auto length = static_cast<std::uint32_t>(frame.size() + random() % 2);
        const auto exact = std::make_unique<std::uint8_t[]>(frame.size());
        std::copy(frame.begin(), frame.end(), exact.get());
        Parsed quick;
        if (!parse_plain({exact.get(), frame.size()}, length, tag, origin, quick.meta, quick.key6)) {
            ++left;
            continue;
        }
        ++taken[round % seeds.size()];
        Parsed full;
        parse_any({exact.get(), frame.size()}, length, tag, origin, full.meta, full.key6);
        INFO(round);
        REQUIRE(quick.meta == full.meta);
        if (full.meta.is_ipv6()) REQUIRE(quick.key6 == full.key6);
    }
    CHECK(left > 10'000);
    for (const unsigned count : taken) CHECK(count > 1000);
}

TEST_CASE("the checksum after an incremental update equals the one worked out anew") {
    std::mt19937 random{7};
    for (unsigned round = 0; round < 100'000; ++round) {
        Bytes frame = udp4();
        std::uint8_t* ip = &frame[14];
        store_raw(ip + ipv4::kSource, static_cast<std::uint32_t>(random()));
        ip[ipv4::kTtl] = static_cast<std::uint8_t>(1 + random() % 255);
        store16(ip + ipv4::kIdentification, static_cast<std::uint16_t>(random()));
        refresh_checksum(frame);
        const auto before = load_raw<std::uint32_t>(ip + ipv4::kSource);
        const auto after = static_cast<std::uint32_t>(random());
        const std::uint16_t delta = add_deltas(kTtlDelta, checksum_delta(before, after));
        --ip[ipv4::kTtl];
        store_raw(ip + ipv4::kSource, after);
        store_raw(ip + ipv4::kChecksum, apply_delta(load_raw<std::uint16_t>(ip + ipv4::kChecksum), delta));
        REQUIRE(internet_checksum({ip, ipv4::kLength}) == 0);
    }
}

TEST_CASE("an ICMP error quotes no more than its family allows and no more than there is") {
    for (const std::size_t size : {20U, 28U, 548U, 549U, 1500U, 9000U}) {
        INFO(size);
        Bytes original(size, 0x45);
        Bytes out(kMostIcmpError);
        const std::size_t four = build_icmp_error(
            {.kind = IcmpError::Kind::kTimeExceeded, .mtu = 0, .source = *parse_ip("10.0.0.1")}, original, out);
        CHECK(four == std::min<std::size_t>(576, 28 + size));
        CHECK(internet_checksum({out.data(), 20}) == 0);
        CHECK(internet_checksum({out.data() + 20, four - 20}) == 0);
        const std::size_t six = build_icmp_error(
            {.kind = IcmpError::Kind::kTooBig, .mtu = 1400, .source = *parse_ip("2001:db8::1")}, original, out);
        CHECK(six == (size < 40 ? 0 : std::min<std::size_t>(1280, 48 + size)));
    }
    const Bytes original(100, 0x45);
    Bytes small(127);
    CHECK(build_icmp_error({.kind = IcmpError::Kind::kTooBig, .mtu = 1400, .source = *parse_ip("10.0.0.1")}, original,
                           small) == 0);
}
