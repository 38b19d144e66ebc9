// SPDX-License-Identifier: Apache-2.0
// ARP and Neighbour Discovery before Linux believes them: against the bindings, the appliance's own addresses and, for
// an isolated machine, against what its neighbours are known by.
#include "dataplane/packet/neighbour_claim.h"

#include "dataplane/worker/stages.h"

namespace heartgate::dataplane {

using contract::DropReason;

namespace {

struct Check {
    const WorkerContext& context;
    const PacketMeta& meta;

    [[nodiscard]] bool is_own(const IpAddress& address) const noexcept {
        return context.deps.routes.lookup(address).kind == RouteResult::Kind::kLocal;
    }

    // An address of the zone's own segment: there alone ARP and Neighbour Discovery make sense.
    [[nodiscard]] bool on_link(const IpAddress& address) const noexcept {
        if (is_link_local(address)) return true;
        const RouteResult route = context.deps.routes.lookup(address);
        return route.kind != RouteResult::Kind::kNone && route.zone == meta.zone;
    }

    // A bound address stays with its MAC while its owner is connected. When the owner is gone, or has another
    // interface in the same place, the heartbeat that moves the binding must be able to come.
    [[nodiscard]] bool is_taken(const IpAddress& address) const noexcept {
        const BindingTable& bindings = context.deps.bindings;
        const BindingTable::Source source = bindings.source(unpack(meta.source_mac), address);
        if (source.reason == DropReason::kNone) return false;
        const bool connected =
            context.deps.endpoints.word(source.endpoint).state().presence == contract::Presence::kConnected;
        return connected && bindings.destination(unpack(meta.source_mac)) != source.endpoint;
    }

    // An isolated machine may have an address that is nobody's (a new lease), but takes none from a neighbour without
    // a binding.
    [[nodiscard]] bool poisons(const IpAddress& address) const noexcept {
        const std::uint32_t endpoint = context.deps.bindings.destination(unpack(meta.source_mac));
        if (!context.deps.endpoints.word(endpoint).state().isolated) return false;
        if (context.deps.bindings.destination(address) == endpoint) return false;
        const RouteResult route = context.deps.routes.lookup(address);
        return route.kind == RouteResult::Kind::kForward && route.zone == meta.zone &&
               pack(context.deps.routes.next_hop(route.next_hop).destination) != meta.source_mac;
    }

    [[nodiscard]] DropReason reason(const NeighbourClaim& claim, IpAddress& about) const noexcept {
        for (unsigned i = 0; i < claim.count; ++i) {
            about = claim.addresses[i];
            if (is_own(about)) return DropReason::kOwnAddress;
        }
        if (!meta.zone.is_inside()) return DropReason::kNone;
        if (claim.from_router) return DropReason::kRogueRouter;
        if (claim.link_address != 0 && claim.link_address != meta.source_mac) return DropReason::kSpoofedNeighbour;
        if (!meta.is_ip() && claim.link_address == 0) return DropReason::kSpoofedNeighbour;  // ARP always says it
        for (unsigned i = 0; i < claim.count; ++i) {
            about = claim.addresses[i];
            if (!on_link(about)) return DropReason::kBadSource;
            if (is_taken(about) || poisons(about)) return DropReason::kSpoofedNeighbour;
        }
        return DropReason::kNone;
    }
};

}  // namespace

DropReason check_neighbour_claim(WorkerContext& context, const Burst& burst, const Packet& packet) noexcept {
    const NeighbourClaim claim = read_neighbour_claim({packet.frame(), packet.mbuf->data_len}, packet.meta);
    if (claim.reason != DropReason::kNone) return claim.reason;
    const Check check{.context = context, .meta = packet.meta};
    IpAddress about;
    const DropReason reason = check.reason(claim, about);
    if (reason != DropReason::kNone && reason != DropReason::kBadSource) {
        context.alarms.put(
            {.reason = reason, .zone = packet.meta.zone, .mac = packet.meta.source_mac, .address = about},
            burst.now_ms);
    }
    return reason;
}

}  // namespace heartgate::dataplane
