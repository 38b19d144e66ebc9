// SPDX-License-Identifier: Apache-2.0
// How much of each kind may go to Linux: per sender, so that one machine cannot take the others' share, and in all, so
// that Linux keeps up. Machines with a binding, without one and the WAN have a share each: made-up MACs exhaust that of
// unknown machines alone. Buckets of one worker.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/worker/token_bucket.h"

namespace heartgate::dataplane {

enum class PuntKind : std::uint8_t {
    kNeighbour,     // ARP and Neighbour Discovery
    kDhcp,          // also DHCPv6
    kHeartbeatSyn,  // that opens a connection to the heartbeat address
    kHeartbeat,
    kOther,   // DNS, ping, administration
    kAnswer,  // of flows that Linux has opened
    kCount
};

// Packets per second of each worker; 0: as many as come.
struct PuntRate {
    std::uint32_t per_sender = 0;  // MAC address; IP address in a routed zone
    std::uint32_t total = 0;       // of each group
};

struct PuntRates {
    static constexpr std::size_t kKinds = static_cast<std::size_t>(PuntKind::kCount);

    std::array<PuntRate, kKinds> rates{{{.per_sender = 50, .total = 2'000},
                                        {.per_sender = 20, .total = 500},
                                        {.per_sender = 50, .total = 2'000},
                                        {.per_sender = 5'000, .total = 50'000},
                                        {.per_sender = 500, .total = 5'000},
                                        {.per_sender = 50'000, .total = 100'000}}};

    [[nodiscard]] const PuntRate& operator[](PuntKind kind) const noexcept {
        return rates[static_cast<std::size_t>(kind)];
    }
    [[nodiscard]] PuntRate& operator[](PuntKind kind) noexcept { return rates[static_cast<std::size_t>(kind)]; }
};

class PuntLimit {
public:
    enum class Group : std::uint8_t { kKnown, kUnknown, kWan };

    PuntLimit(const PuntRates& rates, std::uint64_t seed) : rates_{rates}, senders_{seed} {}

    [[nodiscard]] bool take(PuntKind kind, Group group, std::uint64_t sender, std::uint32_t now_ms) noexcept {
        const auto index = static_cast<std::size_t>(kind);
        const PuntRate& rate = rates_.rates[index];
        // The sender's first: what one sends too much takes nothing from the others.
        return senders_.of(sender)[index].take(rate.per_sender, now_ms) &&
               totals_[static_cast<std::size_t>(group)][index].take(rate.total, now_ms);
    }

private:
    using Buckets = std::array<TokenBucket, PuntRates::kKinds>;

    PuntRates rates_;
    PerSender<Buckets> senders_;
    std::array<Buckets, 3> totals_;
};

}  // namespace heartgate::dataplane
