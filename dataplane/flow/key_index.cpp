// SPDX-License-Identifier: Apache-2.0
// The index's memory, its writers, and the search beyond a first bucket; see the header.
#include "dataplane/flow/key_index.h"

#include <rte_malloc.h>

#include <memory>
#include <stdexcept>
#include <string>

namespace heartgate::dataplane {

namespace {

// Four keys to a bucket of eight when the table is full: one key in thirty then meets a full bucket (Erlang's loss
// formula for eight places and a load of four), so that one overflow bucket for four buckets is twice what they need.
constexpr std::uint32_t kKeysPerBucket = 4;
constexpr std::uint32_t kBucketsPerOverflow = 4;
constexpr std::uint32_t kLeastOverflow = 64;

void* reserve(std::size_t bytes, int socket) {
    void* const memory = rte_malloc_socket("flow_index", bytes, 64, socket);
    if (memory == nullptr) {
        throw std::runtime_error("flow table: no memory for an index of " + std::to_string(bytes) +
                                 " bytes; give DPDK more memory (dpdk.memory_mb) or allow fewer flows");
    }
    return memory;
}

}  // namespace

template <class Key>
void KeyIndex<Key>::Free::operator()(void* memory) const noexcept {
    rte_free(memory);
}

template <class Key>
KeyIndex<Key>::KeyIndex(std::uint32_t values, Key* keys, int socket)
    : main_buckets_{values / kKeysPerBucket + 1},
      all_buckets_{main_buckets_ + main_buckets_ / kBucketsPerOverflow + kLeastOverflow},
      unused_{kNoBucket},
      buckets_{static_cast<Bucket*>(reserve(all_buckets_ * sizeof(Bucket), socket))},
      keys_{keys} {
    std::uninitialized_value_construct_n(buckets_.get(), all_buckets_);
    for (std::uint32_t bucket = all_buckets_; bucket-- > main_buckets_;) free(static_cast<std::int32_t>(bucket));
}

template <class Key>
bool KeyIndex<Key>::search(const Bucket& first, std::uint16_t tag, const Key& key,
                           std::uint32_t& value) const noexcept {
    const Bucket* bucket = &first;
    while (true) {
        if (slot_of(*bucket, tag, key, value) != kSlots) return true;
        const std::uint32_t next = bucket->next.load(std::memory_order_acquire);
        if (next == kNoBucket) return false;
        bucket = &buckets_[next];
    }
}

template <class Key>
bool KeyIndex<Key>::add(const Key& key, std::uint32_t hash, std::uint32_t value) noexcept {
    const auto put = [&](Bucket& bucket, unsigned slot) {
        bucket.values[slot].store(value, std::memory_order_release);
        bucket.set_tag(slot, tag_of(hash));
    };
    key_of(value) = key;
    Bucket* bucket = &bucket_of(hash);
    while (true) {
        const unsigned empty = bucket->slots_with(0);
        if (empty != 0) {
            put(*bucket, static_cast<unsigned>(std::countr_zero(empty)));
            return true;
        }
        const std::uint32_t next = bucket->next.load(std::memory_order_relaxed);
        if (next == kNoBucket) break;
        bucket = &buckets_[next];
    }
    if (unused_ == kNoBucket) return false;
    const std::uint32_t added = unused_;
    unused_ = buckets_[added].next.load(std::memory_order_relaxed);
    buckets_[added].next.store(kNoBucket, std::memory_order_relaxed);
    put(buckets_[added], 0);
    bucket->next.store(added, std::memory_order_release);
    return true;
}

template <class Key>
std::int32_t KeyIndex<Key>::remove(const Key& key, std::uint32_t hash) noexcept {
    Bucket* before = nullptr;
    Bucket* bucket = &bucket_of(hash);
    while (true) {
        std::uint32_t value = 0;
        const unsigned slot = slot_of(*bucket, tag_of(hash), key, value);
        if (slot != kSlots) {
            bucket->set_tag(slot, 0);
            break;
        }
        const std::uint32_t next = bucket->next.load(std::memory_order_relaxed);
        if (next == kNoBucket) return kNoSlot;
        before = bucket;
        bucket = &buckets_[next];
    }
    if (before == nullptr || !bucket->empty()) return kNoSlot;
    // Who stands in it goes on by its link, which stays until free().
    const std::uint32_t unlinked = before->next.load(std::memory_order_relaxed);
    before->next.store(bucket->next.load(std::memory_order_relaxed), std::memory_order_release);
    return static_cast<std::int32_t>(unlinked);
}

template <class Key>
void KeyIndex<Key>::free(std::int32_t slot) noexcept {
    if (slot == kNoSlot) return;
    const auto bucket = static_cast<std::uint32_t>(slot);
    buckets_[bucket].next.store(unused_, std::memory_order_relaxed);
    unused_ = bucket;
}

template class KeyIndex<FlowKey4>;
template class KeyIndex<FlowKey6>;

}  // namespace heartgate::dataplane
