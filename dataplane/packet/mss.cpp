// SPDX-License-Identifier: Apache-2.0
// See the header.
#include "dataplane/packet/mss.h"

#include "dataplane/nat/checksum_delta.h"
#include "dataplane/packet/bytes.h"
#include "dataplane/packet/headers.h"

namespace heartgate::dataplane {

namespace {

void write_mss(std::span<std::uint8_t> segment, std::size_t at, std::uint16_t value) noexcept {
    std::uint16_t delta = checksum_delta(load_raw<std::uint16_t>(&segment[at]), swap16(value));
    if (at % 2 != 0) delta = swap16(delta);  // RFC 1071, 2 (B): the sum of bytes that lie the other way round
    store16(&segment[at], value);
    std::uint8_t* checksum = &segment[tcp_header::kChecksum];
    store_raw(checksum, apply_delta(load_raw<std::uint16_t>(checksum), delta));
}

}  // namespace

void limit_mss(std::span<std::uint8_t> segment, std::uint16_t most) noexcept {
    const std::size_t end = (segment[tcp_header::kDataOffset] >> 4U) * std::size_t{4};
    std::size_t at = tcp_header::kLength;
    while (at < end && segment[at] != tcp_header::kOptionEnd) {
        if (segment[at] == tcp_header::kOptionNop) {
            ++at;
            continue;
        }
        if (at + 1 >= end || segment[at + 1] < 2 || at + segment[at + 1] > end) return;  // the receiver's to judge
        if (segment[at] == tcp_header::kOptionMss && segment[at + 1] == tcp_header::kOptionMssLength) {
            if (load16(&segment[at + 2]) > most) write_mss(segment, at + 2, most);
            return;
        }
        at += segment[at + 1];
    }
}

}  // namespace heartgate::dataplane
