// SPDX-License-Identifier: Apache-2.0
// Fragments (RFC 4787 REQ-14): the first one goes the way of a whole packet; the later ones, which have no ports, go by
// its flow, each asking for the flow's verdict again. Those that come before the first one wait for it.
#include <algorithm>
#include <cstring>

#include "dataplane/packet/headers.h"
#include "dataplane/worker/recorded.h"
#include "dataplane/worker/release.h"
#include "dataplane/worker/renumber.h"
#include "dataplane/worker/rewrite.h"
#include "dataplane/worker/stages.h"
#include "dataplane/worker/transmit.h"

namespace heartgate::dataplane {

using contract::DropReason;

namespace {

DatagramKey datagram_of(const Packet& packet) noexcept {
    const PacketMeta& meta = packet.meta;
    DatagramKey datagram;
    datagram.source = source_address(packet.frame(), meta).bytes;
    datagram.destination = destination_address(packet.frame(), meta).bytes;
    datagram.identification = meta.fragment_identification;
    datagram.protocol = meta.is_ipv6() ? std::uint8_t{0} : meta.protocol;
    datagram.zone = meta.zone.raw();
    datagram.vlan = meta.vlan;
    datagram.source_mac = meta.source_mac;
    return datagram;
}

FragmentRange range_of(const PacketMeta& meta) noexcept {
    return {.begin = meta.fragment_begin, .end = meta.fragment_end, .last = meta.last_fragment};
}

FirstFragment first_of(const Burst& burst, const PacketMeta& meta) noexcept {
    FirstFragment first;
    first.key4 = meta.key;
    if (meta.is_ipv6()) first.key6 = burst.keys6[static_cast<std::size_t>(&meta - burst.meta.data())];
    first.source_port = meta.source_port;
    first.destination_port = meta.destination_port;
    first.protocol = meta.protocol;
    first.has_key = meta.fragment_key;
    return first;
}

FlowRef find_flow(const WorkerContext& context, const PacketMeta& meta, const FirstFragment& first) noexcept {
    if (!first.has_key) return {};
    return meta.is_ipv6() ? context.deps.flows.find(first.key6) : context.deps.flows.find(first.key4);
}

// Where the packet's IPv4 header is.
std::uint8_t* ip_of(const Packet& packet) noexcept { return packet.frame() + packet.meta.network; }

void forward_first(WorkerContext& context, const Burst& burst, const Packet& packet) noexcept {
    FragmentTracker& tracker = context.deps.fragments;
    const DatagramKey datagram = datagram_of(packet);
    const FirstFragment first = first_of(burst, packet.meta);
    const FragmentTracker::Begun begun = tracker.begin(datagram, range_of(packet.meta), first, burst.now_ms);
    if (begun.reason != DropReason::kNone) {
        context.drop(packet.mbuf, begun.reason);
        return;
    }
    if (renumbers(packet.meta)) set_identification(ip_of(packet), begun.identification);
    PacketMeta meta = packet.meta;
    meta.fragment = false;
    meta.has_key = meta.fragment_key;
    const Packet whole{.mbuf = packet.mbuf, .meta = meta};
    const unsigned held = context.hold.size();
    const std::uint64_t punted = context.counters.punted.load();
    const FlowRef flow = find_flow(context, meta, first);
    if (flow.record != nullptr) {
        forward_found(context, burst, whole, flow);
    } else {
        decide(context, burst, whole);
    }
    if (context.hold.size() != held) {
        if (renumbers(packet.meta))
            set_identification(ip_of(packet), static_cast<std::uint16_t>(meta.fragment_identification));
        tracker.forget(datagram);
    } else if (context.counters.punted.load() != punted || find_flow(context, meta, first).record != nullptr) {
        tracker.publish(datagram);
    } else {
        tracker.forget(datagram);
    }
}

// RFC 4787 REQ-14, RFC 3022, 4.1: only the addresses; the checksum that covers them went with the first fragment.
bool rewrite_later(const Packet& packet, FlowRef flow, const NextHop& next_hop, std::uint16_t identification) noexcept {
    std::uint8_t* ip = packet.frame() + packet.meta.network;
    if (packet.meta.is_ipv6()) {
        --ip[ipv6::kHopLimit];
    } else {
        --ip[ipv4::kTtl];
        std::uint16_t delta = kTtlDelta;
        if (flow.record->translated()) {
            const bool forward = flow.direction == Direction::kForward;
            store_raw(ip + (forward ? ipv4::kSource : ipv4::kDestination),
                      flow.record->rewrite_address(flow.direction));
            delta = add_deltas(delta, flow.record->address_delta(flow.direction));
            if (flow.record->redirected()) {
                store_raw(ip + (forward ? ipv4::kDestination : ipv4::kSource),
                          flow.record->redirect_address(flow.direction));
                delta = add_deltas(delta, flow.record->redirect_address_delta(flow.direction));
            }
        }
        rewriting::adjust(ip + ipv4::kChecksum, delta);
        if (renumbers(packet.meta)) set_identification(ip, identification);
    }
    return rewriting::finish(packet, next_hop);
}

void forward_by_flow(WorkerContext& context, const Burst& burst, const Packet& packet, FlowRef flow,
                     const DatagramKey& datagram, std::uint16_t identification) noexcept {
    const auto give_up = [&](DropReason reason) { context.drop(packet.mbuf, reason); };
    DropReason reason = recorded_verdict(context, burst, packet, flow);
    if (reason != DropReason::kNone) return give_up(reason);
    Verdict recorded;
    recorded.reason = reason;
    const Permit permit = context.deps.gate.permit(recorded);
    const bool local = flow.record->to_role(flow.direction) == ZoneRole::kAppliance;
    if (local && flow.record->redirected()) return give_up(DropReason::kOrphanFragment);  // the page's are whole
    const NextHop* hop = nullptr;
    if (!local) {
        hop = recorded_next_hop(context, burst, packet, flow);
        if (hop == nullptr) return;
        reason = check_hop(packet.meta, *hop);
        if (reason != DropReason::kNone && !fits_in_fragments(packet.meta, reason)) return give_up(reason);
    }
    // Only now, since a packet that waits for its next hop comes again.
    reason = context.deps.fragments.pass(datagram, range_of(packet.meta));
    if (reason != DropReason::kNone) return give_up(reason);
    if (local) {
        if (renumbers(packet.meta)) set_identification(ip_of(packet), identification);
        return punt_answer(context, burst, packet, flow, permit);
    }
    if (!rewrite_later(packet, flow, *hop, identification)) return give_up(DropReason::kNoMbuf);
    if (packet.meta.ip_length > hop->mtu) return transmit_fragments(context, *hop, permit, packet.mbuf);
    transmit(context, permit, hop->port, packet.mbuf);
}

// To the appliance itself, where there are no flows: the gate is asked with what the first fragment said.
void deliver_later(WorkerContext& context, const Burst& burst, const Packet& packet,
                   const FragmentTracker::Found& known, const DatagramKey& datagram) noexcept {
    const DropReason reason = context.deps.fragments.pass(datagram, range_of(packet.meta));
    if (reason != DropReason::kNone) {
        context.drop(packet.mbuf, reason);
        return;
    }
    if (renumbers(packet.meta)) set_identification(ip_of(packet), known.identification);
    PacketMeta meta = packet.meta;
    meta.protocol = known.first.protocol;
    meta.source_port = known.first.source_port;
    meta.destination_port = known.first.destination_port;
    deliver_local(context, burst, {.mbuf = packet.mbuf, .meta = meta});
}

void wait_for_first(WorkerContext& context, const Burst& burst, const Packet& packet, const DatagramKey& datagram,
                    std::uint32_t epoch) noexcept {
    // Looked for a moment ago: what is published from now on moves the tracker's epoch.
    const FragmentQueue::Entry entry{
        .mbuf = packet.mbuf, .port = burst.port, .since_ms = burst.now_ms, .looked_at = epoch, .datagram = datagram};
    if (!context.fragments.add(entry)) context.drop(packet.mbuf, DropReason::kFragmentLimit);
    context.count_held();
}

void forward_later(WorkerContext& context, const Burst& burst, const Packet& packet) noexcept {
    const DatagramKey datagram = datagram_of(packet);
    const std::uint32_t epoch = context.deps.fragments.epoch();
    const FragmentTracker::Found known = context.deps.fragments.find(datagram, burst.now_ms);
    switch (known.state) {
        case FragmentTracker::State::kUnknown:
            wait_for_first(context, burst, packet, datagram, epoch);
            return;
        case FragmentTracker::State::kSpoilt:
            context.drop(packet.mbuf, DropReason::kFragmentOverlap);
            return;
        case FragmentTracker::State::kKnown:
            break;
    }
    const FlowRef flow = find_flow(context, packet.meta, known.first);
    if (flow.record != nullptr) {
        forward_by_flow(context, burst, packet, flow, datagram, known.identification);
        return;
    }
    const RouteResult route = context.deps.routes.lookup(destination_address(packet.frame(), packet.meta));
    if (route.kind == RouteResult::Kind::kLocal) {
        deliver_later(context, burst, packet, known, datagram);
    } else {
        context.drop(packet.mbuf, DropReason::kOrphanFragment);
    }
}

}  // namespace

void forward_fragment(WorkerContext& context, const Burst& burst, const Packet& packet) noexcept {
    if (packet.meta.first_fragment) {
        forward_first(context, burst, packet);
    } else {
        forward_later(context, burst, packet);
    }
}

// In a loop no more than a burst of each zone is looked for, by turns: what waits must not slow down what comes.
unsigned release_fragments(WorkerContext& context, std::uint32_t now_ms) noexcept {
    if (context.fragments.size() == 0) return 0;
    unsigned released = 0;
    FragmentTracker& tracker = context.deps.fragments;
    const std::uint32_t epoch = tracker.epoch();
    const unsigned turn = context.fragment_turn < context.fragments.size() ? context.fragment_turn : 0;
    context.fragment_turn = turn + kBurst;
    const auto late = [now_ms](const FragmentQueue::Entry& entry) {
        return now_ms - entry.since_ms >= FragmentQueue::kTimeoutMs;
    };
    for (std::uint8_t port = 0; port < context.deps.ports.size(); ++port) {
        unsigned position = 0;
        const auto known = [&](FragmentQueue::Entry& entry) {
            const unsigned at = position++;
            if (at < turn || at >= turn + kBurst || entry.looked_at == epoch) return false;
            entry.looked_at = epoch;
            return tracker.find(entry.datagram, now_ms).state != FragmentTracker::State::kUnknown;
        };
        const std::uint16_t count = context.fragments.take(port, context.burst.packets.data(), kBurst, known);
        if (count > 0) process(context, port, count, now_ms);
        released += count;
        drop_waiting(context, context.fragments, port, DropReason::kFragmentTimeout, late);
    }
    context.count_held();
    return released;
}

void drop_fragments(WorkerContext& context) noexcept {
    for (std::uint8_t port = 0; port < context.deps.ports.size(); ++port) {
        drop_waiting(context, context.fragments, port, DropReason::kFragmentTimeout,
                     [](const FragmentQueue::Entry&) { return true; });
    }
    context.count_held();
}

}  // namespace heartgate::dataplane
