// SPDX-License-Identifier: Apache-2.0
// When each endpoint's routed unicast traffic was last seen, for its presence. ARP, DHCP, multicast and packets to the
// appliance itself are no sign of life: workers do not report them. A time of 32 bits means something only for some
// weeks: the control thread forgets the old ones long before.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>

namespace heartgate::dataplane {

class EndpointActivity {
public:
    // What was seen longer ago counts as never seen.
    static constexpr std::uint32_t kMostAgeMs = 3'600'000;

    explicit EndpointActivity(std::uint32_t capacity)
        : capacity_{capacity}, last_ms_{std::make_unique<std::atomic<std::uint32_t>[]>(capacity)} {}

    [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }

    // Writers: any worker, for the endpoint a packet came from; any index is safe. Stores only if it differs, so that
    // several workers do not fight for the line.
    void seen(std::uint32_t endpoint, std::uint32_t now_ms) noexcept {
        if (endpoint == 0 || endpoint >= capacity_) return;
        if (now_ms == kNever) now_ms = 1;
        if (last_ms_[endpoint].load(std::memory_order_relaxed) != now_ms) {
            last_ms_[endpoint].store(now_ms, std::memory_order_relaxed);
        }
    }
    // Reader: the control thread, by the workers' clock. Nothing: not seen, or longer ago than kMostAgeMs.
    [[nodiscard]] std::optional<std::uint32_t> age_ms(std::uint32_t endpoint, std::uint32_t now_ms) const noexcept {
        return endpoint < capacity_ ? age(last_ms_[endpoint].load(std::memory_order_relaxed), now_ms) : std::nullopt;
    }
    // The control thread, at least once a day: makes forgotten what is older than kMostAgeMs.
    void forget(std::uint32_t now_ms) noexcept {
        for (std::uint32_t endpoint = 1; endpoint < capacity_; ++endpoint) {
            std::uint32_t last = last_ms_[endpoint].load(std::memory_order_relaxed);
            if (last == kNever || age(last, now_ms)) continue;
            // Unless a worker sees it at this moment.
            last_ms_[endpoint].compare_exchange_strong(last, kNever, std::memory_order_relaxed);
        }
    }

private:
    static constexpr std::uint32_t kNever = 0;

    static std::optional<std::uint32_t> age(std::uint32_t last_ms, std::uint32_t now_ms) noexcept {
        if (last_ms == kNever) return std::nullopt;
        const std::uint32_t age = now_ms - last_ms;
        // A worker may have read its clock after us.
        if (age > std::numeric_limits<std::uint32_t>::max() - kMostAgeMs) return 0;
        return age <= kMostAgeMs ? std::optional{age} : std::nullopt;
    }

    std::uint32_t capacity_;
    std::unique_ptr<std::atomic<std::uint32_t>[]> last_ms_;
};

}  // namespace heartgate::dataplane
