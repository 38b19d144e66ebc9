// SPDX-License-Identifier: Apache-2.0
// What is known about one endpoint's health, and how heartbeats, silence and traffic change it.
// Colour (the last accepted health) and presence (whether it is heard) are kept apart: the colour outlives the
// connection. Pure: time comes in with every call, nothing is sent or stored here.
#pragma once

#include <chrono>
#include <compare>
#include <cstdint>
#include <optional>

#include "dataplane/contract/endpoint_word.h"

namespace heartgate::control {

// CLOCK_MONOTONIC, or a test's own clock.
using Instant = std::chrono::time_point<std::chrono::steady_clock, std::chrono::nanoseconds>;

// Orders the heartbeats of an endpoint over its sessions and reboots.
struct HeartbeatOrder {
    std::uint64_t boot = 0;
    std::uint64_t sequence = 0;

    friend auto operator<=>(const HeartbeatOrder&, const HeartbeatOrder&) = default;
};

struct HeartbeatReport {
    HeartbeatOrder order;
    contract::Colour colour = contract::Colour::kUnknown;
    std::chrono::milliseconds interval{15'000};
    bool goodbye = false;
    bool replayed = false;  // the listener repeats a stream's last heartbeat: the same order is no replay attack then
};

class EndpointHealth {
public:
    // Times after which an absent heartbeat means something.
    static constexpr int kMissedIntervals = 3;
    static constexpr std::chrono::seconds kGoodbyeGrace{20};
    static constexpr std::chrono::seconds kResidualTraffic{2};  // packets still on their way after a goodbye

    enum class Refusal : std::uint8_t { kNone, kUnknownColour, kOlder };
    struct Outcome {
        Refusal refusal = Refusal::kNone;
        std::uint64_t close_stream = 0;  // superseded by this heartbeat's stream; 0: none
        bool duplicate = false;          // two sessions of one certificate are both alive
    };

    EndpointHealth() = default;
    // As it was stored before a restart.
    EndpointHealth(contract::Colour colour, contract::Presence presence, HeartbeatOrder order,
                   std::chrono::milliseconds interval)
        : colour_{colour}, presence_{presence}, order_{order}, interval_{interval} {}

    // A heartbeat on an authenticated stream (numbers from 1). The newer (boot, sequence) wins; what is not newer is
    // refused and changes nothing.
    Outcome heartbeat(Instant now, std::uint64_t stream, const HeartbeatReport& report);
    void stream_closed(std::uint64_t stream);

    // Routed unicast traffic of the endpoint was seen at `seen`.
    void traffic(Instant seen) { last_traffic_ = std::max(last_traffic_.value_or(seen), seen); }
    // Draws the conclusions of silence. `hearing_since`: since when the gateway itself has been listening without
    // interruption; silence before that is the gateway's own, and without it nothing is concluded.
    void tick(Instant now, std::optional<Instant> hearing_since);

    [[nodiscard]] contract::Colour colour() const { return colour_; }
    [[nodiscard]] contract::Presence presence() const { return presence_; }
    [[nodiscard]] HeartbeatOrder order() const { return order_; }
    [[nodiscard]] std::chrono::milliseconds interval() const { return interval_; }
    [[nodiscard]] std::uint64_t stream() const { return stream_; }  // whose heartbeats count; 0: none

private:
    void note_rival(Instant now, std::uint64_t stream);
    void note_switch(Instant now);

    contract::Colour colour_ = contract::Colour::kUnknown;
    contract::Presence presence_ = contract::Presence::kNone;
    HeartbeatOrder order_;
    std::chrono::milliseconds interval_{15'000};

    std::uint64_t stream_ = 0;
    std::optional<Instant> last_heartbeat_;
    std::optional<Instant> last_traffic_;
    // ASLEEP: traffic that is no longer residual counts from `quiet_from_`; the grace begins with it.
    std::optional<Instant> quiet_from_;
    std::optional<Instant> grace_from_;
    std::chrono::milliseconds grace_{kGoodbyeGrace};

    std::optional<Instant> rival_;  // when another live stream of this certificate was refused
    Instant switches_from_{};
    int switches_ = 0;  // of the winning stream, within a minute
};

}  // namespace heartgate::control
