// SPDX-License-Identifier: Apache-2.0
// Key -> 32-bit value, with lock-free readers. A key costs a reader two cache lines, which a burst fetches side by
// side: a bucket of eight 16-bit tags and values, and the key itself, which is kept under its value. (rte_hash needs
// two buckets and then the key, and a key slot of its own: 142 cycles a lookup at a million flows, where this
// takes 60.)
//
// What has been added never moves, so a reader needs no sequence lock and never misses a key that is in. A full bucket
// goes on in an overflow bucket, which is given back once it is empty. Writers are serialised by the caller.
#pragma once

#include <emmintrin.h>
#include <rte_prefetch.h>

#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <memory>
#include <type_traits>

#include "dataplane/flow/flow_key.h"

namespace heartgate::dataplane {

template <class Key>
class KeyIndex {
public:
    static constexpr std::int32_t kNoSlot = -1;
    static constexpr unsigned kMost = 32;  // keys of one lookup
    // From the keys of two values to those of the next two: IPv4 keys are in their flow's record, of that size.
    static constexpr std::size_t kStride = std::is_same_v<Key, FlowKey4> ? 128 : 2 * sizeof(Key);

    // Values are below `values`, and each is that of one key at a time. `keys`: where the keys are, that of value 0,
    // right behind it that of value 1, and so on every kStride bytes. Reserves everything. Throws std::runtime_error.
    KeyIndex(std::uint32_t values, Key* keys, int socket);

    // Readers between two quiescent points. `key(i)` gives a reference to key i of `count`, which is 0 to kMost.
    // `expect(value)` is called early for each value that is likely to be found, so that what belongs to it can be
    // prefetched; then for each key in order `found(i, value)` or `missed(i)`.
    template <class KeyOf, class Expect, class Found, class Missed>
    void lookup(unsigned count, const KeyOf& key, const std::uint32_t hashes[], const Expect& expect,
                const Found& found, const Missed& missed) const noexcept;
    [[nodiscard]] bool find(const Key& key, std::uint32_t hash, std::uint32_t& value) const noexcept {
        return search(bucket_of(hash), tag_of(hash), key, value);
    }

    // Writers. Puts the key into its place, too. Neither the key nor the value may be in, and no reader may still hold
    // the value. False: no room.
    [[nodiscard]] bool add(const Key& key, std::uint32_t hash, std::uint32_t value) noexcept;
    // Readers no longer find the key, but may still be comparing with it: its value can be used again after a grace
    // period. Returns what is to be handed to free() then, or kNoSlot.
    [[nodiscard]] std::int32_t remove(const Key& key, std::uint32_t hash) noexcept;
    void free(std::int32_t slot) noexcept;

private:
    static constexpr unsigned kSlots = 8;
    static constexpr std::uint32_t kNoBucket = 0xffffffff;

    // Writer: under the caller's lock; readers: any. A tag is stored after its value, a value after its key, a link
    // after what it leads to; loads go the other way round.
    struct alignas(64) Bucket {
        std::array<std::atomic<std::uint64_t>, 2> tags{};  // four each; 0: the slot is empty
        std::array<std::atomic<std::uint32_t>, kSlots> values{};
        std::atomic<std::uint32_t> next{kNoBucket};  // in buckets_; an unused overflow bucket: the next unused one

        [[nodiscard]] std::uint16_t tag(unsigned slot) const noexcept {
            return static_cast<std::uint16_t>(tags[slot / 4].load(std::memory_order_relaxed) >> (slot % 4 * 16));
        }
        void set_tag(unsigned slot, std::uint16_t tag) noexcept {
            const unsigned shift = slot % 4 * 16;
            const std::uint64_t others =
                tags[slot / 4].load(std::memory_order_relaxed) & ~(std::uint64_t{0xffff} << shift);
            tags[slot / 4].store(others | std::uint64_t{tag} << shift, std::memory_order_release);
        }
        // Bit i: slot i has this tag.
        [[nodiscard]] unsigned slots_with(std::uint16_t tag) const noexcept {
            const __m128i mine = _mm_set_epi64x(static_cast<long long>(tags[1].load(std::memory_order_acquire)),
                                                static_cast<long long>(tags[0].load(std::memory_order_acquire)));
            const __m128i equal = _mm_cmpeq_epi16(mine, _mm_set1_epi16(static_cast<short>(tag)));
            return static_cast<unsigned>(_mm_movemask_epi8(_mm_packs_epi16(equal, _mm_setzero_si128())));
        }
        [[nodiscard]] bool empty() const noexcept {
            return (tags[0].load(std::memory_order_relaxed) | tags[1].load(std::memory_order_relaxed)) == 0;
        }
    };
    static_assert(sizeof(Bucket) == 64);

