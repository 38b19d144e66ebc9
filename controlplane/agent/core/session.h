// SPDX-License-Identifier: Apache-2.0
// Keeps one heartbeat stream open to one of the gateways and says what there is to say: at once when something changed,
// otherwise every interval. Not thread-safe; its owner serialises.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "controlplane/agent/core/back_off.h"
#include "controlplane/agent/core/moment.h"
#include "controlplane/agent/core/sequence.h"
#include "controlplane/agent/core/transport.h"

namespace heartgate::control::agent {

class Session {
public:
    // A stream on which the gateway says nothing for so long after it was opened is given up.
    static constexpr Milliseconds kAnswerWithin{10'000};
    // A stream that lived so long is a good one: the next attempt after its end is quick.
    static constexpr Milliseconds kProven{5'000};
    // After ABORTED or a refusal a quick repetition only makes it worse.
    static constexpr Milliseconds kRefusedWait{5'000};

    // `gateways` must not be empty. Nothing happens before start().
    Session(Transport& transport, Sequence& sequence, std::vector<Gateway> gateways, Milliseconds interval,
            std::function<double()> random);

    // The next poll() opens a stream; there is an identity to show.
    void start() { running_ = true; }
    // What to say from now on; number, interval and goodbye are filled in here. Sends it at once if a stream is open.
    // detected_monotonic_ns: of what changed, 0 if nothing that is measured.
    void say(const v1::Heartbeat& heartbeat, std::uint64_t detected_monotonic_ns, Moment now);
    // Does what is due. Gives when it wants to be asked again.
    Milliseconds poll(Moment now);
    // A new identity or another network: gives this stream up and opens the next one at once.
    void reconnect(Moment now);
    void goodbye();
    void set_interval(Milliseconds interval, Moment now);

    // From the transport, for the stream they name; false: an older stream's, ignored.
    bool directive(std::uint64_t stream);
    bool closed(std::uint64_t stream, CloseCause cause, Moment now);

    [[nodiscard]] bool established() const { return open_ && answered_; }
    [[nodiscard]] Milliseconds interval() const { return interval_; }
    [[nodiscard]] const Gateway& gateway() const { return gateways_[gateway_]; }

private:
    void open(Moment now);
    void send(std::uint64_t detected_monotonic_ns, Moment now);
    [[nodiscard]] v1::Heartbeat numbered(v1::Heartbeat heartbeat);

    Transport& transport_;
    Sequence& sequence_;
    std::vector<Gateway> gateways_;
    Milliseconds interval_;
    BackOff back_off_;

    v1::Heartbeat current_;
    // The first detection that no gateway has heard of: said on each new stream, before what holds by then, until one
    // answers. Otherwise what is cleaned before a stream stands would never have been reported.
    std::optional<v1::Heartbeat> unheard_;
    bool running_ = false;
    bool open_ = false;
    bool answered_ = false;
    std::uint64_t stream_ = 0;
    std::size_t gateway_ = 0;
    std::size_t failures_in_a_row_ = 0;
    Milliseconds opened_{0};
    Milliseconds last_sent_{0};
    Milliseconds open_at_{0};
};

}  // namespace heartgate::control::agent
