// SPDX-License-Identifier: Apache-2.0
// The one gate: every way to tx asks it, and only its Permit can be sent.
// What a rule says is in policy/compiled_policy.h; where packets go is the route table's.
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>

#include "dataplane/contract/drop_reason.h"
#include "dataplane/contract/endpoint_word.h"
#include "dataplane/endpoint/endpoint_table.h"
#include "dataplane/packet/address.h"
#include "dataplane/policy/local_in.h"
#include "dataplane/port/zone.h"

namespace heartgate::dataplane {

class CompiledPolicy;
struct PublishedService;

// Why a packet goes elsewhere than its initiator wrote (destination NAT).
enum class Redirect : std::uint8_t {
    kNone,
    kPublished,  // to a WAN address and port that the policy publishes
    kPage,       // plain HTTP of a machine that is cut off, to the page that says why
    kHairpin,    // from the LAN to the WAN address and port of another machine of the LAN (RFC 4787 REQ-9)
};

// Everything a decision depends on: always the initiator's original tuple, never a translated source. Where the
// destination is redirected, it is the one that really gets the packet: that is the machine which rules and heartbeat
// conditions speak of.
struct Question {
    Zone from;
    Zone to;
    std::uint16_t ether_type = ethernet::kIpv4;  // host order; not IP (ARP): the fields below stay zero
    std::uint8_t protocol = 0;                   // IPPROTO_*
    IpAddress source{};
    IpAddress destination{};
    std::uint16_t source_port = 0;       // host order; ICMP echo: identifier
    std::uint16_t destination_port = 0;  // host order; ICMP and ICMPv6: type of the first packet
    std::uint32_t source_endpoint = 0;   // index, 0: none
    std::uint32_t destination_endpoint = 0;
    bool source_spoofed = false;  // the binding table says so: only what anyone may reach, nothing in transit
    Redirect redirect = Redirect::kNone;
    IpAddress asked{};             // of a redirected one: the destination as the initiator wrote it
    std::uint16_t asked_port = 0;  // host order
    Zone asked_to{};               // to the page: where the packet was to go
};

// Proof that the gate let a packet pass. Nobody else can make one; the tx stage and the kernel path take nothing else.
class Permit {
private:
    friend class Gate;
    Permit() = default;
};

struct Verdict {
    contract::DropReason reason = contract::DropReason::kDefaultDrop;  // kNone: passes
    std::uint32_t rule = 0;  // id of the rule that matched, also where isolation outranked it; 0: none
    std::uint32_t policy_epoch = 0;
    contract::EndpointWord source_word;  // as it was read for this verdict
    contract::EndpointWord destination_word;

    [[nodiscard]] bool passes() const noexcept { return reason == contract::DropReason::kNone; }
};

class Gate {
public:
    explicit Gate(const EndpointTable& endpoints, LocalInOptions local_in = {});
    Gate(const Gate&) = delete;
    Gate& operator=(const Gate&) = delete;
    ~Gate();  // deletes the policy in force

    // Reader: any worker between two quiescent points. The one evaluator: workers, explain and simulate share it.
    // Without a policy, or before END_OF_SYNC, transit gets kNotReady. To the appliance itself: the local-in table
    // (policy/local_in.h), policy or not. What the appliance itself sends passes, to an isolated machine only answers
    // of what the machine may reach.
    [[nodiscard]] Verdict decide(const Question& question) const noexcept;

    // From the appliance: an answer to what the local-in table lets in, for which no flow is needed. `isolated`: is the
    // receiver?
    [[nodiscard]] bool answers_service(const Question& question, bool isolated) const noexcept;
    // Reader: this was refused for `reason`: is it sent to the page instead? Plain HTTP over IPv4 of a LAN machine that
    // is cut off.
    [[nodiscard]] bool sent_to_page(const Question& question, contract::DropReason reason) const noexcept;
    // Reader: is TCP from the LAN to this port, refused for `reason`, reset at once, whatever the rule says? A browser
    // is to give up and ask anew, of the page or, once the machine is released, of the real site.
    [[nodiscard]] bool resets_browser(Zone from, std::uint16_t port, contract::DropReason reason) const noexcept;
    [[nodiscard]] const PageAddress& page() const noexcept { return local_in_.page; }

    // Reader: is the sender told that its packet was refused for `reason`, under this rule? Only what rules, conditions
    // and isolation refuse is answered, and only what comes from the LAN.
    [[nodiscard]] bool answers(Zone from, contract::DropReason reason, std::uint32_t rule) const noexcept;

    // Reader: the machine and port behind a WAN address and port, if the policy publishes that; nullptr: it does not.
    // Valid until the next quiescent point.
    [[nodiscard]] const PublishedService* published(const Question& question) const noexcept;

    // A permit for a passing verdict. Precondition: verdict.passes(). On a hit the caller has checked that generation
    // and epoch still match, or has decided anew.
    [[nodiscard]] Permit permit([[maybe_unused]] const Verdict& verdict) const noexcept {
        assert(verdict.passes());
        return {};
    }

    [[nodiscard]] std::uint32_t policy_epoch() const noexcept { return epoch_.load(std::memory_order_acquire); }

    // Writer: the control thread. Takes ownership. Returns the policy that was in force, to be deleted after a grace
    // period (Quiescence::synchronize).
    [[nodiscard]] const CompiledPolicy* swap(const CompiledPolicy* policy) noexcept;
    // Writer: the health consumer, at END_OF_SYNC and at start. Changes the epoch.
    void set_ready(bool ready) noexcept;
    [[nodiscard]] bool ready() const noexcept { return ready_.load(std::memory_order_relaxed); }

    // What a packet to the appliance itself is addressed to.
    [[nodiscard]] LocalTarget target(const Question& question) const noexcept;

private:
    [[nodiscard]] contract::DropReason from_appliance(const Question& question, bool isolated) const noexcept;
    [[nodiscard]] contract::DropReason local_in(const Question& question, bool isolated) const noexcept;
    void decide_transit(const Question& question, Verdict& verdict) const noexcept;
    void decide_page(const Question& question, Verdict& verdict) const noexcept;

    const EndpointTable& endpoints_;
    const LocalInOptions local_in_;
    std::atomic<const CompiledPolicy*> policy_{nullptr};
    std::atomic<std::uint32_t> epoch_{1};
    std::atomic<bool> ready_{false};
};

}  // namespace heartgate::dataplane
