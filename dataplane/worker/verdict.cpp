// SPDX-License-Identifier: Apache-2.0
// A flow whose recorded verdict does not stand any more: the words are compared, and where they differ it is decided
// anew from the initiator's original tuple.
#include "dataplane/worker/stages.h"

namespace heartgate::dataplane {

using contract::DropReason;

namespace {

struct Again {
    const WorkerContext& context;
    const Burst& burst;
    const Packet& packet;
    const FlowRecord& record;
    Direction direction;

    // The LAN side's MAC as this packet shows it; where it does not, as recorded.
    [[nodiscard]] PackedMac lan_mac() const noexcept {
        const bool shown = packet.meta.zone.is_inside() &&
                           (direction == Direction::kForward || !is_inside(record.from_role(Direction::kForward)));
        return shown ? packet.meta.source_mac : record.lan_mac();
    }

    // Both words, the policy and the MAC are those of the record: only time has passed.
    [[nodiscard]] bool unchanged() const noexcept {
        return record.policy_epoch() == burst.policy_epoch && record.lan_mac() == lan_mac() &&
               record.words_stand(context.deps.endpoints);
    }

    [[nodiscard]] BindingTable::Source lan_source(const IpAddress& address) const noexcept {
        return context.deps.bindings.source(unpack(lan_mac()), address);
    }

    // The LAN machine that was asked. What came from the WAN or from Linux must be answered by that machine; and while
    // its neighbour entry is gone, it is the one that the record knows.
    [[nodiscard]] BindingTable::Source destination(const Question& question) const noexcept {
        const RouteResult route = context.deps.routes.lookup(question.destination);
        const BindingTable::Source asked = lan_destination(context, question.destination, route);
        if (question.from.is_inside()) return asked;
        BindingTable::Source seen = lan_source(question.destination);
        const bool resolved = route.kind == RouteResult::Kind::kForward;
        if (!resolved) return seen;
        if (!packet.meta.zone.is_inside()) return asked;
        if (seen.endpoint != asked.endpoint) seen.reason = DropReason::kSpoofedAddress;
        return seen;
    }

    // `lasts`: false if it hangs on a neighbour entry, whose change no generation tells.
    struct Outcome {
        Decision decision;
        bool lasts = true;
    };
    [[nodiscard]] Outcome decide() const noexcept {
        Question question = record.question();
        question.ether_type = record.ipv6() ? ethernet::kIpv6 : ethernet::kIpv4;
        if (question.from.is_inside()) {
            const BindingTable::Source source = lan_source(question.source);
            question.source_spoofed = source.reason != DropReason::kNone;
            question.source_endpoint = source.endpoint;
        }
        BindingTable::Source destination{.endpoint = contract::kNoEndpoint, .reason = DropReason::kNone};
        if (question.to.is_inside()) {
            destination = this->destination(question);
            question.destination_endpoint = destination.endpoint;
        }
        Decision decision{.verdict = context.deps.gate.decide(question),
                          .generation = burst.generation,
                          .source_endpoint = question.source_endpoint,
                          .destination_endpoint = question.destination_endpoint,
                          .lan_mac = lan_mac()};
        const bool passes = decision.verdict.passes();
        if (passes) decision.verdict.reason = destination.reason;
        return {.decision = decision, .lasts = !passes || destination.reason == DropReason::kNone};
    }
};

}  // namespace

BindingTable::Source lan_destination(const WorkerContext& context, const IpAddress& address,
                                     const RouteResult& route) noexcept {
    const BindingTable& bindings = context.deps.bindings;
    if (route.kind != RouteResult::Kind::kForward) {
        return {.endpoint = bindings.destination(address), .reason = DropReason::kNone};
    }
    return bindings.source(context.deps.routes.next_hop(route.next_hop).destination, address);
}

DropReason decide_again(WorkerContext& context, const Burst& burst, const Packet& packet, FlowRef flow) noexcept {
    FlowRecord& record = *flow.record;
    const Again again{context, burst, packet, record, flow.direction};
    // Once refreshed, a slower worker's decision of an earlier generation is no longer taken.
    if (again.unchanged() && record.try_refresh(burst.generation, context.deps.endpoints)) return record.reason();
    context.counters.redecided.add(1);
    const bool other_mac = again.lan_mac() != record.lan_mac();
    const auto [decision, lasts] = again.decide();
    // A packet with another MAC that may not pass is no reason to spoil the flow of the machine it belongs to.
    if (lasts && (decision.verdict.passes() || !other_mac)) record.try_store(decision);
    return decision.verdict.reason;
}

DropReason check_answering_neighbour(const WorkerContext& context, const Packet& packet, FlowRef flow) noexcept {
    const BindingTable::Source source =
        context.deps.bindings.source(unpack(packet.meta.source_mac), source_address(packet.frame(), packet.meta));
    if (source.reason != DropReason::kNone) return source.reason;
    return source.endpoint == flow.record->endpoint(1) ? DropReason::kNone : DropReason::kSpoofedAddress;
}

}  // namespace heartgate::dataplane
