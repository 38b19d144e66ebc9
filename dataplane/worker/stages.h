// SPDX-License-Identifier: Apache-2.0
// The stages of a packet's way, in order. Each is defined in the file that is named after it; worker.cpp calls the
// first three for a burst, forward() takes it from there.
#pragma once

#include "dataplane/packet/icmp_error.h"
#include "dataplane/worker/burst.h"
#include "dataplane/worker/context.h"

namespace heartgate::dataplane {

// receive.cpp: rx burst of one port into context.burst. Returns the number of packets.
std::uint16_t receive(WorkerContext& context, std::uint8_t port) noexcept;

// parse.cpp: headers to PacketMeta and flow key.
void parse_burst(const WorkerContext& context, Burst& burst) noexcept;

// look_up.cpp: hashes, then one bulk lookup per address family.
void look_up(const WorkerContext& context, Burst& burst) noexcept;

// forward.cpp: everything from the lookup to tx, for a burst from a port.
void forward(WorkerContext& context, Burst& burst) noexcept;

// verdict.cpp: the record's verdict does not stand for this packet: what is it now? kNone: it passes.
[[nodiscard]] contract::DropReason decide_again(WorkerContext& context, const Burst& burst, const Packet& packet,
                                                FlowRef flow) noexcept;
// An answer between two LAN machines: the record's MAC is the other one's, so the binding of the sender is looked up.
[[nodiscard]] contract::DropReason check_answering_neighbour(const WorkerContext& context, const Packet& packet,
                                                             FlowRef flow) noexcept;
// The endpoint behind a LAN address: bound itself, or by the MAC that it resolves to. A MAC that would be a spoof as a
// source is none as a destination either: whoever takes over an address by ARP gets no packets of its owner.
[[nodiscard]] BindingTable::Source lan_destination(const WorkerContext& context, const IpAddress& address,
                                                   const RouteResult& route) noexcept;

// route_again.cpp: the flow's way under the current routes, looked up anew. nullptr: the packet has been held or
// dropped.
[[nodiscard]] const NextHop* route_again(WorkerContext& context, const Burst& burst, const Packet& packet,
                                         FlowRef flow) noexcept;

// decide.cpp: a packet without a flow. Ends with the packet sent, punted, held or dropped.
void decide(WorkerContext& context, const Burst& burst, const Packet& packet) noexcept;
// RFC 1812, 5.3.8: a source must be reachable by the zone its packets come in from. `back`: the route to it.
[[nodiscard]] contract::DropReason check_source(Zone from, const IpAddress& source, const RouteResult& back) noexcept;

// forward.cpp: one packet whose flow was found apart from the burst.
void forward_found(WorkerContext& context, const Burst& burst, const Packet& packet, FlowRef flow) noexcept;

// fragment.cpp: a part of an IP packet. Ends with it sent, punted, held or dropped. release: each loop, for what has
// waited for a first fragment.
void forward_fragment(WorkerContext& context, const Burst& burst, const Packet& packet) noexcept;
unsigned release_fragments(WorkerContext& context, std::uint32_t now_ms) noexcept;
void drop_fragments(WorkerContext& context) noexcept;

// fragment_out.cpp: a packet that is too large for its way out and may be fragmented: sent in fragments (RFC 1812,
// 5.2.6). transmit: of one that is ready to be sent but for its size.
void send_fragments(WorkerContext& context, const Packet& packet, FlowRef flow, const NextHop& next_hop,
                    Permit permit) noexcept;
void transmit_fragments(WorkerContext& context, const NextHop& next_hop, Permit permit, rte_mbuf* mbuf) noexcept;
[[nodiscard]] inline bool fits_in_fragments(const PacketMeta& meta, contract::DropReason obstacle) noexcept {
    return obstacle == contract::DropReason::kTooBig && !meta.dont_fragment;
}

// page.cpp: a packet that was refused for `reason`, to the page instead. False: it is none for the page, nothing was
// done.
[[nodiscard]] bool send_to_page(WorkerContext& context, const Burst& burst, const Packet& packet, const Question& asked,
                                contract::DropReason reason) noexcept;
// A packet to the page of a machine that is no longer cut off. Ends the flow.
void end_page(WorkerContext& context, const Burst& burst, const Packet& packet, FlowRef flow) noexcept;
// What Linux sends for the page.
void answer_from_page(WorkerContext& context, const Burst& burst, const Packet& packet, FlowRef flow) noexcept;
// Destination NAT alone, for what does not leave by a route.
void redirect_in_place(const Packet& packet, FlowRef flow) noexcept;

// icmp_error.cpp: an ICMP error, by the flow of the packet that it quotes. False: there is none, and nothing was done.
[[nodiscard]] bool forward_icmp_error(WorkerContext& context, const Burst& burst, const Packet& packet) noexcept;

// local_in.cpp: a packet to the appliance itself.
void deliver_local(WorkerContext& context, const Burst& burst, const Packet& packet) noexcept;
// neighbour_claim.cpp: may Linux believe this ARP or Neighbour Discovery packet?
// Raises an alarm where it lies.
[[nodiscard]] contract::DropReason check_neighbour_claim(WorkerContext& context, const Burst& burst,
                                                         const Packet& packet) noexcept;
// Of a flow that Linux has opened, or an ICMP error about one; or to the page, with its destination changed.
void punt_answer(WorkerContext& context, const Burst& burst, const Packet& packet, FlowRef flow,
                 Permit permit) noexcept;
void punt(WorkerContext& context, Zone zone, PuntQueue queue, Permit permit, rte_mbuf* mbuf) noexcept;

// from_kernel.cpp: what Linux sends out of `zone`, through the same gate; makes flows.
// Returns the number of packets.
std::uint16_t forward_from_kernel(WorkerContext& context, const ZoneEntry& zone, std::uint32_t now_ms) noexcept;

// observe.cpp: for captures and drop watches, if anybody looks. begin: each loop. sent: before the port takes them.
void begin_observing(WorkerContext& context, std::uint32_t now_ms) noexcept;
void observe_received(const WorkerContext& context, std::uint8_t port, std::uint16_t count) noexcept;
void observe_sent(const WorkerContext& context, std::uint8_t port) noexcept;

// recorded.h, send.h, rewrite.h, transmit.h: inline, since every packet goes through them.

// reply.cpp: an ICMP error to the packet's sender, by the way it came. Leaves the packet alone.
void send_icmp_error(WorkerContext& context, const Burst& burst, const Packet& packet, IcmpError::Kind kind,
                     std::uint16_t mtu) noexcept;
// Drops a packet that the gate did not let pass; tells its sender if `rule` asks for it.
void refuse(WorkerContext& context, const Burst& burst, const Packet& packet, contract::DropReason reason,
            std::uint32_t rule) noexcept;

// hold.cpp: waits for a neighbour; released packets begin anew, at the parse stage.
// `destination`: what was looked up with the result `route`, kUnresolved.
void hold(WorkerContext& context, const Burst& burst, const Packet& packet, const IpAddress& destination,
          const RouteResult& route) noexcept;
unsigned release_held(WorkerContext& context, std::uint32_t now_ms) noexcept;
void drop_held(WorkerContext& context) noexcept;

// worker.cpp: context.burst.packets through the stages; what they share is loaded here, generation first.
// `egress`: as in Burst.
void begin(WorkerContext& context, std::uint8_t port, Zone egress, std::uint16_t count, std::uint32_t now_ms) noexcept;
void process(WorkerContext& context, std::uint8_t port, std::uint16_t count, std::uint32_t now_ms) noexcept;

}  // namespace heartgate::dataplane