    struct Free {
        void operator()(void* memory) const noexcept;
    };

    // The bucket by the hash's upper bits, the tag by its lower ones.
    [[nodiscard]] Bucket& bucket_of(std::uint32_t hash) const noexcept {
        return buckets_[(std::uint64_t{hash} * main_buckets_) >> 32U];
    }
    static std::uint16_t tag_of(std::uint32_t hash) noexcept {
        const auto tag = static_cast<std::uint16_t>(hash);
        return static_cast<std::uint16_t>(tag + (tag == 0 ? 1U : 0U));
    }
    static bool same(const Key& a, const Key& b) noexcept {
        const auto* const left = reinterpret_cast<const __m128i*>(&a);
        const auto* const right = reinterpret_cast<const __m128i*>(&b);
        __m128i equal = _mm_cmpeq_epi8(_mm_load_si128(left), _mm_load_si128(right));
        for (std::size_t part = 1; part < sizeof(Key) / sizeof(__m128i); ++part) {
            equal = _mm_and_si128(equal, _mm_cmpeq_epi8(_mm_load_si128(left + part), _mm_load_si128(right + part)));
        }
        return _mm_movemask_epi8(equal) == 0xffff;
    }
    // Of one bucket, the slot that holds the key; kSlots: none.
    [[nodiscard]] unsigned slot_of(const Bucket& bucket, std::uint16_t tag, const Key& key,
                                   std::uint32_t& value) const noexcept {
        for (unsigned left = bucket.slots_with(tag); left != 0; left &= left - 1) {
            const auto slot = static_cast<unsigned>(std::countr_zero(left));
            value = bucket.values[slot].load(std::memory_order_acquire);
            if (same(key_of(value), key)) return slot;
        }
        return kSlots;
    }
    [[nodiscard]] bool search(const Bucket& first, std::uint16_t tag, const Key& key,
                              std::uint32_t& value) const noexcept;

    [[nodiscard]] Key& key_of(std::uint32_t value) const noexcept {
        auto* const pair = reinterpret_cast<std::uint8_t*>(keys_) + (value >> 1U) * kStride;
        return reinterpret_cast<Key*>(pair)[value & 1U];
    }

    std::uint32_t main_buckets_;
    std::uint32_t all_buckets_;
    std::uint32_t unused_;  // head of the list of overflow buckets; under the caller's lock
    std::unique_ptr<Bucket[], Free> buckets_;
    Key* keys_;
};

template <class Key>
template <class KeyOf, class Expect, class Found, class Missed>
void KeyIndex<Key>::lookup(unsigned count, const KeyOf& key, const std::uint32_t hashes[], const Expect& expect,
                           const Found& found, const Missed& missed) const noexcept {
    std::array<const Bucket*, kMost> buckets;
    std::array<std::uint8_t, kMost> slots;
    std::array<std::uint32_t, kMost> values;
    for (unsigned i = 0; i < count; ++i) {
        buckets[i] = &bucket_of(hashes[i]);
        rte_prefetch0(buckets[i]);
    }
    for (unsigned i = 0; i < count; ++i) {
        const unsigned match = buckets[i]->slots_with(tag_of(hashes[i]));
        slots[i] = static_cast<std::uint8_t>(match);
        // Without a match the last slot's, for nothing but the prefetch.
        values[i] = buckets[i]->values[static_cast<unsigned>(std::countr_zero(match | 1U << (kSlots - 1U)))].load(
            std::memory_order_acquire);
        rte_prefetch0(&key_of(values[i]));
        expect(values[i]);
    }
    for (unsigned i = 0; i < count; ++i) {
        if (slots[i] != 0 && same(key_of(values[i]), key(i))) [[likely]] {
            found(i, values[i]);
        } else if (search(*buckets[i], tag_of(hashes[i]), key(i), values[i])) {
            found(i, values[i]);
        } else {
            missed(i);
        }
    }
}

}  // namespace heartgate::dataplane
