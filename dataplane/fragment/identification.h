// SPDX-License-Identifier: Apache-2.0
// IPv4 identifications of the appliance's own, for the fragments that leave with its address: two machines behind NAT
// may choose the same one towards the same server, which would then mix their datagrams up (RFC 4963, RFC 6864 5.3).
// No two of 65,536 in a row are the same, and from some the others cannot be guessed: a counter, encrypted.
#pragma once

#include <atomic>
#include <cstdint>

#include "dataplane/flow/key_hash.h"

namespace heartgate::dataplane {

class Identifications {
public:
    explicit Identifications(const KeyHash& hash) : hash_{hash} {}

    // Any worker.
    [[nodiscard]] std::uint16_t next() noexcept { return permute(count_.fetch_add(1, std::memory_order_relaxed)); }

private:
    // A Feistel network (Luby and Rackoff, 1988) over two halves of eight bits.
    [[nodiscard]] std::uint16_t permute(std::uint32_t count) const noexcept {
        constexpr std::uint16_t kRounds = 4;
        FlowKey4 input;
        input.port = 0xfd;  // no flow key has this one
        std::uint32_t left = (count >> 8U) & 0xffU;
        std::uint32_t right = count & 0xffU;
        for (std::uint16_t round = 0; round < kRounds; ++round) {
            input.source = right;
            input.vlan = round;
            const std::uint32_t mixed = left ^ (hash_(input) & 0xffU);
            left = right;
            right = mixed;
        }
        return static_cast<std::uint16_t>(left << 8U | right);
    }

    const KeyHash& hash_;
    std::atomic<std::uint32_t> count_{0};
};

}  // namespace heartgate::dataplane
