// SPDX-License-Identifier: Apache-2.0
// Stage 3: the flows of all packets of the burst, in one bulk lookup per address family.
#include "dataplane/flow/flow_table.h"

#include "dataplane/worker/stages.h"

namespace heartgate::dataplane {

namespace {

// The packets of one family: their keys, and where in the burst they are.
template <class Key>
struct Keys {
    std::array<const Key*, kBurst> keys;
    std::array<std::uint8_t, kBurst> position;
    unsigned count = 0;

    void add(const Key& key, unsigned at) noexcept {
        keys[count] = &key;
        position[count] = static_cast<std::uint8_t>(at);
        ++count;
    }
    void look_up(const FlowTable& table, std::array<FlowRef, kBurst>& flows) const noexcept {
        if (count == 0) return;
        std::array<std::uint32_t, kBurst> hashes;
        std::array<FlowRef, kBurst> found;
        table.hash(keys.data(), hashes.data(), count);
        table.lookup(keys.data(), hashes.data(), count, found.data());
        for (unsigned i = 0; i < count; ++i) flows[position[i]] = found[i];
    }
};

}  // namespace

void look_up(const WorkerContext& context, Burst& burst) noexcept {
    Keys<FlowKey4> ipv4;
    Keys<FlowKey6> ipv6;
    for (unsigned i = 0; i < burst.count; ++i) {
        burst.flows[i] = FlowRef{};
        const PacketMeta& meta = burst.meta[i];
        if (!meta.has_key || meta.reason != contract::DropReason::kNone) continue;
        if (meta.is_ipv6()) {
            ipv6.add(burst.keys6[i], i);
        } else {
            ipv4.add(meta.key, i);
        }
    }
    ipv4.look_up(context.deps.flows, burst.flows);
    ipv6.look_up(context.deps.flows, burst.flows);
}

}  // namespace heartgate::dataplane
