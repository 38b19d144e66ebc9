// SPDX-License-Identifier: Apache-2.0
// Copies of packets on their way from one worker to the control thread: a ring of bytes, records of any length, never
// waiting. What finds no room is lost and counted.
#pragma once

#include <rte_mbuf.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "dataplane/contract/drop_reason.h"

namespace heartgate::dataplane {

enum class ObservationPoint : std::uint8_t { kReceived, kSent, kDropped };

struct ObservedPacket {
    std::uint64_t tsc = 0;       // when
    std::uint32_t length = 0;    // bytes of the frame on the wire
    std::uint32_t captured = 0;  // bytes of it that follow
    ObservationPoint point = ObservationPoint::kReceived;
    std::uint8_t port = 0;    // index; of a dropped packet the one it came in by
    bool from_linux = false;  // a dropped packet that Linux sent: it would have left by the port
    contract::DropReason reason = contract::DropReason::kNone;
    std::uint8_t worker = 0;
};

class PacketRing {
public:
    // `bytes`: a power of two, at least 64 KiB. Throws std::bad_alloc.
    explicit PacketRing(std::uint32_t bytes) : bytes_{bytes}, memory_{std::make_unique<std::uint8_t[]>(bytes)} {}

    // Producer: the worker. `packet.captured` says how much of the frame is wanted; a VLAN tag that the port has taken
    // out is put back. False: no room.
    bool put(ObservedPacket packet, const rte_mbuf& mbuf) noexcept {
        const std::uint32_t size = record_size(packet.captured);
        const std::uint64_t tail = tail_.load(std::memory_order_relaxed);
        const auto offset = static_cast<std::uint32_t>(tail & (bytes_ - 1));
        const std::uint32_t skip = bytes_ - offset < size ? bytes_ - offset : 0;  // a record lies in one piece
        if (tail + skip + size - head_.load(std::memory_order_acquire) > bytes_) return false;
        if (skip != 0) store_size(offset, kSkip);
        const std::uint32_t at = skip == 0 ? offset : 0;
        copy(mbuf, memory_.get() + at + kHeader, packet.captured);
        std::memcpy(memory_.get() + at + kSizeField, &packet, sizeof packet);
        store_size(at, size);
        tail_.store(tail + skip + size, std::memory_order_release);
        return true;
    }

    // Consumer: the control thread. Calls back with the oldest packet and its bytes, which are gone afterwards. False:
    // there is none.
    template <class Use>
    bool take(Use&& use) {
        std::uint64_t head = head_.load(std::memory_order_relaxed);
        const std::uint64_t tail = tail_.load(std::memory_order_acquire);
        if (head == tail) return false;
        if (load_size(head) == kSkip) head += bytes_ - (head & (bytes_ - 1));
        const std::uint8_t* record = memory_.get() + (head & (bytes_ - 1));
        ObservedPacket packet;
        std::memcpy(&packet, record + kSizeField, sizeof packet);
        use(packet, record + kHeader);
        head_.store(head + load_size(head), std::memory_order_release);
        return true;
    }

private:
    static constexpr std::uint32_t kSizeField = 8;
    static constexpr std::uint32_t kHeader = kSizeField + sizeof(ObservedPacket);
    static constexpr std::uint32_t kSkip = 0;  // the rest of the ring is empty
    static constexpr std::uint32_t kTag = 4;   // bytes of a VLAN tag
    static constexpr std::uint32_t kMacs = 12;

    static std::uint32_t record_size(std::uint32_t captured) noexcept { return (kHeader + captured + 7U) & ~7U; }
    void store_size(std::uint32_t at, std::uint32_t size) noexcept {
        std::memcpy(memory_.get() + at, &size, sizeof size);
    }
    [[nodiscard]] std::uint32_t load_size(std::uint64_t at) const noexcept {
        std::uint32_t size = 0;
        std::memcpy(&size, memory_.get() + (at & (bytes_ - 1)), sizeof size);
        return size;
    }
    static void copy_segments(const rte_mbuf& mbuf, std::uint32_t from, std::uint8_t* to,
                              std::uint32_t wanted) noexcept {
        for (const rte_mbuf* segment = &mbuf; segment != nullptr && wanted != 0; segment = segment->next) {
            if (from >= segment->data_len) {
                from -= segment->data_len;
                continue;
            }
            const std::uint32_t part = std::min<std::uint32_t>(segment->data_len - from, wanted);
            std::memcpy(to, rte_pktmbuf_mtod_offset(segment, const std::uint8_t*, from), part);
            to += part;
            wanted -= part;
            from = 0;
        }
    }
    static void copy(const rte_mbuf& mbuf, std::uint8_t* to, std::uint32_t wanted) noexcept {
        if ((mbuf.ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) == 0 || wanted < kMacs + kTag) {
            copy_segments(mbuf, 0, to, wanted);
            return;
        }
        copy_segments(mbuf, 0, to, kMacs);
        to[kMacs] = 0x81;  // IEEE 802.1Q
        to[kMacs + 1] = 0x00;
        to[kMacs + 2] = static_cast<std::uint8_t>(mbuf.vlan_tci >> 8U);
        to[kMacs + 3] = static_cast<std::uint8_t>(mbuf.vlan_tci);
        copy_segments(mbuf, kMacs, to + kMacs + kTag, wanted - kMacs - kTag);
    }

    const std::uint32_t bytes_;
    const std::unique_ptr<std::uint8_t[]> memory_;
    alignas(64) std::atomic<std::uint64_t> tail_{0};
    alignas(64) std::atomic<std::uint64_t> head_{0};
};

// The tag that a frame has, or had before the port took it out; 0: untagged, or tagged with priority alone.
[[nodiscard]] inline std::uint16_t vlan_of(const rte_mbuf& mbuf) noexcept {
    constexpr unsigned kEnd = 16;
    constexpr std::uint16_t kId = 0x0fff;
    if ((mbuf.ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0) return mbuf.vlan_tci & kId;
    const auto* frame = rte_pktmbuf_mtod(&mbuf, const std::uint8_t*);
    if (mbuf.data_len < kEnd || frame[12] != 0x81 || frame[13] != 0x00) return 0;
    return static_cast<std::uint16_t>((frame[14] << 8U | frame[15]) & kId);
}

// Bytes of a frame as it was on the wire.
[[nodiscard]] inline std::uint32_t frame_length_of(const rte_mbuf& mbuf) noexcept {
    return mbuf.pkt_len + ((mbuf.ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED) != 0 ? 4U : 0U);
}

}  // namespace heartgate::dataplane
