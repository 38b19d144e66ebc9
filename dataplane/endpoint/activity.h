// SPDX-License-Identifier: Apache-2.0
// When each endpoint's routed unicast traffic was last seen, for its presence. ARP, DHCP, multicast and packets to the
// appliance itself are no sign of life: workers do not report them.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

namespace heartgate::dataplane {

class EndpointActivity {
public:
    static constexpr std::uint32_t kNever = 0;

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
    // Reader: the control thread. In the workers' milliseconds; kNever: not seen since the start.
    [[nodiscard]] std::uint32_t last_ms(std::uint32_t endpoint) const noexcept {
        return endpoint < capacity_ ? last_ms_[endpoint].load(std::memory_order_relaxed) : kNever;
    }

private:
    std::uint32_t capacity_;
    std::unique_ptr<std::atomic<std::uint32_t>[]> last_ms_;
};

}  // namespace heartgate::dataplane
