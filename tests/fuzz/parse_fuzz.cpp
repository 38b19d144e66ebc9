// SPDX-License-Identifier: Apache-2.0
// The parser over any bytes, at their exact size on the heap; and the ICMP error and the quoted packet that could come
// of them.
#include <memory>

#include "dataplane/packet/icmp_error.h"
#include "dataplane/packet/parse.h"
#include "dataplane/packet/quoted_packet.h"
#include "tests/fuzz/input.h"
#include "tests/zones.h"

using namespace heartgate::dataplane;
using heartgate::fuzz::Input;
using heartgate::fuzz::require;

// The first byte: zone, whether the zone has a tag, whether the NIC has taken one out, whether payload follows in
// another segment.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    Input input{data, size};
    const std::uint8_t how = input.byte();
    static const std::array<ZoneTable, 2> zones{test::zones(), test::zones(7)};
    const ParseOrigin origin{.mac = 0x010000000002,
                             .zones = (how & 3U) % 3U == 2 ? nullptr : &zones[(how & 4U) != 0 ? 1 : 0].tags(how & 1U),
                             .linux_vlan = static_cast<std::uint16_t>((how & 4U) != 0 ? 7 : 0)};
    const std::uint16_t stripped = (how & 8U) != 0 ? input.word() : std::uint16_t{0};
    const std::uint32_t more = (how & 16U) != 0 ? input.word() : 0U;
    const auto bytes = input.rest();
    const auto exact = std::make_unique<std::uint8_t[]>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), exact.get());
    const std::span<const std::uint8_t> frame{exact.get(), bytes.size()};
    const auto frame_length = static_cast<std::uint32_t>(frame.size()) + more;

    PacketMeta meta;
    FlowKey6 key6;
    parse_any(frame, frame_length, stripped, origin, meta, key6);
    PacketMeta plain;
    FlowKey6 plain_key6;
    require(!parse_plain(frame, frame_length, stripped, origin, plain, plain_key6) ||
                (plain == meta && (!meta.is_ipv6() || plain_key6 == key6)),
            "both ways through the parser agree");
    if (meta.reason != heartgate::contract::DropReason::kNone || !meta.is_ip()) return 0;

    require(std::size_t{meta.network} + meta.ip_length <= frame_length, "the IP packet lies in the frame");
    require(meta.transport <= frame.size(), "the headers lie in the first segment");
    if (meta.has_key) {
        require(std::size_t{meta.transport} + 8 <= std::size_t{meta.network} + meta.ip_length,
                "a packet with a flow key has a transport header");
        require(meta.is_ipv6() ? key6.protocol == meta.protocol : meta.key.protocol == meta.protocol,
                "the key is this packet's");
    }
    const auto present =
        frame.subspan(meta.network, std::min<std::size_t>(meta.ip_length, frame.size() - meta.network));
    const std::size_t least = meta.is_ipv6() ? 40 : 20;
    require(present.size() >= least, "an IP header is there");
    (void)source_address(frame.data(), meta);
    (void)destination_address(frame.data(), meta);
    QuotedPacket quoted;
    (void)read_quoted({exact.get() + meta.network, present.size()}, meta.is_ipv6(), quoted);

    IpAddress own = source_address(frame.data(), meta);
    std::uint8_t out[kMostIcmpError];
    const std::size_t built =
        build_icmp_error({.kind = IcmpError::Kind::kTimeExceeded, .mtu = 0, .source = own}, present, out);
    require(built <= sizeof(out), "an ICMP error keeps its bounds");
    return 0;
}
