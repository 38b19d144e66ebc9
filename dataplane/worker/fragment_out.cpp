// SPDX-License-Identifier: Apache-2.0
// Packets that are larger than their way out, and whose sender does not forbid it, leave in fragments. Not on the hit
// path: TCP fits its segments to the MTU, and most others set DF.
#define ALLOW_EXPERIMENTAL_API  // the stable function makes chains of buffers, which not every port sends
#include <rte_ip_frag.h>

#include <array>
#include <cstring>

#include "dataplane/packet/headers.h"
#include "dataplane/worker/renumber.h"
#include "dataplane/worker/stages.h"
#include "dataplane/worker/transmit.h"

namespace heartgate::dataplane {

using contract::DropReason;

namespace {

constexpr std::uint16_t kMostFragments = 64;

}  // namespace

void transmit_fragments(WorkerContext& context, const NextHop& next_hop, Permit permit, rte_mbuf* mbuf) noexcept {
    const std::uint16_t link = next_hop.vlan == 0 ? ethernet::kLength : ethernet::kLength + ethernet::kTagLength;
    std::array<std::uint8_t, ethernet::kLength + ethernet::kTagLength> frame;
    std::array<rte_mbuf*, kMostFragments> fragments;
    if (rte_pktmbuf_linearize(mbuf) != 0 || context.deps.pool == nullptr) {
        context.drop(mbuf, DropReason::kNoMbuf);
        return;
    }
    std::memcpy(frame.data(), rte_pktmbuf_mtod(mbuf, const std::uint8_t*), link);
    rte_pktmbuf_adj(mbuf, link);
    const std::int32_t count =
        rte_ipv4_fragment_copy_nonseg_packet(mbuf, fragments.data(), kMostFragments, next_hop.mtu, context.deps.pool);
    if (count <= 0) {
        context.drop(mbuf, count == -ENOMEM ? DropReason::kNoMbuf : DropReason::kTooBig);
        return;
    }
    rte_pktmbuf_free(mbuf);
    const auto made = static_cast<std::uint16_t>(count);
    context.counters.generated.add(made - 1U);
    for (std::uint16_t i = 0; i < made; ++i) {
        auto* ip = rte_pktmbuf_mtod(fragments[i], std::uint8_t*);
        const std::size_t header = (ip[0] & 0x0fU) * std::size_t{4};
        store_raw(ip + ipv4::kChecksum, internet_checksum({ip, header}));
        char* start = rte_pktmbuf_prepend(fragments[i], link);
        if (start == nullptr) {
            context.drop(fragments[i], DropReason::kNoMbuf);
            continue;
        }
        std::memcpy(start, frame.data(), link);
        transmit(context, permit, next_hop.port, fragments[i]);
    }
}

void send_fragments(WorkerContext& context, const Packet& packet, FlowRef flow, const NextHop& next_hop,
                    Permit permit) noexcept {
    // A first fragment has been renumbered; so will be those that come after it.
    if (packet.meta.fragment_end == 0 && renumbers(packet.meta)) {
        set_identification(packet.frame() + packet.meta.network, context.deps.fragments.identification());
    }
    if (rewrite(packet, flow, next_hop)) {
        transmit_fragments(context, next_hop, permit, packet.mbuf);
    } else {
        context.drop(packet.mbuf, DropReason::kNoMbuf);
    }
}

}  // namespace heartgate::dataplane
