// SPDX-License-Identifier: Apache-2.0
// Those who look at packets: captures and drop watches. A worker loads one byte per loop; while it is zero nothing else
// is done. Bounded: so many observers, so much memory each, lossy and counted. Nothing here decides about a packet.
#pragma once

#include <pcap/pcap.h>

#include <array>
#include <atomic>
#include <bitset>
#include <cstdint>
#include <memory>
#include <vector>

#include "dataplane/concurrent/quiescence.h"
#include "dataplane/observe/packet_ring.h"
#include "dataplane/worker/counters.h"
#include "dataplane/worker/token_bucket.h"

namespace heartgate::dataplane {

using ObservationPoints = std::uint8_t;
[[nodiscard]] constexpr ObservationPoints bit(ObservationPoint point) noexcept {
    return static_cast<ObservationPoints>(1U << static_cast<unsigned>(point));
}

// Frames of one port with one tag.
struct Segment {
    std::uint8_t port = 0;
    std::uint16_t vlan = 0;
};

// What an observer wants. Constant while it is attached.
struct ObservationOptions {
    ObservationPoints points = 0;
    std::bitset<contract::kDropReasons> reasons;  // of dropped packets; none set: all
    std::vector<Segment> segments;                // none, and not from_linux: all
    bool from_linux = false;                      // of dropped packets: those that Linux sent
    std::vector<bpf_insn> filter;                 // validated; empty: all
    std::uint32_t snap_length = 262'144;          // bytes of a packet that are kept
    std::uint32_t per_second = 0;                 // of each worker; 0: no limit
    std::uint32_t ring_bytes = 1U << 20U;         // of each worker
};

class Observer {
public:
    Observer(unsigned workers, ObservationOptions options);

    // Worker, between two quiescent points.
    void see(unsigned worker, const ObservedPacket& packet, const rte_mbuf& mbuf, std::uint32_t now_ms) noexcept;

    // Control thread. The oldest packet of each worker in turn; false: there is none.
    template <class Use>
    bool take(Use&& use) {
        for (const auto& worker : workers_) {
            if (worker->ring.take(use)) return true;
        }
        return false;
    }
    // Packets that were wanted but not kept: over the rate, or no room. Any thread.
    [[nodiscard]] std::uint64_t lost() const noexcept;
    [[nodiscard]] const ObservationOptions& options() const noexcept { return options_; }

private:
    [[nodiscard]] bool in_segment(const ObservedPacket& packet, const rte_mbuf& mbuf) const noexcept;

    struct alignas(64) PerWorker {
        explicit PerWorker(std::uint32_t bytes) : ring{bytes} {}
        PacketRing ring;
        TokenBucket limit;
        Counter lost;
    };

    const ObservationOptions options_;
    std::vector<std::unique_ptr<PerWorker>> workers_;
};

class Observers {
public:
    static constexpr std::size_t kMost = 4;

    explicit Observers(Quiescence& quiescence) : quiescence_{quiescence} {}
    ~Observers();
    Observers(const Observers&) = delete;
    Observers& operator=(const Observers&) = delete;

    // Worker: what anybody looks at; 0: nobody looks at anything. Once per loop.
    [[nodiscard]] ObservationPoints points() const noexcept { return points_.load(std::memory_order_relaxed); }
    // Worker, between two quiescent points.
    void see(unsigned worker, ObservedPacket packet, const rte_mbuf& mbuf, std::uint32_t now_ms) const noexcept;

    // Control thread. Takes it over; nullptr: there are kMost already.
    Observer* attach(std::unique_ptr<Observer> observer);
    // Waits until no worker sees it any more.
    void detach(const Observer* observer);

private:
    void publish() noexcept;

    Quiescence& quiescence_;
    alignas(64) std::atomic<ObservationPoints> points_{0};
    std::array<std::atomic<Observer*>, kMost> observers_{};
};

}  // namespace heartgate::dataplane
