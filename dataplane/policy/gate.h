// SPDX-License-Identifier: Apache-2.0
// The one gate: every way to tx asks it, and only its Permit can be sent.
// What a rule says is in policy/compiled_policy.h; where packets go is the route table's.
#pragma once

#include <atomic>
#include <cstdint>

#include "dataplane/contract/drop_reason.h"
#include "dataplane/contract/endpoint_word.h"
#include "dataplane/endpoint/endpoint_table.h"
#include "dataplane/packet/address.h"
#include "dataplane/port/zone.h"

namespace heartgate::dataplane {

class CompiledPolicy;

// Everything a decision depends on: always the initiator's original tuple, never a translated one.
struct Question {
    Zone from = Zone::kLan;
    Zone to = Zone::kWan;
    std::uint8_t protocol = 0;  // IPPROTO_*
    IpAddress source;
    IpAddress destination;
    std::uint16_t source_port = 0;       // host order; ICMP echo: identifier
    std::uint16_t destination_port = 0;  // host order; ICMP: type of the first packet
    std::uint32_t source_endpoint = 0;   // index, 0: none
    std::uint32_t destination_endpoint = 0;
};

// Proof that the gate let a packet pass. Nobody else can make one; the tx stage and the kernel path take nothing else.
class Permit {
private:
    friend class Gate;
    Permit() = default;
};

struct Verdict {
    contract::DropReason reason = contract::DropReason::kDefaultDrop;  // kNone: passes
    std::uint32_t rule = 0;                                            // id of the rule that matched, 0: none
    std::uint32_t policy_epoch = 0;
    contract::EndpointWord source_word;  // as it was read for this verdict
    contract::EndpointWord destination_word;

    [[nodiscard]] bool passes() const noexcept { return reason == contract::DropReason::kNone; }
};

class Gate {
public:
    explicit Gate(const EndpointTable& endpoints) noexcept : endpoints_{endpoints} {}

    // Reader: any worker between two quiescent points. The one evaluator: workers, explain and simulate share it.
    // Without a policy, or before END_OF_SYNC, transit gets kNotReady; local traffic is decided by the local-in table.
    [[nodiscard]] Verdict decide(const Question& question) const noexcept;

    // A permit for a passing verdict. Precondition: verdict.passes(). On a hit the caller has checked that generation
    // and epoch still match, or has decided anew.
    [[nodiscard]] Permit permit(const Verdict& verdict) const noexcept;

    [[nodiscard]] std::uint32_t policy_epoch() const noexcept { return epoch_.load(std::memory_order_acquire); }

    // Writer: the control thread. Returns the policy that was in force, to be deleted after a grace period.
    [[nodiscard]] const CompiledPolicy* swap(const CompiledPolicy* policy) noexcept;
    // Writer: the health consumer, at END_OF_SYNC and at start. Changes the epoch.
    void set_ready(bool ready) noexcept;

private:
    const EndpointTable& endpoints_;
    std::atomic<const CompiledPolicy*> policy_{nullptr};
    std::atomic<std::uint32_t> epoch_{1};
    std::atomic<bool> ready_{false};
};

}  // namespace heartgate::dataplane
