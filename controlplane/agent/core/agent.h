// SPDX-License-Identifier: Apache-2.0
// The agent without its operating system: what is found goes into the health, what the health is goes to the gateway,
// what the gateway says goes to the user. One mutex over all of it; nothing is waited for while it is held, so a
// detection is on its way within microseconds.
#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <vector>

#include "controlplane/agent/core/health.h"
#include "controlplane/agent/core/notice.h"
#include "controlplane/agent/core/session.h"

namespace heartgate::control::agent {

// What the system says about the machine.
struct MachineFacts {
    std::string host;
    std::string user;
    std::string os;
    std::vector<v1::Interface> interfaces;
};

class Agent {
public:
    struct Parts {
        const Clock& clock;
        Transport& transport;
        Notifier& notifier;
        std::function<double()> random;  // 0 <= x < 1
    };

    // Takes the state of a former run; findings go on until cleaned() of their paths.
    Agent(const Config& config, const heartgate::agent::v1::AgentState& state, const Boot& boot, Parts parts);

    // Finding, clean-up. detected() reports before it returns; false: known already, there is nothing to do.
    bool detected(const Detection& detection, std::uint64_t monotonic_ns);
    void not_cleaned(const Detection& detection, const std::string& problem);
    // kept_as: where a harmless copy is; empty: nowhere, or somebody else removed it.
    void cleaned(const Detection& detection, const std::string& kept_as);
    [[nodiscard]] std::vector<Detection> unclean() const;

    void set_watchers(const Watchers& watchers);
    void set_facts(const MachineFacts& facts);

    // The session. enrolled() allows it to begin; again after a renewal, to use the new certificate.
    void enrolled(std::int64_t certificate_not_after_unix_s);
    void directive(std::uint64_t stream, const v1::Directive& directive);
    void closed(std::uint64_t stream, CloseCause cause, const std::string& message);
    void goodbye();
    // The machines to keep away from, while the gateway says so; nothing without a stream: what was said may be about
    // another network.
    [[nodiscard]] std::optional<std::vector<v1::Peer>> refused_peers() const;
    // The gateway asked for a new certificate since this was asked last.
    bool take_renewal_wish();

    // Does what is due; gives when it wants to be called again, by the monotonic clock.
    Milliseconds advance();
    // The state, if it has to be written since this was asked last.
    std::optional<heartgate::agent::v1::AgentState> take_state();
    [[nodiscard]] heartgate::agent::v1::AgentStatus status() const;

private:
    void report(std::uint64_t detected_monotonic_ns, Moment now);
    [[nodiscard]] v1::Heartbeat heartbeat() const;

    mutable std::mutex mutex_;
    const Clock& clock_;
    Notifier& notifier_;
    Health health_;
    Sequence sequence_;
    Session session_;

    MachineFacts facts_;
    v1::Directive directive_;
    bool directed_ = false;
    bool enrolled_ = false;
    bool renewal_wished_ = false;
    bool state_changed_ = true;
    std::int64_t certificate_not_after_ = 0;
    std::string connection_error_;
};

}  // namespace heartgate::control::agent
