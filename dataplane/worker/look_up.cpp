// SPDX-License-Identifier: Apache-2.0
// Stage 3: the flows of all packets of the burst, in one bulk lookup per address family.
#include "dataplane/flow/flow_table.h"

#include "dataplane/worker/stages.h"

namespace heartgate::dataplane {

namespace {

// Where in the burst the packets of one family are.
using Positions = std::array<std::uint8_t, kBurst>;

// `key_at(position)` gives a packet's key.
template <class KeyAt>
void look_up_family(const FlowTable& table, unsigned count, const std::uint8_t* positions, FlowRef* flows,
                    const KeyAt& key_at) noexcept {
    table.lookup(
        count, [ positions, key_at ](unsigned i) -> const auto& { return key_at(positions[i]); },
        [positions, flows](unsigned i, FlowRef flow) { flows[positions[i]] = flow; });
}

}  // namespace

void look_up(const WorkerContext& context, Burst& burst) noexcept {
    Positions ipv4;
    Positions ipv6;
    unsigned ipv4_count = 0;
    unsigned ipv6_count = 0;
    for (unsigned i = 0; i < burst.count; ++i) {
        const PacketMeta& meta = burst.meta[i];
        burst.flows[i] = FlowRef{};
        // Always written, and kept if it belongs there: nobody can foresee which family comes next.
        ipv4[ipv4_count] = ipv6[ipv6_count] = static_cast<std::uint8_t>(i);
        const auto is_ipv6 = static_cast<unsigned>(meta.is_ipv6());
        ipv4_count += static_cast<unsigned>(meta.has_key) & ~is_ipv6;
        ipv6_count += static_cast<unsigned>(meta.has_key) & is_ipv6;
    }
    const FlowTable& table = context.deps.flows;
    FlowRef* const flows = burst.flows.data();
    look_up_family(table, ipv4_count, ipv4.data(), flows,
                   [meta = burst.meta.data()](unsigned i) -> const FlowKey4& { return meta[i].key; });
    look_up_family(table, ipv6_count, ipv6.data(), flows,
                   [keys = burst.keys6.data()](unsigned i) -> const FlowKey6& { return keys[i]; });
}

}  // namespace heartgate::dataplane
