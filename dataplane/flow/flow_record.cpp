// SPDX-License-Identifier: Apache-2.0
// Rewriting a published record; see the header for who may and in which order.
#include "dataplane/flow/flow_record.h"

#include <arpa/inet.h>

namespace heartgate::dataplane {

namespace {

// Counters that wrap: is `a` later than `b`?
bool later(std::uint32_t a, std::uint32_t b) noexcept { return static_cast<std::int32_t>(a - b) > 0; }

}  // namespace

Question FlowRecord::question() const noexcept {
    Question question;
    question.from = from(Direction::kForward);
    question.to = to(Direction::kForward);
    question.ether_type = ipv6() ? ethernet::kIpv6 : ethernet::kIpv4;
    question.protocol = protocol_;
    question.source = ipv6() ? ends_.addresses[0] : IpAddress::from_ipv4(inside().source);
    question.destination = ipv6() ? ends_.addresses[1] : IpAddress::from_ipv4(outside().source);
    question.source_port = source_port_;
    question.destination_port = destination_port_;
    question.source_endpoint = endpoint(0);
    question.destination_endpoint = endpoint(1);
    question.redirect = redirect_;
    question.asked_to = asked_to_;
    if (redirected()) {
        question.asked = IpAddress::from_ipv4(inside().destination);
        question.asked_port = ntohs(inside().destination_port);
    }
    return question;
}

bool FlowRecord::words_stand(const EndpointTable& endpoints) const noexcept {
    const auto stands = [&](Direction direction) {
        const std::size_t side = index(direction);
        return !is_inside(from_role(direction)) || word(side) == endpoints.word(endpoint(side));
    };
    return stands(Direction::kForward) && stands(Direction::kReply);
}

bool FlowRecord::try_store(const Decision& decision) noexcept {
    if (!claim()) return false;
    // A worker that was slow must not overwrite what another one found out under a later generation.
    const bool fresh = !later(generation_.load(std::memory_order_relaxed), decision.generation);
    if (fresh) {
        reason_.store(static_cast<std::uint8_t>(decision.verdict.reason), std::memory_order_relaxed);
        rule_.store(decision.verdict.rule, std::memory_order_relaxed);
        endpoint_[0].store(decision.source_endpoint, std::memory_order_release);
        endpoint_[1].store(decision.destination_endpoint, std::memory_order_release);
        word_[0].store(decision.verdict.source_word.raw(), std::memory_order_release);
        word_[1].store(decision.verdict.destination_word.raw(), std::memory_order_release);
        // Where packets went under the former decision need not be the machine that this one is about.
        for (auto& next_hop : next_hop_) next_hop.store(kUnknownNextHop, std::memory_order_release);
        lan_mac_.store(decision.lan_mac, std::memory_order_release);
        policy_epoch_.store(decision.verdict.policy_epoch, std::memory_order_release);
        generation_.store(decision.generation, std::memory_order_release);
    }
    unclaim();
    return fresh;
}

bool FlowRecord::try_refresh(std::uint32_t generation, const EndpointTable& endpoints) noexcept {
    if (!claim()) return false;
    const bool stands = !later(generation_.load(std::memory_order_relaxed), generation) && words_stand(endpoints);
    if (stands) generation_.store(generation, std::memory_order_release);
    unclaim();
    return stands;
}

bool FlowRecord::try_route(Direction direction, std::uint16_t next_hop, std::uint32_t epoch) noexcept {
    if (!claim()) return false;
    const std::uint32_t before = route_epoch_.load(std::memory_order_relaxed);
    const bool fresh = !later(before, epoch);
    if (fresh) {
        if (before != epoch) next_hop_[index(opposite(direction))].store(kUnknownNextHop, std::memory_order_relaxed);
        next_hop_[index(direction)].store(next_hop, std::memory_order_relaxed);
        route_epoch_.store(epoch, std::memory_order_release);
    }
    unclaim();
    return fresh;
}

}  // namespace heartgate::dataplane
