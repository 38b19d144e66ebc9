// SPDX-License-Identifier: Apache-2.0
// A flow whose cached next hop is of other routes: looked up anew, towards the same zone and the same machine.
#include "dataplane/worker/stages.h"

namespace heartgate::dataplane {

using contract::DropReason;

const NextHop* route_again(WorkerContext& context, const Burst& burst, const Packet& packet, FlowRef flow) noexcept {
    const Question tuple = flow.record->question();
    const IpAddress& destination = flow.direction == Direction::kForward ? tuple.destination : tuple.source;
    const RouteResult route = context.deps.routes.lookup(destination);
    const bool same_way = route.zone == flow.record->to(flow.direction);
    if (route.kind == RouteResult::Kind::kForward && same_way) {
        if (route.zone.is_inside()) {
            const BindingTable::Source receiver = lan_destination(context, destination, route);
            const std::uint32_t expected = flow.record->endpoint(index(opposite(flow.direction)));
            if (receiver.reason != DropReason::kNone || receiver.endpoint != expected) {
                context.drop(packet.mbuf, DropReason::kSpoofedAddress);
                return nullptr;
            }
        }
        flow.record->try_route(flow.direction, route.next_hop, burst.route_epoch);
        return &context.deps.routes.next_hop(route.next_hop);
    }
    if (route.kind == RouteResult::Kind::kUnresolved && same_way) {
        hold(context, burst, packet, destination, route);
    } else {
        context.drop(packet.mbuf, DropReason::kNoRoute);  // or by another zone, for which nothing was decided
    }
    return nullptr;
}

}  // namespace heartgate::dataplane
