// SPDX-License-Identifier: Apache-2.0
// Which of up to ten thousand patterns is the first one that matches a packet: rte_acl tries, one per address family,
// immutable once built. What a match means is the caller's.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <tl/expected.hpp>
#include <vector>

#include "dataplane/policy/network.h"
#include "dataplane/port/zone.h"

struct rte_acl_ctx;

namespace heartgate::dataplane {

struct Question;

// Protocol and destination ports; of ICMP the "port" is the type.
struct Service {
    std::uint8_t protocol = 0;  // 0: any
    std::uint16_t port_from = 0;
    std::uint16_t port_to = 0xffff;
};

class RuleIndex {
public:
    // The most entries of a trie: a pattern makes one for each combination of its networks and services.
    static constexpr std::size_t kMostEntries = 16'384;

    struct Pattern {
        std::optional<Zone> from_zone;  // nothing: any
        std::optional<Zone> to_zone;
        std::span<const Network> from;  // empty: any
        std::span<const Network> to;
        std::span<const Service> services;
    };

    RuleIndex() = default;  // nothing matches

    // Needs EAL's memory; takes up to seconds, so never on a worker. Errors: one sentence that says what is too large.
    [[nodiscard]] static tl::expected<RuleIndex, std::string> build(const std::vector<Pattern>& patterns);

    // Position, from 1, of the first pattern that matches zones, addresses and service; 0: none, also if the addresses
    // are not of one family.
    [[nodiscard]] std::uint32_t first(const Question& question) const noexcept;

private:
    struct Free {
        void operator()(rte_acl_ctx* trie) const noexcept;
    };
    using Trie = std::unique_ptr<rte_acl_ctx, Free>;

    Trie ipv4_;  // null: no pattern is for this family
    Trie ipv6_;
};

}  // namespace heartgate::dataplane
