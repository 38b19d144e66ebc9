// SPDX-License-Identifier: Apache-2.0
// How many NAT mappings each inside address has, so that one machine cannot take all ports (RFC 6888 REQ-4).
// Everything is reserved at start. Not thread-safe: NatPool's.
#pragma once

#include <cstdint>
#include <memory_resource>
#include <vector>

#include "dataplane/flow/key_hash.h"

namespace heartgate::dataplane {

class HostQuota {
public:
    // `most` mappings per address, 0: no limit, and nothing is counted; `hosts`: the most addresses at a time.
    HostQuota(std::uint32_t most, std::uint32_t hosts, const KeyHash& hash, std::pmr::memory_resource* memory);

    // One more mapping of `address` (network order). False: it has `most`, or there are too many addresses.
    [[nodiscard]] bool take(std::uint32_t address) noexcept;
    void give(std::uint32_t address) noexcept;

private:
    struct Host {
        std::uint32_t address = 0;
        std::uint32_t mappings = 0;  // 0: an empty slot
    };

    [[nodiscard]] std::uint32_t home(std::uint32_t address) const noexcept;
    [[nodiscard]] std::uint32_t find(std::uint32_t address) const noexcept;
    void erase(std::uint32_t slot) noexcept;

    std::uint32_t most_;
    std::uint32_t room_;
    const KeyHash& hash_;
    std::pmr::vector<Host> slots_;  // open addressing, linear probing, at most half full
};

}  // namespace heartgate::dataplane
