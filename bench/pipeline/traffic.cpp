// SPDX-License-Identifier: Apache-2.0
#include "bench/pipeline/traffic.h"

#include <arpa/inet.h>

#include <cstring>

#include "dataplane/nat/checksum_delta.h"

namespace heartgate::bench {

namespace {

constexpr std::size_t kIp = 14;
constexpr std::size_t kUdp = kIp + 20;

void put16(std::uint8_t* at, std::uint16_t value) {
    const std::uint16_t order = htons(value);
    std::memcpy(at, &order, 2);
}

}  // namespace

Traffic::Traffic() {
    std::memcpy(frame_.data(), kLanMac.data(), 6);
    std::memcpy(frame_.data() + 6, kHostMac.data(), 6);
    put16(&frame_[12], 0x0800);
    frame_[kIp] = 0x45;
    put16(&frame_[kIp + 2], kLength - kIp);
    frame_[kIp + 8] = 64;
    frame_[kIp + 9] = 17;
    const std::uint32_t server = htonl(0xcb007107);  // 203.0.113.7
    std::memcpy(&frame_[kIp + 16], &server, 4);
    put16(&frame_[kUdp + 2], 443);
    put16(&frame_[kUdp + 4], kLength - kUdp);
    put16(&frame_[kUdp + 6], 0x1234);  // not zero, so that it is adjusted; nobody verifies it
    for (std::size_t i = kIp; i < kUdp; i += 2) {
        std::uint16_t word = 0;
        std::memcpy(&word, &frame_[i], 2);
        sum_ += word;
    }
}

void Traffic::fill(rte_mbuf* packet, std::uint32_t number) const noexcept {
    auto* const frame = rte_pktmbuf_mtod(packet, std::uint8_t*);
    std::memcpy(frame, frame_.data(), kLength);
    const std::uint32_t source = htonl(kInside + 256 + number / kPortsPerHost);
    std::memcpy(frame + kIp + 12, &source, 4);
    const std::uint32_t sum = sum_ + (source & 0xffffU) + (source >> 16U);
    const auto checksum = static_cast<std::uint16_t>(~dataplane::fold(sum));
    std::memcpy(frame + kIp + 10, &checksum, 2);
    const std::uint16_t port = htons(static_cast<std::uint16_t>(1024 + number % kPortsPerHost));
    std::memcpy(frame + kUdp, &port, 2);
    packet->data_len = kLength;
    packet->pkt_len = kLength;
}

}  // namespace heartgate::bench
