// SPDX-License-Identifier: Apache-2.0
// A token bucket without division, and one for each of many senders in bounded memory.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "dataplane/packet/address.h"

namespace heartgate::dataplane {

// Holds what is earned in a second; begins full. Of one worker.
class TokenBucket {
public:
    // `per_second`: 0 lets everything pass.
    [[nodiscard]] bool take(std::uint32_t per_second, std::uint32_t now_ms) noexcept {
        if (per_second == 0) return true;
        // In thousandths of a token: a millisecond earns per_second of them.
        const std::uint64_t most = std::uint64_t{per_second} * kToken;
        const std::uint32_t elapsed = started_ ? std::min(now_ms - since_ms_, kToken) : kToken;
        since_ms_ = now_ms;
        started_ = true;
        tokens_ = std::min(most, tokens_ + std::uint64_t{elapsed} * per_second);
        if (tokens_ < kToken) return false;
        tokens_ -= kToken;
        return true;
    }

private:
    static constexpr std::uint32_t kToken = 1000;

    std::uint64_t tokens_ = 0;
    std::uint32_t since_ms_ = 0;
    bool started_ = false;
};

// `Buckets`: what each sender has. Senders that fall together take turns with fresh buckets: that lets more pass than
// it should, never less, and where a sender falls is a secret of this run.
template <class Buckets>
class PerSender {
public:
    static constexpr unsigned kBits = 10;

    // `seed`: random. Throws std::bad_alloc.
    explicit PerSender(std::uint64_t seed) : seed_{seed | 1U}, entries_{std::make_unique<Entry[]>(1U << kBits)} {}

    [[nodiscard]] Buckets& of(PackedMac mac) noexcept {
        std::uint64_t mixed = (mac ^ seed_) * 0x9e3779b97f4a7c15ULL;
        mixed = (mixed ^ (mixed >> 32U)) * seed_;
        Entry& entry = entries_[mixed >> (64U - kBits)];
        if (entry.mac != mac) entry = {.mac = mac, .buckets = Buckets{}};
        return entry.buckets;
    }

private:
    struct Entry {
        PackedMac mac = 0;
        Buckets buckets;
    };
    std::uint64_t seed_;
    std::unique_ptr<Entry[]> entries_;
};

}  // namespace heartgate::dataplane
