// SPDX-License-Identifier: Apache-2.0
#include "controlplane/health/endpoint_health.h"

#include <algorithm>

namespace heartgate::control {
namespace {

using contract::Colour;
using contract::Presence;

constexpr std::chrono::seconds kSwitchWindow{60};
constexpr int kMostSwitches = 5;  // a dock or Wi-Fi change switches once or twice; two machines go on for ever

}  // namespace

EndpointHealth::Outcome EndpointHealth::heartbeat(Instant now, std::uint64_t stream, const HeartbeatReport& report) {
    if (report.colour == Colour::kUnknown) return {.refusal = Refusal::kUnknownColour};
    const bool newer = report.order > order_ || (report.replayed && report.order == order_);
    if (!newer) {
        if (stream != stream_) note_rival(now, stream);
        return {.refusal = Refusal::kOlder};
    }

    Outcome outcome;
    if (stream_ != 0 && stream_ != stream) {
        outcome.close_stream = stream_;
        note_switch(now);
    }
    // The refused stream was there between two heartbeats of this one: both are alive.
    outcome.duplicate = (stream == stream_ && rival_.has_value()) || switches_ > kMostSwitches;
    if (outcome.duplicate) switches_ = 0;
    rival_.reset();

    // The very heartbeat that is known already: it says which stream is open, not that anybody is alive.
    const bool known = report.order == order_ && presence_ != Presence::kNone;
    stream_ = stream;
    order_ = report.order;
    colour_ = report.colour;
    interval_ = report.interval;
    if (known) return outcome;
    last_heartbeat_ = now;
    grace_from_.reset();
    if (report.goodbye) {
        presence_ = Presence::kAsleep;
        quiet_from_ = now + kResidualTraffic;
        grace_ = kGoodbyeGrace;
    } else {
        presence_ = Presence::kConnected;
        quiet_from_.reset();
    }
    return outcome;
}

void EndpointHealth::stream_closed(std::uint64_t stream) {
    if (stream == stream_) stream_ = 0;
}

void EndpointHealth::tick(Instant now, std::optional<Instant> hearing_since) {
    if (!hearing_since || presence_ == Presence::kNone || presence_ == Presence::kMissing) return;
    const Instant heard = std::max(last_heartbeat_.value_or(*hearing_since), *hearing_since);
    const std::chrono::milliseconds patience = interval_ * kMissedIntervals;

    if (presence_ == Presence::kConnected) {
        if (now - heard < patience) return;
        // Alive after the first heartbeat that did not come, and not only until then.
        if (last_traffic_ && *last_traffic_ > heard + interval_) {
            presence_ = Presence::kMissing;
            return;
        }
        presence_ = Presence::kAsleep;
        quiet_from_ = now;
        grace_from_.reset();
        grace_ = std::min(patience, std::chrono::milliseconds{kGoodbyeGrace});
        return;
    }

    // ASLEEP: traffic starts the grace, and goes on when it has ended. Stored as ASLEEP before a restart: from now on.
    if (!quiet_from_) {
        quiet_from_ = *hearing_since;
        grace_ = kGoodbyeGrace;
    }
    if (!last_traffic_ || *last_traffic_ <= *quiet_from_) return;
    if (!grace_from_) grace_from_ = *last_traffic_;
    if (*last_traffic_ - *grace_from_ >= grace_) presence_ = Presence::kMissing;
}

void EndpointHealth::note_rival(Instant now, std::uint64_t stream) {
    const bool alive =
        stream_ != 0 && stream != 0 && last_heartbeat_ && now - *last_heartbeat_ < interval_ * kMissedIntervals;
    if (alive) rival_ = now;
}

void EndpointHealth::note_switch(Instant now) {
    if (switches_ == 0 || now - switches_from_ > kSwitchWindow) {
        switches_from_ = now;
        switches_ = 0;
    }
    ++switches_;
}

}  // namespace heartgate::control
