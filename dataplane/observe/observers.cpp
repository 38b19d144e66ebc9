// SPDX-License-Identifier: Apache-2.0
#include "dataplane/observe/observers.h"

#include <rte_cycles.h>

#include <algorithm>
#include <utility>

namespace heartgate::dataplane {

Observer::Observer(unsigned workers, ObservationOptions options) : options_{std::move(options)} {
    for (unsigned worker = 0; worker < workers; ++worker) {
        workers_.push_back(std::make_unique<PerWorker>(options_.ring_bytes));
    }
}

void Observer::see(unsigned worker, const ObservedPacket& packet, const rte_mbuf& mbuf, std::uint32_t now_ms) noexcept {
    if ((options_.points & bit(packet.point)) == 0) return;
    if (!in_segment(packet, mbuf)) return;
    if (packet.point == ObservationPoint::kDropped && options_.reasons.any() &&
        !options_.reasons.test(static_cast<std::size_t>(packet.reason))) {
        return;
    }
    if (!options_.filter.empty() &&
        bpf_filter(options_.filter.data(), rte_pktmbuf_mtod(&mbuf, const u_char*), mbuf.pkt_len, mbuf.data_len) == 0) {
        return;
    }
    PerWorker& own = *workers_[worker];
    ObservedPacket kept = packet;
    kept.captured = std::min(packet.length, options_.snap_length);
    if (!own.limit.take(options_.per_second, now_ms) || !own.ring.put(kept, mbuf)) own.lost.add(1);
}

bool Observer::in_segment(const ObservedPacket& packet, const rte_mbuf& mbuf) const noexcept {
    if (options_.segments.empty() && !options_.from_linux) return true;
    if (packet.from_linux) return options_.from_linux;
    return std::any_of(options_.segments.begin(), options_.segments.end(), [&](const Segment& segment) {
        return segment.port == packet.port && segment.vlan == vlan_of(mbuf);
    });
}

std::uint64_t Observer::lost() const noexcept {
    std::uint64_t sum = 0;
    for (const auto& worker : workers_) sum += worker->lost.load();
    return sum;
}

Observers::~Observers() {
    for (const auto& observer : observers_) delete observer.load(std::memory_order_relaxed);
}

void Observers::see(unsigned worker, ObservedPacket packet, const rte_mbuf& mbuf, std::uint32_t now_ms) const noexcept {
    packet.tsc = rte_rdtsc();
    packet.length = frame_length_of(mbuf);
    packet.worker = static_cast<std::uint8_t>(worker);
    for (const auto& slot : observers_) {
        Observer* observer = slot.load(std::memory_order_acquire);
        if (observer != nullptr) observer->see(worker, packet, mbuf, now_ms);
    }
}

Observer* Observers::attach(std::unique_ptr<Observer> observer) {
    for (auto& slot : observers_) {
        if (slot.load(std::memory_order_relaxed) != nullptr) continue;
        slot.store(observer.get(), std::memory_order_release);
        publish();
        return observer.release();
    }
    return nullptr;
}

void Observers::detach(const Observer* observer) {
    for (auto& slot : observers_) {
        if (slot.load(std::memory_order_relaxed) != observer) continue;
        slot.store(nullptr, std::memory_order_release);
        publish();
        quiescence_.synchronize();
        delete observer;
        return;
    }
}

void Observers::publish() noexcept {
    ObservationPoints points = 0;
    for (const auto& slot : observers_) {
        const Observer* observer = slot.load(std::memory_order_relaxed);
        if (observer != nullptr) points |= observer->options().points;
    }
    points_.store(points, std::memory_order_relaxed);
}

}  // namespace heartgate::dataplane
