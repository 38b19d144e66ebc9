// SPDX-License-Identifier: Apache-2.0
// One word per endpoint and the global generation: how an isolation reaches every flow in O(1). Word 0 stands for
// machines without an endpoint: its state never changes, its version grows when such a machine may have become one.
// Which addresses an endpoint has is the binding table's; what a word means for a packet is the gate's.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "dataplane/contract/endpoint_word.h"

namespace heartgate::dataplane {

class EndpointTable {
public:
    // `capacity`: number of slots, slot 0 stands for "no endpoint". Throws std::bad_alloc.
    explicit EndpointTable(std::uint32_t capacity);

    [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }

    // Reader: any worker. `endpoint` < capacity().
    [[nodiscard]] contract::EndpointWord word(std::uint32_t endpoint) const noexcept {
        return contract::EndpointWord{words_[endpoint].load(std::memory_order_relaxed)};
    }
    // Loaded once per burst, before any word: a word read later is at least as new.
    [[nodiscard]] std::uint32_t generation() const noexcept { return generation_.load(std::memory_order_acquire); }

    // Writer: the health consumer alone. set() stores the next word if the state differs, touch() always (a binding
    // changed); both then increment the generation. False if `endpoint` is 0 or beyond the capacity.
    bool set(std::uint32_t endpoint, const contract::EndpointState& state) noexcept;
    bool touch(std::uint32_t endpoint) noexcept;
    // Something changed that concerns machines without an endpoint (a binding for an address that had none).
    void advance() noexcept;

private:
    void store_next(std::uint32_t endpoint, const contract::EndpointState& state) noexcept;

    std::uint32_t capacity_;
    std::unique_ptr<std::atomic<std::uint32_t>[]> words_;
    alignas(64) std::atomic<std::uint32_t> generation_{1};
};

}  // namespace heartgate::dataplane
