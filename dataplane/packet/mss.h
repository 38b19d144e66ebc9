// SPDX-License-Identifier: Apache-2.0
// The maximum segment size that a TCP SYN announces (RFC 9293, 3.7.1), lowered where a link on the way carries less
// than both ends think: their path MTU discovery often does not work (RFC 2923).
#pragma once

#include <cstdint>
#include <span>

namespace heartgate::dataplane {

// `segment`: from the TCP header on, with a data offset that the parser has checked. Lowers the MSS to `most` and
// adjusts the checksum (RFC 1624); a SYN without the option stays as it is, since 536 (RFC 9293) fits everywhere.
void limit_mss(std::span<std::uint8_t> segment, std::uint16_t most) noexcept;

}  // namespace heartgate::dataplane
