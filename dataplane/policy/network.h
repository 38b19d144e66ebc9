// SPDX-License-Identifier: Apache-2.0
// A CIDR block of either family as two words and two masks, so that a match is two ANDs and two compares.
#pragma once

#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "dataplane/packet/address.h"

namespace heartgate::dataplane {

class Network {
public:
    // `prefix`: bits of the address's own family, 0-32 or 0-128. Host bits are ignored.
    Network(const IpAddress& address, unsigned prefix) noexcept
        : high_mask_{mask(mapped(address, prefix), 0)}, low_mask_{mask(mapped(address, prefix), 64)} {
        high_ = word(address, 0) & high_mask_;
        low_ = word(address, 8) & low_mask_;
    }
    // "192.0.2.0/24", "2001:db8::/32", or a single address. Nothing if the text is none.
    [[nodiscard]] static std::optional<Network> parse(const std::string& text);

    // An IPv4 block contains no IPv6 address, and ::/0 no IPv4 address.
    [[nodiscard]] bool contains(const IpAddress& address) const noexcept {
        return (((word(address, 0) & high_mask_) ^ high_) | ((word(address, 8) & low_mask_) ^ low_)) == 0 &&
               address.is_ipv4() == ipv4();
    }
    // Word 0 to 3 of address and mask in host order, an IPv4 block being ::ffff:0:0/96 and what follows.
    [[nodiscard]] std::uint32_t word(std::size_t at) const noexcept { return part(at < 2 ? high_ : low_, at); }
    [[nodiscard]] std::uint32_t mask_word(std::size_t at) const noexcept {
        return part(at < 2 ? high_mask_ : low_mask_, at);
    }
    [[nodiscard]] bool ipv4() const noexcept { return high_mask_ == ~0ULL && high_ == 0 && is_mapped_low(); }

private:
    static unsigned mapped(const IpAddress& address, unsigned prefix) noexcept {
        return address.is_ipv4() ? prefix + 96 : prefix;
    }
    static std::uint32_t part(std::uint64_t both, std::size_t at) noexcept {
        return static_cast<std::uint32_t>(at % 2 == 0 ? both >> 32U : both);
    }
    static std::uint64_t word(const IpAddress& address, std::size_t offset) noexcept {
        std::uint64_t value = 0;
        std::memcpy(&value, address.bytes.data() + offset, sizeof(value));
        return __builtin_bswap64(value);
    }
    // The part of a 128-bit prefix mask that begins at bit `from`.
    static std::uint64_t mask(unsigned prefix, unsigned from) noexcept {
        if (prefix <= from) return 0;
        return prefix - from >= 64 ? ~0ULL : ~(~0ULL >> (prefix - from));
    }
    [[nodiscard]] bool is_mapped_low() const noexcept {
        return (low_mask_ >> 32U) == 0xffffffffU && (low_ >> 32U) == 0xffffU;
    }

    std::uint64_t high_mask_;
    std::uint64_t low_mask_;
    std::uint64_t high_ = 0;
    std::uint64_t low_ = 0;
};

}  // namespace heartgate::dataplane
