// SPDX-License-Identifier: Apache-2.0
// The page for machines that are cut off: their plain HTTP goes to a server of the appliance's own by destination NAT
// and comes back as if from the site. Such a flow ends with the cut-off.
#include <netinet/in.h>

#include <cstring>

#include "dataplane/worker/recorded.h"
#include "dataplane/worker/rewrite.h"
#include "dataplane/worker/sender.h"
#include "dataplane/worker/stages.h"
#include "dataplane/worker/transmit.h"

namespace heartgate::dataplane {

using contract::DropReason;

namespace {

bool opens(const PacketMeta& meta) noexcept {
    constexpr unsigned kControl = tcp::kSyn | tcp::kAck | tcp::kRst | tcp::kFin;
    return meta.has_key && meta.protocol == IPPROTO_TCP && (meta.tcp_flags & kControl) == tcp::kSyn;
}

}  // namespace

void redirect_in_place(const Packet& packet, FlowRef flow) noexcept {
    std::uint8_t* ip = packet.frame() + packet.meta.network;
    const std::uint16_t delta = rewriting::redirect(ip, packet.frame() + packet.meta.transport, packet.meta.protocol,
                                                    *flow.record, flow.direction);
    rewriting::adjust(ip + ipv4::kChecksum, delta);
}

bool send_to_page(WorkerContext& context, const Burst& burst, const Packet& packet, const Question& asked,
                  DropReason reason) noexcept {
    if (!context.deps.gate.sent_to_page(asked, reason) || !opens(packet.meta)) return false;
    Question question = asked;
    question.asked_to = asked.to;
    question.to = kAppliance;
    question.redirect = Redirect::kPage;
    question.asked = asked.destination;
    question.asked_port = asked.destination_port;
    question.destination = context.deps.gate.page().address;
    question.destination_port = context.deps.gate.page().port;
    const Verdict verdict = context.deps.gate.decide(question);
    if (!verdict.passes()) return false;
    if (!may_open(context, burst, packet)) {
        context.drop(packet.mbuf, DropReason::kNewFlowRate);
        return true;
    }
    const NewFlow flow{.question = question,
                       .decision = {.verdict = verdict,
                                    .generation = burst.generation,
                                    .source_endpoint = question.source_endpoint,
                                    .lan_mac = packet.meta.source_mac},
                       .vlan = packet.meta.vlan,
                       .reply_vlan = context.deps.zones[packet.meta.zone].vlan,
                       .route_epoch = burst.route_epoch,
                       .tcp_flags = packet.meta.tcp_flags};
    const InsertResult made = context.deps.flows.insert(flow, context.number, burst.now_ms);
    if (made.inserted) context.counters.flows_created.add(1);
    if (made.reason != DropReason::kNone) {
        context.drop(packet.mbuf, made.reason);
    } else if (!made.flow.record->is_page()) {  // another worker has let it pass a moment ago: the next packet asks it
        context.drop(packet.mbuf, reason);
    } else {
        punt_answer(context, burst, packet, made.flow, context.deps.gate.permit(verdict));
    }
    return true;
}

void end_page(WorkerContext& context, const Burst& burst, const Packet& packet, FlowRef flow) noexcept {
    const std::uint32_t rule = flow.record->rule();
    context.deps.flows.end(*flow.record);
    if (opens(packet.meta)) {  // a new connection that happens to have the same ports
        decide(context, burst, packet);
    } else {
        refuse(context, burst, packet, DropReason::kPageOver, rule);
    }
}

void answer_from_page(WorkerContext& context, const Burst& burst, const Packet& packet, FlowRef flow) noexcept {
    DropReason reason = recorded_verdict(context, burst, packet, flow);
    MacAddress receiver;
    std::memcpy(receiver.data(), packet.frame(), receiver.size());
    if (reason == DropReason::kNone && pack(receiver) != flow.record->lan_mac()) reason = DropReason::kSpoofedAddress;
    if (reason != DropReason::kNone) {
        context.drop(packet.mbuf, reason);
        return;
    }
    Verdict recorded;
    recorded.reason = reason;
    flow.record->advance_state(packet.meta.protocol, flow.direction, packet.meta.tcp_flags);
    flow.record->seen(burst.now_ms);
    redirect_in_place(packet, flow);
    transmit(context, context.deps.gate.permit(recorded), burst.port, packet.mbuf);
}

}  // namespace heartgate::dataplane
