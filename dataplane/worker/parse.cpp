// SPDX-License-Identifier: Apache-2.0
// Stage 2: headers of all packets of the burst. The parser itself is packet/parse.h; this is its way to mbufs.
#include "dataplane/packet/parse.h"

#include <rte_prefetch.h>

#include "dataplane/worker/stages.h"

namespace heartgate::dataplane {

namespace {

constexpr unsigned kAhead = 4;

}  // namespace

void parse_burst(const WorkerContext& context, Burst& burst) noexcept {
    const bool from_linux = !burst.egress.is_appliance();
    const ParseOrigin origin{.mac = pack(context.deps.ports[burst.port].mac),
                             .zones = from_linux ? nullptr : &context.deps.zones.tags(burst.port),
                             .linux_vlan = from_linux ? context.deps.zones[burst.egress].vlan : std::uint16_t{0}};
    for (unsigned i = 0; i < kAhead && i < burst.count; ++i) {
        rte_prefetch0(rte_pktmbuf_mtod(burst.packets[i], const void*));
    }
    for (unsigned i = 0; i < burst.count; ++i) {
        if (i + kAhead < burst.count) rte_prefetch0(rte_pktmbuf_mtod(burst.packets[i + kAhead], const void*));
        const rte_mbuf* mbuf = burst.packets[i];
        // What af_packet and NICs with VLAN stripping have taken out of the frame.
        const bool stripped = (mbuf->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0;
        parse({rte_pktmbuf_mtod(mbuf, const std::uint8_t*), mbuf->data_len}, mbuf->pkt_len,
              stripped ? mbuf->vlan_tci : std::uint16_t{0}, origin, burst.meta[i], burst.keys6[i]);
    }
}

}  // namespace heartgate::dataplane
