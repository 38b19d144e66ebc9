// SPDX-License-Identifier: Apache-2.0
// A hash index over numbers: open addressing with linear probing, everything reserved at start. What a number stands
// for, its hash and its equality are the caller's.
#pragma once

#include <bit>
#include <cstdint>
#include <memory_resource>
#include <vector>

namespace heartgate::dataplane {

class ProbeTable {
public:
    static constexpr std::uint32_t kNone = 0xffffffff;

    // Throws std::bad_alloc.
    ProbeTable(std::size_t capacity, std::pmr::memory_resource* memory)
        : slots_(std::bit_ceil(capacity * 2), kNone, memory), mask_{static_cast<std::uint32_t>(slots_.size() - 1)} {}

    // The slot of the number that `same` says yes to, or the empty one where it would go.
    template <class Same>
    [[nodiscard]] std::uint32_t find(std::uint32_t hash, Same&& same) const noexcept {
        std::uint32_t slot = hash & mask_;
        while (slots_[slot] != kNone && !same(slots_[slot])) slot = (slot + 1) & mask_;
        return slot;
    }
    // kNone: empty.
    [[nodiscard]] std::uint32_t operator[](std::uint32_t slot) const noexcept { return slots_[slot]; }
    void put(std::uint32_t slot, std::uint32_t number) noexcept { slots_[slot] = number; }

    // Deletion by moving back what would not be found past the gap (Knuth, volume 3, 6.4, algorithm R).
    template <class HashOf>
    void erase(std::uint32_t slot, HashOf&& hash_of) noexcept {
        std::uint32_t gap = slot;
        for (std::uint32_t next = (slot + 1) & mask_; slots_[next] != kNone; next = (next + 1) & mask_) {
            const std::uint32_t home = hash_of(slots_[next]) & mask_;
            if (((next - home) & mask_) >= ((next - gap) & mask_)) {
                slots_[gap] = slots_[next];
                gap = next;
            }
        }
        slots_[gap] = kNone;
    }

private:
    std::pmr::vector<std::uint32_t> slots_;
    std::uint32_t mask_;
};

}  // namespace heartgate::dataplane
