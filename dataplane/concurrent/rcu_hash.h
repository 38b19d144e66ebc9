// SPDX-License-Identifier: Apache-2.0
// A hash table for state that is read on every miss and rarely written: lock-free readers between two quiescent points,
// one writer, removed slots reused after a grace period. A wrapper over rte_hash; the flow table has one of its own.
#pragma once

#include <fmt/format.h>
#include <rte_hash.h>
#include <rte_jhash.h>
#include <sys/random.h>

#include <bit>
#include <cstdint>
#include <memory>
#include <new>
#include <string>
#include <type_traits>

#include "dataplane/concurrent/quiescence.h"

namespace heartgate::dataplane {

// Key: no padding bytes, since it is compared and hashed as memory.
template <class Key>
requires std::has_unique_object_representations_v<Key>
class RcuHash {
public:
    struct Found {
        std::int32_t position = -1;  // of the key: constant while it is in the table; -1: not found
        std::uint64_t value = 0;
        explicit operator bool() const noexcept { return position >= 0; }
    };

    // Room for `capacity` keys. Throws std::bad_alloc.
    RcuHash(const char* name, std::uint32_t capacity, Quiescence& quiescence) {
        // 7/10: beyond that, inserts of a cuckoo table become slow.
        const auto entries = static_cast<std::uint32_t>(std::uint64_t{capacity} * 10 / 7 + 8);
        const std::string unique = fmt::format("{}_{:x}", name, reinterpret_cast<std::uintptr_t>(this) & 0xffffffffU);
        rte_hash_parameters parameters{};
        parameters.name = unique.c_str();
        parameters.entries = entries;
        parameters.key_len = sizeof(Key);
        parameters.hash_func = rte_jhash;
        parameters.socket_id = SOCKET_ID_ANY;
        parameters.extra_flag = RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF;
        if (getrandom(&parameters.hash_func_init_val, sizeof(parameters.hash_func_init_val), 0) < 0) {
            throw std::bad_alloc{};
        }
        hash_.reset(rte_hash_create(&parameters));
        rte_hash_rcu_config rcu{};
        rcu.v = quiescence.raw();
        rcu.mode = RTE_HASH_QSBR_MODE_DQ;
        if (!hash_ || rte_hash_rcu_qsbr_add(hash_.get(), &rcu) != 0) throw std::bad_alloc{};
    }

    // Any reader.
    [[nodiscard]] Found find(const Key& key) const noexcept {
        void* data = nullptr;
        alignas(8) const Key words = key;  // rte_jhash reads words
        const std::int32_t position = rte_hash_lookup_data(hash_.get(), &words, &data);
        if (position < 0) return {};
        return {.position = position, .value = std::bit_cast<std::uint64_t>(data)};
    }

    // The writer. put() inserts, or replaces the value in one store; nothing found: table full.
    Found put(const Key& key, std::uint64_t value) noexcept {
        alignas(8) const Key words = key;
        if (rte_hash_add_key_data(hash_.get(), &words, std::bit_cast<void*>(value)) != 0) return {};
        return find(key);
    }
    bool erase(const Key& key) noexcept {
        alignas(8) const Key words = key;
        return rte_hash_del_key(hash_.get(), &words) >= 0;
    }
    // Positions are below this.
    [[nodiscard]] std::uint32_t positions() const noexcept {
        return static_cast<std::uint32_t>(rte_hash_max_key_id(hash_.get())) + 1;
    }

private:
    struct Free {
        void operator()(rte_hash* hash) const noexcept { rte_hash_free(hash); }
    };
    std::unique_ptr<rte_hash, Free> hash_;
};

}  // namespace heartgate::dataplane
