// SPDX-License-Identifier: Apache-2.0
// The decision, in the order in which it is made. See the header for who calls it.
#include "dataplane/policy/gate.h"

#include <algorithm>
#include <utility>

#include "dataplane/contract/heartbeat_condition.h"
#include "dataplane/packet/headers.h"
#include "dataplane/policy/compiled_policy.h"

namespace heartgate::dataplane {

using contract::DropReason;

namespace {

bool is_ip(std::uint16_t ether_type) { return ether_type == ethernet::kIpv4 || ether_type == ethernet::kIpv6; }

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;

// Reasons that lie in the sender's own state.
bool cut_off(DropReason reason) {
    return reason == DropReason::kIsolatedSource || reason == DropReason::kSourceHeartbeat;
}

bool matches(const LocalService& service, const Question& question, LocalTarget target, std::uint16_t heartbeat_port) {
    if ((service.side == Side::kInside) != question.from.is_inside() || service.ether_type != question.ether_type ||
        service.target != target) {
        return false;
    }
    if (service.protocol != 0 && service.protocol != question.protocol) return false;
    if (service.target == LocalTarget::kHeartbeat && service.port_from == kHeartbeatPort) {
        return question.destination_port == heartbeat_port;
    }
    return question.destination_port >= service.port_from && question.destination_port <= service.port_to;
}

}  // namespace

Gate::Gate(const EndpointTable& endpoints, LocalInOptions local_in)
    : endpoints_{endpoints}, local_in_{std::move(local_in)} {}

Gate::~Gate() { delete policy_.load(std::memory_order_relaxed); }

// The epoch is loaded before policy and readiness: what they say is at least as new as the epoch in the verdict, so a
// verdict never looks newer than it is.
Verdict Gate::decide(const Question& question) const noexcept {
    Verdict verdict;
    verdict.policy_epoch = policy_epoch();
    verdict.source_word = endpoints_.word(question.source_endpoint);
    verdict.destination_word = endpoints_.word(question.destination_endpoint);
    if (question.redirect == Redirect::kPage) {
        decide_page(question, verdict);
    } else if (question.from.is_appliance()) {
        verdict.reason = from_appliance(question, verdict.destination_word.state().isolated);
    } else if (question.to.is_appliance()) {
        verdict.reason = local_in(question, verdict.source_word.state().isolated);
    } else {
        decide_transit(question, verdict);
    }
    return verdict;
}

void Gate::decide_transit(const Question& question, Verdict& verdict) const noexcept {
    const CompiledPolicy* policy = policy_.load(std::memory_order_acquire);
    if (policy == nullptr || !ready_.load(std::memory_order_acquire)) {
        verdict.reason = DropReason::kNotReady;
        return;
    }
    if (!is_ip(question.ether_type)) return;  // rules speak of IP
    if (question.source_spoofed) {
        verdict.reason = DropReason::kSpoofedAddress;
        return;
    }

    if (question.redirect == Redirect::kPublished && !policy->publishes(question)) {
        verdict.reason = question.from.is_wan() ? DropReason::kUnsolicited : DropReason::kLocalIn;
        return;
    }

    const contract::EndpointState source = verdict.source_word.state();
    const contract::EndpointState destination = verdict.destination_word.state();
    // Looked up for those alone who need it.
    const auto remediation = [&] { return question.from.is_inside() && policy->allowed(question); };

    const CompiledPolicy::Rule* rule = policy->match(question);
    verdict.rule = rule == nullptr ? 0 : rule->id;
    // Isolation outranks every rule, on both sides.
    if (destination.isolated) {
        verdict.reason = DropReason::kIsolatedDestination;
        return;
    }
    if (source.isolated) {
        verdict.reason = remediation() ? DropReason::kNone : DropReason::kIsolatedSource;
        return;
    }

    if (rule == nullptr) {
        verdict.reason = question.from.is_wan() ? DropReason::kUnsolicited : DropReason::kDefaultDrop;
        return;
    }
    if (rule->action != CompiledPolicy::Action::kAccept) {
        const bool drop = rule->action == CompiledPolicy::Action::kDrop;
        verdict.reason = drop ? DropReason::kRuleDrop : DropReason::kRuleReject;
        return;
    }
    // A failed condition drops; it never falls through to a later rule.
    if (!contract::passes(rule->destination, destination)) {
        verdict.reason = DropReason::kDestinationHeartbeat;
    } else if (!contract::passes(rule->source, source) && !remediation()) {
        verdict.reason = DropReason::kSourceHeartbeat;
    } else {
        verdict.reason = DropReason::kNone;
    }
}

// As long as the machine is cut off from where it wanted to go, and no longer.
void Gate::decide_page(const Question& question, Verdict& verdict) const noexcept {
    Question wanted = question;
    wanted.to = question.asked_to;
    wanted.redirect = Redirect::kNone;
    wanted.destination = question.asked;
    wanted.destination_port = question.asked_port;
    decide_transit(wanted, verdict);
    if (verdict.passes()) {
        verdict.reason = DropReason::kPageOver;
    } else if (cut_off(verdict.reason)) {
        verdict.reason = DropReason::kNone;
    }
}

bool Gate::sent_to_page(const Question& question, DropReason reason) const noexcept {
    return local_in_.page.port != 0 && cut_off(reason) && question.from.is_inside() && question.to.is_wan() &&
           question.ether_type == ethernet::kIpv4 && question.protocol == IPPROTO_TCP &&
           question.destination_port == kHttpPort;
}

bool Gate::resets_browser(Zone from, std::uint16_t port, DropReason reason) const noexcept {
    if (local_in_.page.port == 0 || !from.is_inside()) return false;
    return reason == DropReason::kPageOver || (cut_off(reason) && (port == kHttpPort || port == kHttpsPort));
}

const PublishedService* Gate::published(const Question& question) const noexcept {
    const CompiledPolicy* policy = policy_.load(std::memory_order_acquire);
    return policy == nullptr ? nullptr
                             : policy->published(question.protocol, question.destination, question.destination_port);
}

bool Gate::answers(Zone from, DropReason reason, std::uint32_t rule) const noexcept {
    if (!from.is_inside()) return false;
    switch (reason) {
        case DropReason::kRuleReject:
        case DropReason::kIsolatedSource:
        case DropReason::kIsolatedDestination:
        case DropReason::kSourceHeartbeat:
        case DropReason::kDestinationHeartbeat: {
            const CompiledPolicy* policy = policy_.load(std::memory_order_acquire);
            return policy != nullptr && policy->answers(rule);
        }
        default:
            return false;
    }
}

LocalTarget Gate::target(const Question& question) const noexcept {
    if (!is_ip(question.ether_type)) return LocalTarget::kLinkLayer;
    const auto& bytes = question.destination.bytes;
    if (question.ether_type == ethernet::kIpv4) {
        if (question.destination.ipv4() == INADDR_BROADCAST) return LocalTarget::kBroadcast;
        if ((bytes[12] & 0xf0U) == 0xe0U) return LocalTarget::kMulticast;  // RFC 5771
    } else if (bytes[0] == 0xff) {
        return LocalTarget::kMulticast;  // RFC 4291, 2.7
    }
    const auto& virtual_ones = local_in_.heartbeat_addresses;
    return std::find(virtual_ones.begin(), virtual_ones.end(), question.destination) != virtual_ones.end()
               ? LocalTarget::kHeartbeat
               : LocalTarget::kOwn;
}

// The question that the answer's receiver would have asked before.
bool Gate::answers_service(const Question& question, bool isolated) const noexcept {
    if (!is_ip(question.ether_type)) return true;  // ARP
    Question asked;
    asked.from = question.to;
    asked.to = kAppliance;
    asked.ether_type = question.ether_type;
    asked.protocol = question.protocol;
    asked.source = question.destination;
    asked.destination = question.source;
    asked.source_port = question.destination_port;
    asked.destination_port = question.source_port;
    if (question.protocol == IPPROTO_ICMP || question.protocol == IPPROTO_ICMPV6) {
        const bool ipv6 = question.protocol == IPPROTO_ICMPV6;
        const bool reply = question.destination_port == (ipv6 ? icmp::kV6EchoReply : icmp::kEchoReply);
        const std::uint8_t request = ipv6 ? icmp::kV6EchoRequest : icmp::kEchoRequest;
        asked.destination_port = reply ? request : question.destination_port;
        if (question.destination_port == request) return false;  // it asks itself
    }
    return local_in(asked, isolated) == DropReason::kNone;
}

// An isolated machine gets answers of the services that it may reach, and nothing else.
DropReason Gate::from_appliance(const Question& question, bool isolated) const noexcept {
    return !isolated || answers_service(question, true) ? DropReason::kNone : DropReason::kIsolatedDestination;
}

DropReason Gate::local_in(const Question& question, bool isolated) const noexcept {
    const LocalTarget to = target(question);
    for (const LocalService& service : kLocalIn) {
        if (!matches(service, question, to, local_in_.heartbeat_port)) continue;
        if (service.audience == Audience::kAnyone) return DropReason::kNone;
        if (question.source_spoofed) return DropReason::kSpoofedAddress;
        switch (service.audience) {
            case Audience::kAnyone:
                break;
            case Audience::kPingedWan:
                return local_in_.wan_ping ? DropReason::kNone : DropReason::kLocalIn;
            case Audience::kNotIsolated:
                if (isolated) return DropReason::kIsolatedSource;
                // Nobody knows yet who is isolated.
                return ready() ? DropReason::kNone : DropReason::kNotReady;
            case Audience::kAdministration: {
                if (isolated) return DropReason::kIsolatedSource;
                const auto& named = local_in_.administration;
                const bool may = std::any_of(named.begin(), named.end(), [&question](const Network& network) {
                    return network.contains(question.source);
                });
                return may ? DropReason::kNone : DropReason::kLocalIn;
            }
        }
    }
    return DropReason::kLocalIn;
}

const CompiledPolicy* Gate::swap(const CompiledPolicy* policy) noexcept {
    const CompiledPolicy* previous = policy_.exchange(policy, std::memory_order_acq_rel);
    epoch_.fetch_add(1, std::memory_order_release);
    return previous;
}

void Gate::set_ready(bool ready) noexcept {
    ready_.store(ready, std::memory_order_release);
    epoch_.fetch_add(1, std::memory_order_release);
}

}  // namespace heartgate::dataplane
