// SPDX-License-Identifier: Apache-2.0
// A policy as workers read it: immutable, rules in order, first match by rte_acl. Built off the workers, swapped by the
// gate.
// What a match means for a packet is decided in gate.cpp.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "dataplane/contract/heartbeat_condition.h"
#include "dataplane/policy/network.h"
#include "dataplane/policy/published_services.h"
#include "dataplane/policy/rule_index.h"
#include "dataplane/port/zone_table.h"

namespace heartgate::v1 {
class Policy;
}

namespace heartgate::dataplane {

struct Question;

class CompiledPolicy {
public:
    // The most rules, and the most networks and services of a rule or of the allowed list.
    static constexpr int kMostRules = 10'000;
    static constexpr int kMostMatches = 4'096;

    enum class Action : std::uint8_t { kAccept, kDrop, kReject };
    struct Rule {
        std::uint32_t id = 0;  // position from 1
        Action action = Action::kDrop;
        bool answer = false;            // tell a LAN machine whose packets this rule does not let pass
        std::optional<Zone> from_zone;  // nothing: any
        std::optional<Zone> to_zone;
        contract::HeartbeatCondition source;
        contract::HeartbeatCondition destination;
        std::vector<Network> from;  // empty: any
        std::vector<Network> to;
        std::vector<Service> services;
    };
    struct Allowed {
        Network network;
        Service service;
    };

    // Errors: one sentence that names the rule, the field, what was found and what is allowed.
    // Needs EAL; ten thousand rules take up to seconds.
    [[nodiscard]] static tl::expected<std::unique_ptr<CompiledPolicy>, std::string> build(const v1::Policy& policy,
                                                                                          const ZoneTable& zones);

    // The first rule that matches zones, networks and service; nullptr: none (rule 0).
    [[nodiscard]] const Rule* match(const Question& question) const noexcept;
    // Does the rule ask for an answer to what it does not let pass? 0 and unknown ids: no.
    [[nodiscard]] bool answers(std::uint32_t id) const noexcept {
        return id != 0 && id <= rules_.size() && rules_[id - 1].answer;
    }
    // Whether a machine that is cut off may reach this destination.
    [[nodiscard]] bool allowed(const Question& question) const noexcept;

    // The machine behind a WAN address and port; nullptr: nothing is published there.
    [[nodiscard]] const PublishedService* published(std::uint8_t protocol, const IpAddress& address,
                                                    std::uint16_t port) const noexcept {
        return published_.find(protocol, address, port);
    }
    // Of a question that was redirected so: is it still published, and for its source?
    [[nodiscard]] bool publishes(const Question& question) const noexcept;
    [[nodiscard]] const PublishedServices& published() const noexcept { return published_; }

    [[nodiscard]] std::uint64_t revision() const noexcept { return revision_; }
    [[nodiscard]] const std::vector<Rule>& rules() const noexcept { return rules_; }

private:
    CompiledPolicy() = default;
    // Error: as of build().
    [[nodiscard]] tl::expected<void, std::string> index();

    std::vector<Rule> rules_;
    std::vector<Allowed> allowed_;
    PublishedServices published_;
    RuleIndex rule_index_;
    RuleIndex allowed_index_;
    std::uint64_t revision_ = 0;
};

}  // namespace heartgate::dataplane
