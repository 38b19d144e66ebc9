// SPDX-License-Identifier: Apache-2.0
// The 32-bit word that says everything the fast path must know about an endpoint.
// Written by the dataplane's health consumer alone; read by every worker. What it means for a packet is
// decided in dataplane/policy/, not here.
#pragma once

#include <cstdint>

namespace heartgate::contract {

// Values equal those of heartgate.v1.Colour and heartgate.v1.Presence.
enum class Colour : std::uint8_t { kUnknown = 0, kGreen = 1, kYellow = 2, kRed = 3 };
enum class Presence : std::uint8_t { kNone = 0, kConnected = 1, kMissing = 2, kAsleep = 3 };

// The part that heartgated decides. Bits: 0-1 colour, 2-3 presence, 4 isolated, 5 permitted.
struct EndpointState {
    Colour colour = Colour::kUnknown;
    Presence presence = Presence::kNone;
    bool isolated = false;   // manual, evidence, or a colour in isolate_on
    bool permitted = false;  // an administrator's time-limited permit outranks the colour

    friend constexpr bool operator==(const EndpointState&, const EndpointState&) = default;
};

// The word: the state in the low 8 bits, above it a version that grows with every change and is never reset, also
// when a slot is reused, so that a flow decided under an earlier owner or state can never match again by chance.
class EndpointWord {
public:
    constexpr EndpointWord() = default;
    constexpr explicit EndpointWord(std::uint32_t raw) : raw_{raw} {}

    [[nodiscard]] constexpr std::uint32_t raw() const { return raw_; }
    [[nodiscard]] constexpr std::uint32_t version() const { return raw_ >> kVersionShift; }
    [[nodiscard]] constexpr EndpointState state() const {
        return {.colour = static_cast<Colour>(raw_ & 3U),
                .presence = static_cast<Presence>((raw_ >> 2U) & 3U),
                .isolated = (raw_ & kIsolatedBit) != 0,
                .permitted = (raw_ & kPermittedBit) != 0};
    }
    // The word that follows this one when the state (or a binding of the endpoint) has changed.
    [[nodiscard]] constexpr EndpointWord next(const EndpointState& state) const {
        return EndpointWord{((version() + 1U) << kVersionShift) | encode(state)};
    }
    [[nodiscard]] static constexpr std::uint8_t encode(const EndpointState& state) {
        return static_cast<std::uint8_t>(static_cast<std::uint32_t>(state.colour) |
                                         (static_cast<std::uint32_t>(state.presence) << 2U) |
                                         (state.isolated ? kIsolatedBit : 0U) | (state.permitted ? kPermittedBit : 0U));
    }
    [[nodiscard]] static constexpr EndpointState decode(std::uint8_t bits) { return EndpointWord{bits}.state(); }

    friend constexpr bool operator==(const EndpointWord&, const EndpointWord&) = default;

private:
    static constexpr std::uint32_t kIsolatedBit = 1U << 4U;
    static constexpr std::uint32_t kPermittedBit = 1U << 5U;
    static constexpr std::uint32_t kVersionShift = 8U;

    std::uint32_t raw_ = 0;
};
static_assert(sizeof(EndpointWord) == 4);

// Index of the endpoint table that stands for "no endpoint": presence none, never isolated.
inline constexpr std::uint32_t kNoEndpoint = 0;

}  // namespace heartgate::contract
