// SPDX-License-Identifier: Apache-2.0
// What the dataplane itself says to the sender of a packet that ends here: an ICMP error, or a TCP reset. Through the
// gate, back by the way the packet came; bounded in rate.
#include <netinet/in.h>
#include <rte_mbuf.h>

#include <cstring>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"
#include "dataplane/packet/tcp_reset.h"
#include "dataplane/worker/stages.h"
#include "dataplane/worker/transmit.h"

namespace heartgate::dataplane {

using contract::DropReason;

namespace {

// Link layer: the sender's, turned round, with the same tag.
std::size_t write_link_layer(const Packet& packet, const MacAddress& own, std::uint8_t* out) noexcept {
    const std::uint8_t* frame = packet.frame();
    std::memcpy(out, frame + ethernet::kSource, 6);
    std::memcpy(out + ethernet::kSource, own.data(), 6);
    if (packet.meta.vlan == 0) {
        store16(out + ethernet::kType, packet.meta.ether_type);
        return ethernet::kLength;
    }
    store16(out + ethernet::kType, ethernet::kVlan);
    store16(out + ethernet::kLength, packet.meta.vlan);
    store16(out + ethernet::kLength + 2, packet.meta.ether_type);
    return ethernet::kLength + ethernet::kTagLength;
}

// `build`: writes an IP packet from `source` into a span and returns its length, 0: none.
template <class Build>
void reply(WorkerContext& context, const Burst& burst, const Packet& packet, const IpAddress& source,
           Build&& build) noexcept {
    const Verdict verdict = context.deps.gate.decide(
        {.from = kAppliance, .to = packet.meta.zone, .ether_type = packet.meta.ether_type, .source = source});
    if (!verdict.passes()) return;
    rte_mbuf* made = context.deps.pool == nullptr ? nullptr : rte_pktmbuf_alloc(context.deps.pool);
    if (made == nullptr) return;

    auto* out = rte_pktmbuf_mtod(made, std::uint8_t*);
    const std::size_t link = write_link_layer(packet, context.deps.ports[burst.port].mac, out);
    const std::size_t length = build(std::span<std::uint8_t>{out + link, rte_pktmbuf_tailroom(made) - link});
    if (length == 0) {
        rte_pktmbuf_free(made);
        return;
    }
    made->data_len = static_cast<std::uint16_t>(link + length);
    made->pkt_len = made->data_len;
    context.counters.generated.add(1);
    transmit(context, context.deps.gate.permit(verdict), burst.port, made);
}

void reply_with_error(WorkerContext& context, const Burst& burst, const Packet& packet, const IcmpError& error) {
    const PacketMeta& meta = packet.meta;
    reply(context, burst, packet, error.source, [&](std::span<std::uint8_t> out) {
        const std::size_t present = packet.mbuf->data_len - meta.network;
        const std::span<const std::uint8_t> original{packet.frame() + meta.network,
                                                     present < meta.ip_length ? present : meta.ip_length};
        return build_icmp_error(error, original, out);
    });
}

// The reset comes from the machine that was asked: to the sender, that is who refuses.
void reply_with_reset(WorkerContext& context, const Burst& burst, const Packet& packet) noexcept {
    const PacketMeta& meta = packet.meta;
    if ((meta.tcp_flags & tcp::kRst) != 0 || !context.reset_limit.take(burst.now_ms)) return;
    const IpAddress asked = destination_address(packet.frame(), meta);
    reply(context, burst, packet, asked, [&](std::span<std::uint8_t> out) {
        const std::uint8_t* frame = packet.frame();
        const std::uint32_t length = std::uint32_t{meta.network} + meta.ip_length - meta.transport;
        return build_tcp_reset(
            {.ip = frame + meta.network, .transport = frame + meta.transport, .length = length, .ipv6 = meta.is_ipv6()},
            out);
    });
}

}  // namespace

// Only called for TCP, UDP and echo from one unicast source to one unicast destination, never for a fragment or another
// ICMP error: RFC 1122, 3.2.2 and RFC 4443, 2.4 (e) are met.
void send_icmp_error(WorkerContext& context, const Burst& burst, const Packet& packet, IcmpError::Kind kind,
                     std::uint16_t mtu) noexcept {
    const IpAddress own = context.deps.routes.own_address(packet.meta.zone, packet.meta.is_ipv6());
    if (own == IpAddress{} || !context.icmp_limit.take(burst.now_ms)) return;
    reply_with_error(context, burst, packet, {.kind = kind, .mtu = mtu, .source = own});
}

void refuse(WorkerContext& context, const Burst& burst, const Packet& packet, DropReason reason,
            std::uint32_t rule) noexcept {
    const PacketMeta& meta = packet.meta;
    const bool browser = meta.has_key && meta.protocol == IPPROTO_TCP &&
                         context.deps.gate.resets_browser(meta.zone, meta.destination_port, reason);
    if (browser || (meta.has_key && context.deps.gate.answers(meta.zone, reason, rule))) {
        const IpAddress own = context.deps.routes.own_address(packet.meta.zone, packet.meta.is_ipv6());
        if (packet.meta.protocol == IPPROTO_TCP) {
            reply_with_reset(context, burst, packet);
        } else if (own != IpAddress{} && context.prohibited_limit.take(burst.now_ms)) {
            reply_with_error(context, burst, packet, {.kind = IcmpError::Kind::kProhibited, .source = own});
        }
    }
    context.drop(packet.mbuf, reason);
}

}  // namespace heartgate::dataplane
