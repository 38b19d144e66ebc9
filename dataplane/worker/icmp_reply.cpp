// SPDX-License-Identifier: Apache-2.0
// An ICMP error for the sender of a packet that cannot be sent on: through the gate, back by the way it came.
#include <rte_mbuf.h>

#include <cstring>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"
#include "dataplane/worker/stages.h"
#include "dataplane/worker/transmit.h"

namespace heartgate::dataplane {

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

}  // namespace

// Only called for TCP, UDP and echo from one unicast source to one unicast destination, never for a fragment or another
// ICMP error: RFC 1122, 3.2.2 and RFC 4443, 2.4 (e) are met.
void send_icmp_error(WorkerContext& context, const Burst& burst, const Packet& packet, IcmpError::Kind kind,
                     std::uint16_t mtu) noexcept {
    const PacketMeta& meta = packet.meta;
    const IpAddress own = context.deps.routes.own_address(burst.ingress, meta.is_ipv6());
    if (own == IpAddress{} || !context.icmp_limit.take(burst.now_ms)) return;
    const Verdict verdict = context.deps.gate.decide(
        {.from = Zone::kLocal, .to = burst.ingress, .ether_type = meta.ether_type, .source = own});
    if (!verdict.passes()) return;
    rte_mbuf* error = context.deps.pool == nullptr ? nullptr : rte_pktmbuf_alloc(context.deps.pool);
    if (error == nullptr) return;

    auto* out = rte_pktmbuf_mtod(error, std::uint8_t*);
    const std::size_t link = write_link_layer(packet, context.port(burst.ingress).mac, out);
    const std::size_t present = packet.mbuf->data_len - meta.network;
    const std::span<const std::uint8_t> original{packet.frame() + meta.network,
                                                 present < meta.ip_length ? present : meta.ip_length};
    const std::size_t length = build_icmp_error({.kind = kind, .mtu = mtu, .source = own}, original,
                                                {out + link, rte_pktmbuf_tailroom(error) - link});
    if (length == 0) {
        rte_pktmbuf_free(error);
        return;
    }
    error->data_len = static_cast<std::uint16_t>(link + length);
    error->pkt_len = error->data_len;
    context.counters.generated.add(1);
    transmit(context, context.deps.gate.permit(verdict), burst.ingress, error);
}

}  // namespace heartgate::dataplane
