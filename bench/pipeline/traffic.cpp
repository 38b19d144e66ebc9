// SPDX-License-Identifier: Apache-2.0
#include "bench/pipeline/traffic.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <cstring>

#include "dataplane/nat/checksum_delta.h"

namespace heartgate::bench {

namespace {

constexpr std::size_t kIp = 14;
constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kAck = 0x10;

void put16(std::uint8_t* at, std::uint16_t value) {
    const std::uint16_t order = htons(value);
    std::memcpy(at, &order, 2);
}

}  // namespace

Traffic::Traffic(Family family, Protocols protocols)
    : family_{family},
      protocols_{protocols},
      transport_{family == Family::kIpv4 ? kIp + 20 : kIp + 40},
      length_{family == Family::kIpv4 ? 60U : 74U} {
    complete(frames_[0], IPPROTO_UDP);
    complete(frames_[1], IPPROTO_TCP);
}

void Traffic::complete(Frame& made, std::uint8_t protocol) const noexcept {
    std::uint8_t* const frame = made.bytes.data();
    std::memcpy(frame, kLanMac.data(), 6);
    std::memcpy(frame + 6, kHostMac.data(), 6);
    if (family_ == Family::kIpv4) {
        put16(frame + 12, 0x0800);
        frame[kIp] = 0x45;
        put16(frame + kIp + 2, static_cast<std::uint16_t>(length_ - kIp));
        frame[kIp + 8] = 64;
        frame[kIp + 9] = protocol;
        const std::uint32_t server = htonl(0xcb007107);  // 203.0.113.7
        std::memcpy(frame + kIp + 16, &server, 4);
        for (std::size_t i = kIp; i < kIp + 20; i += 2) {
            std::uint16_t word = 0;
            std::memcpy(&word, frame + i, 2);
            made.sum += word;
        }
    } else {
        put16(frame + 12, 0x86dd);
        frame[kIp] = 0x60;
        put16(frame + kIp + 4, static_cast<std::uint16_t>(length_ - transport_));
        frame[kIp + 6] = protocol;
        frame[kIp + 7] = 64;
        std::memcpy(frame + kIp + 8, kInside6.bytes.data(), 16);
        std::memcpy(frame + kIp + 24, kServer6.bytes.data(), 16);
    }
    put16(frame + transport_ + 2, 443);
    if (protocol == IPPROTO_UDP) {
        put16(frame + transport_ + 4, static_cast<std::uint16_t>(length_ - transport_));
        put16(frame + transport_ + 6, 0x1234);  // not zero, so that it is adjusted; nobody verifies it
    } else {
        frame[transport_ + 12] = 5 << 4;
        frame[transport_ + 13] = kAck;
    }
}

void Traffic::fill(rte_mbuf* packet, std::uint32_t number, bool first) const noexcept {
    const bool tcp = protocols_ == Protocols::kUdpAndTcp ? (number & 1U) != 0 : protocols_ == Protocols::kTcp;
    const Frame& made = frames_[tcp ? 1 : 0];
    auto* const frame = rte_pktmbuf_mtod(packet, std::uint8_t*);
    std::memcpy(frame, made.bytes.data(), 80);
    if (family_ == Family::kIpv4) {
        const std::uint32_t source = htonl(kInside + 256 + number / kPortsPerHost);
        std::memcpy(frame + kIp + 12, &source, 4);
        const std::uint32_t sum = made.sum + (source & 0xffffU) + (source >> 16U);
        const auto checksum = static_cast<std::uint16_t>(~dataplane::fold(sum));
        std::memcpy(frame + kIp + 10, &checksum, 2);
    } else {
        const std::uint32_t host = htonl(256 + number / kPortsPerHost);
        std::memcpy(frame + kIp + 20, &host, 4);
    }
    const std::uint16_t port = htons(static_cast<std::uint16_t>(1024 + number % kPortsPerHost));
    std::memcpy(frame + transport_, &port, 2);
    if (tcp && first) frame[transport_ + 13] = kSyn;
    packet->data_len = static_cast<std::uint16_t>(length_);
    packet->pkt_len = static_cast<std::uint32_t>(length_);
}

}  // namespace heartgate::bench
