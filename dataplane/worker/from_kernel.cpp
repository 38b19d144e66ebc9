// SPDX-License-Identifier: Apache-2.0
// What Linux sends: complete frames, their link layer written by Linux. They pass the gate like everything else and
// make flows, so that the answers are let in; answers of the appliance's own services, which the local-in table lets
// in, make none.
#include <netinet/in.h>

#include <cstring>

#include "dataplane/packet/headers.h"
#include "dataplane/worker/stages.h"
#include "dataplane/worker/transmit.h"

namespace heartgate::dataplane {

using contract::DropReason;

namespace {

// An ICMP echo reply or a reset needs no flow; anything else does, also in the middle of a TCP connection: the
// appliance's own connections go on after a restart of the dataplane.
bool opens_flow(const PacketMeta& meta) noexcept {
    if (!(meta.has_key || meta.fragment_key) || meta.group_destination || meta.reason != DropReason::kNone)
        return false;
    switch (meta.protocol) {
        case IPPROTO_TCP:
            return (meta.tcp_flags & tcp::kRst) == 0;
        case IPPROTO_ICMP:
            return meta.destination_port == icmp::kEchoRequest;
        case IPPROTO_ICMPV6:
            return meta.destination_port == icmp::kV6EchoRequest;
        default:
            return true;
    }
}

MacAddress receiver_of(const Packet& packet) noexcept {
    MacAddress mac;
    std::memcpy(mac.data(), packet.frame(), mac.size());
    return mac;
}

Question question_of(const WorkerContext& context, const Burst& burst, const Packet& packet) noexcept {
    const PacketMeta& meta = packet.meta;
    Question question;
    question.from = kAppliance;
    question.to = burst.egress;
    question.ether_type = meta.ether_type;
    const bool to_machine = burst.egress.is_inside() && !meta.group_destination;
    if (!meta.is_ip()) return question;
    if (meta.reason != DropReason::kNone) {  // what the parser cannot follow is known by its receiver's MAC alone
        if (to_machine) question.destination_endpoint = context.deps.bindings.destination(receiver_of(packet));
        return question;
    }
    question.protocol = meta.protocol;
    question.source = source_address(packet.frame(), meta);
    question.destination = destination_address(packet.frame(), meta);
    question.source_port = meta.source_port;
    question.destination_port = meta.destination_port;
    if (to_machine) {
        // The machine that gets it counts: not the owner of its address, if that is another one.
        const BindingTable& bindings = context.deps.bindings;
        const BindingTable::Source receiver = bindings.source(receiver_of(packet), question.destination);
        question.destination_endpoint =
            receiver.reason == DropReason::kNone ? receiver.endpoint : bindings.destination(receiver_of(packet));
    }
    return question;
}

// Without room for the flow the packet leaves all the same; its answer will be dropped.
void make_flow(WorkerContext& context, const Burst& burst, const Packet& packet, const Question& question,
               const Verdict& verdict) noexcept {
    const NewFlow flow{.question = question,
                       .decision = {.verdict = verdict,
                                    .generation = burst.generation,
                                    .destination_endpoint = question.destination_endpoint,
                                    .lan_mac = burst.egress.is_inside() ? pack(receiver_of(packet)) : PackedMac{0}},
                       .vlan = packet.meta.vlan,
                       .reply_vlan = context.deps.zones[burst.egress].vlan,
                       .route_epoch = burst.route_epoch,
                       .tcp_flags = packet.meta.tcp_flags};
    if (context.deps.flows.insert(flow, context.number, burst.now_ms).inserted) {
        context.counters.flows_created.add(1);
    }
}

void send_one(WorkerContext& context, const Burst& burst, const Packet& packet, FlowRef flow) noexcept {
    // A frame that the parser cannot follow (a fragment, another protocol) still leaves, but none that is not whole,
    // and none into another VLAN.
    if (packet.meta.reason == DropReason::kTruncated || packet.meta.reason == DropReason::kUnknownVlan) {
        context.drop(packet.mbuf, packet.meta.reason);
        return;
    }
    if (flow.record != nullptr && flow.record->redirected()) {
        answer_from_page(context, burst, packet, flow);
        return;
    }
    const Question question = question_of(context, burst, packet);
    const Verdict verdict = context.deps.gate.decide(question);
    if (!verdict.passes()) {
        context.drop(packet.mbuf, verdict.reason);
        return;
    }
    if (flow.record != nullptr) {
        flow.record->advance_state(packet.meta.protocol, flow.direction, packet.meta.tcp_flags);
        flow.record->seen(burst.now_ms);
    } else if (opens_flow(packet.meta) && !context.deps.gate.answers_service(question, false)) {
        make_flow(context, burst, packet, question, verdict);
    }
    transmit(context, context.deps.gate.permit(verdict), burst.port, packet.mbuf);
}

}  // namespace

std::uint16_t forward_from_kernel(WorkerContext& context, const ZoneEntry& zone, std::uint32_t now_ms) noexcept {
    Burst& burst = context.burst;
    const std::uint16_t count = context.deps.kernel.take(context.number, zone.zone, burst.packets.data(), kBurst);
    if (count == 0) return 0;
    context.counters.from_kernel.add(count);
    begin(context, zone.port, zone.zone, count, now_ms);
    parse_burst(context, burst);
    look_up(context, burst);
    for (unsigned i = 0; i < count; ++i) {
        send_one(context, burst, {.mbuf = burst.packets[i], .meta = burst.meta[i]}, burst.flows[i]);
    }
    flush(context);
    return count;
}

}  // namespace heartgate::dataplane
