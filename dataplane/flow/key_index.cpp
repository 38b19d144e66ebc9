// SPDX-License-Identifier: Apache-2.0
// The only file that includes rte_hash.h. What DPDK 22.11 demands here:
// - RW_CONCURRENCY_LF alone: the library takes no lock, so writers need the caller's. MULTI_WRITER_ADD would index
//   per-lcore caches by rte_lcore_id(), out of bounds for other threads.
// - No rte_hash_rcu_qsbr_add(): its queue is emptied only by later adds and deletes (an explicit reclaim came with a
//   later release), so slots of a table that has become quiet would never come back. With LF, a deleted key keeps
//   its slot until rte_hash_free_key_with_position(), which the flow table calls after its own grace period.
// - Inserts collapse near 100 %: buckets are sized for at most 70 % of the power of two.
// - Only the *_with_hash functions: the table's own hash function is never called.
#include "dataplane/flow/key_index.h"

#include <rte_errno.h>
#include <rte_hash.h>

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace heartgate::dataplane {

namespace {

std::uint32_t never_hash(const void* /*key*/, std::uint32_t /*length*/, std::uint32_t /*seed*/) { std::abort(); }

// rte_hash rounds its entries up to a power of two of buckets; key slots are as many as asked for.
std::uint32_t entries_for(std::uint32_t keys) {
    const std::uint64_t needed = std::uint64_t{keys} * 10 / 7 + 1;
    const std::uint64_t buckets = std::bit_ceil(needed);
    if (buckets > RTE_HASH_ENTRIES_MAX) throw std::runtime_error("flow table: more flows than rte_hash can hold");
    return static_cast<std::uint32_t>(std::max<std::uint64_t>({keys, buckets / 2 + 1, 8}));
}

}  // namespace

template <class Key>
KeyIndex<Key>::KeyIndex(const char* name, std::uint32_t keys, int socket) {
    const rte_hash_parameters parameters{.name = name,
                                         .entries = entries_for(keys),
                                         .reserved = 0,
                                         .key_len = sizeof(Key),
                                         .hash_func = never_hash,
                                         .hash_func_init_val = 0,
                                         .socket_id = socket,
                                         .extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF};
    table_ = rte_hash_create(&parameters);
    if (table_ == nullptr) {
        throw std::runtime_error(std::string{"flow table: cannot reserve the hash table '"} + name + "' for " +
                                 std::to_string(keys) + " keys: " + rte_strerror(rte_errno) +
                                 "; give DPDK more memory (dpdk.memory_mb) or allow fewer flows");
    }
}

template <class Key>
KeyIndex<Key>::~KeyIndex() {
    rte_hash_free(table_);
}

template <class Key>
std::uint64_t KeyIndex<Key>::lookup(const Key* const keys[], const std::uint32_t hashes[], unsigned count,
                                    void* values[]) const noexcept {
    std::uint64_t hits = 0;
    if (count == 0) return 0;
    // The library only reads both arrays.
    auto** const raw = const_cast<const void**>(reinterpret_cast<const void* const*>(keys));
    rte_hash_lookup_with_hash_bulk_data(table_, raw, const_cast<std::uint32_t*>(hashes), count, &hits, values);
    return hits;
}

template <class Key>
bool KeyIndex<Key>::find(const Key& key, std::uint32_t hash, std::uint32_t& value) const noexcept {
    void* data = nullptr;
    if (rte_hash_lookup_with_hash_data(table_, &key, hash, &data) < 0) return false;
    value = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(data));
    return true;
}

template <class Key>
bool KeyIndex<Key>::add(const Key& key, std::uint32_t hash, std::uint32_t value) noexcept {
    return rte_hash_add_key_with_hash_data(table_, &key, hash, std::bit_cast<void*>(std::uintptr_t{value})) == 0;
}

template <class Key>
std::int32_t KeyIndex<Key>::remove(const Key& key, std::uint32_t hash) noexcept {
    const std::int32_t slot = rte_hash_del_key_with_hash(table_, &key, hash);
    return slot < 0 ? kNoSlot : slot;
}

template <class Key>
void KeyIndex<Key>::free(std::int32_t slot) noexcept {
    // Fails only for a slot out of range, which remove() does not return.
    if (slot != kNoSlot) (void)rte_hash_free_key_with_position(table_, slot);
}

template class KeyIndex<FlowKey4>;
template class KeyIndex<FlowKey6>;

}  // namespace heartgate::dataplane
