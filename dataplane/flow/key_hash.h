// SPDX-License-Identifier: Apache-2.0
// Hash of flow keys, keyed with a secret that is drawn anew at each start, so that nobody outside can choose tuples
// that fall into one bucket. Three AES rounds: enough that a difference reaches every output bit through more active
// S-boxes than can be guessed blindly; two would let a chosen difference cancel with probability 2^-8.
// (A CRC with a secret seed is affine and protects against nothing; SipHash costs five times as much.)
#pragma once

#include <immintrin.h>

#include <array>
#include <cstdint>

#include "dataplane/flow/flow_key.h"

namespace heartgate::dataplane {

class KeyHash {
public:
    using Secret = std::array<std::uint8_t, 112>;

    // Draws the secret from the kernel. Throws std::runtime_error where the processor has no AES instructions.
    KeyHash();
    explicit KeyHash(const Secret& secret);

    [[nodiscard]] std::uint32_t operator()(const FlowKey4& key) const noexcept { return low(mix(load(&key))); }

    // Three lanes of two rounds each, so that a difference in one lane cannot be cancelled by another; then mixed.
    [[nodiscard]] std::uint32_t operator()(const FlowKey6& key) const noexcept {
        const auto* blocks = reinterpret_cast<const __m128i*>(&key);
        __m128i sum = _mm_setzero_si128();
        for (int lane = 0; lane < 3; ++lane) {
            __m128i state = _mm_xor_si128(load(blocks + lane), keys_[4 + lane]);
            state = _mm_aesenc_si128(state, keys_[1]);
            sum = _mm_xor_si128(sum, _mm_aesenc_si128(state, keys_[2]));
        }
        return low(mix(sum));
    }

    // A burst in one call: the rounds of different keys overlap. `key(i)` gives a reference to key i.
    template <class KeyOf>
    void burst(unsigned count, const KeyOf& key, std::uint32_t hashes[]) const noexcept {
        for (unsigned i = 0; i < count; ++i) hashes[i] = (*this)(key(i));
    }

private:
    static __m128i load(const void* block) noexcept { return _mm_load_si128(static_cast<const __m128i*>(block)); }
    static std::uint32_t low(__m128i state) noexcept { return static_cast<std::uint32_t>(_mm_cvtsi128_si32(state)); }

    [[nodiscard]] __m128i mix(__m128i block) const noexcept {
        __m128i state = _mm_xor_si128(block, keys_[0]);
        state = _mm_aesenc_si128(state, keys_[1]);
        state = _mm_aesenc_si128(state, keys_[2]);
        return _mm_aesenc_si128(state, keys_[3]);
    }

    alignas(64) __m128i keys_[7];
};

}  // namespace heartgate::dataplane
