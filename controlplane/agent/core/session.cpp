// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/core/session.h"

#include <utility>

namespace heartgate::control::agent {

Session::Session(Transport& transport, Sequence& sequence, std::vector<Gateway> gateways, Milliseconds interval,
                 std::function<double()> random)
    : transport_{transport},
      sequence_{sequence},
      gateways_{std::move(gateways)},
      interval_{interval},
      back_off_{std::move(random)} {}

v1::Heartbeat Session::numbered(v1::Heartbeat heartbeat) {
    heartbeat.set_boot(sequence_.boot());
    heartbeat.set_sequence(sequence_.next());
    heartbeat.set_interval_ms(static_cast<std::uint32_t>(interval_.count()));
    return heartbeat;
}

void Session::send(std::uint64_t detected_monotonic_ns, Moment now) {
    v1::Heartbeat heartbeat = numbered(current_);
    heartbeat.set_detected_monotonic_ns(detected_monotonic_ns);
    last_sent_ = now.monotonic;
    transport_.send(heartbeat);
}

void Session::say(const v1::Heartbeat& heartbeat, std::uint64_t detected_monotonic_ns, Moment now) {
    current_ = heartbeat;
    if (detected_monotonic_ns != 0 && !established() && !unheard_) {
        unheard_ = heartbeat;
        unheard_->set_detected_monotonic_ns(detected_monotonic_ns);
    }
    if (open_) send(detected_monotonic_ns, now);
}

void Session::open(Moment now) {
    open_ = true;
    answered_ = false;
    opened_ = now.monotonic;
    ++stream_;
    transport_.open(stream_, gateways_[gateway_]);
    std::uint64_t detected_monotonic_ns = 0;
    if (unheard_) {
        detected_monotonic_ns = unheard_->detected_monotonic_ns();
        // Its findings, but the machine's name and addresses as they are now. What is RED by now says so first: a
        // gateway that knows it must not hear of anything better in between.
        v1::Heartbeat detection = current_;
        detection.set_colour(unheard_->colour());
        *detection.mutable_reasons() = unheard_->reasons();
        if (current_.colour() != v1::RED && detection.SerializeAsString() != current_.SerializeAsString()) {
            detection.set_detected_monotonic_ns(std::exchange(detected_monotonic_ns, 0));
            transport_.send(numbered(std::move(detection)));
        }
    }
    send(detected_monotonic_ns, now);
}

Milliseconds Session::poll(Moment now) {
    if (!running_) return now.monotonic + interval_;
    if (!open_) {
        if (now.monotonic < open_at_) return open_at_;
        open(now);
    }
    if (!answered_ && now.monotonic >= opened_ + kAnswerWithin) {
        transport_.abort();
        closed(stream_, CloseCause::kUnreachable, now);
        return open_at_;
    }
    if (now.monotonic >= last_sent_ + interval_) send(0, now);
    const Milliseconds next = last_sent_ + interval_;
    return answered_ ? next : std::min(next, opened_ + kAnswerWithin);
}

void Session::reconnect(Moment now) {
    if (open_) transport_.abort();
    open_ = false;
    ++stream_;  // what the old one still has to say is of no interest
    back_off_.reset();
    open_at_ = now.monotonic;
}

void Session::goodbye() {
    running_ = false;
    if (!open_) return;
    v1::Heartbeat heartbeat = numbered(current_);
    heartbeat.set_goodbye(true);
    transport_.finish(heartbeat);
}

void Session::set_interval(Milliseconds interval, Moment now) {
    if (interval == interval_) return;
    interval_ = interval;
    if (open_) send(0, now);  // it names the interval that the gateway may rely on
}

bool Session::directive(std::uint64_t stream) {
    if (!open_ || stream != stream_) return false;
    answered_ = true;
    unheard_.reset();
    failures_in_a_row_ = 0;
    return true;
}

bool Session::closed(std::uint64_t stream, CloseCause cause, Moment now) {
    if (!open_ || stream != stream_) return false;
    open_ = false;
    if (!answered_) {
        // The others first; waits grow when all have been tried.
        gateway_ = (gateway_ + 1) % gateways_.size();
        ++failures_in_a_row_;
    } else if (now.monotonic - opened_ >= kProven) {
        back_off_.reset();
    }
    if (cause != CloseCause::kUnreachable) back_off_.raise(kRefusedWait);
    const bool others_untried = !answered_ && failures_in_a_row_ % gateways_.size() != 0;
    open_at_ =
        now.monotonic + (others_untried && cause == CloseCause::kUnreachable ? Milliseconds{0} : back_off_.next());
    answered_ = false;
    return true;
}

}  // namespace heartgate::control::agent
