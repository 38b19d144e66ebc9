// SPDX-License-Identifier: Apache-2.0
// Key -> 32-bit value: rte_hash with lock-free readers. Nothing else knows of rte_hash, so another table can take its
// place. Writers are serialised by the caller; a removed key's slot is given back by the caller after a grace period.
#pragma once

#include <cstdint>

#include "dataplane/flow/flow_key.h"

struct rte_hash;

namespace heartgate::dataplane {

template <class Key>
class KeyIndex {
public:
    static constexpr std::int32_t kNoSlot = -1;

    // `keys`: the most at a time, removed ones whose slot has not come back included. Throws std::runtime_error.
    KeyIndex(const char* name, std::uint32_t keys, int socket);
    ~KeyIndex();
    KeyIndex(const KeyIndex&) = delete;
    KeyIndex& operator=(const KeyIndex&) = delete;

    // Readers. Bit i of the result: keys[i] is in, its value in values[i]. `count` is 0 to 32.
    [[nodiscard]] std::uint64_t lookup(const Key* const keys[], const std::uint32_t hashes[], unsigned count,
                                       void* values[]) const noexcept;
    [[nodiscard]] bool find(const Key& key, std::uint32_t hash, std::uint32_t& value) const noexcept;

    // Writers. The key must not be in. False: no room.
    [[nodiscard]] bool add(const Key& key, std::uint32_t hash, std::uint32_t value) noexcept;
    // Readers no longer find the key, but may still be comparing with it: free() its slot after a grace period.
    [[nodiscard]] std::int32_t remove(const Key& key, std::uint32_t hash) noexcept;
    void free(std::int32_t slot) noexcept;

private:
    rte_hash* table_;
};

extern template class KeyIndex<FlowKey4>;
extern template class KeyIndex<FlowKey6>;

}  // namespace heartgate::dataplane
