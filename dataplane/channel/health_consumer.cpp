// SPDX-License-Identifier: Apache-2.0
#include "dataplane/channel/health_consumer.h"

#include <rte_ring.h>
#include <rte_ring_elem.h>

#include <algorithm>
#include <bit>

#include "dataplane/concurrent/clock.h"

namespace heartgate::dataplane {

using contract::DataplaneState;
using contract::EndpointState;
using contract::EndpointWord;
using contract::HealthMessage;
using contract::MessageType;

HealthConsumer::HealthConsumer(SharedMemory& memory, EndpointTable& endpoints, BindingTable& bindings, Gate& gate,
                               Quiescence& quiescence)
    : memory_{memory},
      endpoints_{endpoints},
      bindings_{bindings},
      gate_{gate},
      quiescence_{quiescence},
      mentions_(endpoints.capacity()) {}

void HealthConsumer::poll() noexcept {
    const std::uint32_t expected = expected_.load(std::memory_order_acquire);
    if (expected != incarnation_) begin(expected);

    if (rte_ring_empty(memory_.health()) == 0) drain(Ring::kHealth);
    if (rte_ring_empty(memory_.sync()) == 0) drain(Ring::kSync);
    if (sweeping_ && sweep()) {
        sweeping_ = false;
        if (!gate_.ready()) gate_.set_ready(true);
        synced_token_ = quiescence_.start();
        synced_waits_ = true;
    }
    if (batch_.sequence != 0) {
        batch_.token = quiescence_.start();
        waiting_.push(batch_);
        batch_.clear();
    }
    publish_applied();
    publish_state();
}

bool HealthConsumer::busy() const noexcept {
    return sweeping_ || synced_waits_ || !waiting_.empty() || rte_ring_empty(memory_.health()) == 0 ||
           rte_ring_empty(memory_.sync()) == 0;
}

void HealthConsumer::start_without_producer() noexcept { gate_.set_ready(true); }

// What the earlier one has said stays in force until this one says otherwise, or ends its sync.
void HealthConsumer::begin(std::uint32_t incarnation) noexcept {
    incarnation_ = incarnation;
    waiting_.clear();
    batch_.clear();  // its sequence is the earlier one's
    sweeping_ = false;
    synced_waits_ = false;
    memory_.state().applied_sequence.store(0, std::memory_order_relaxed);
    memory_.state().incarnation.store(incarnation, std::memory_order_release);
}

void HealthConsumer::drain(Ring ring) noexcept {
    HealthMessage messages[kMostMessages];
    rte_ring* source = ring == Ring::kHealth ? memory_.health() : memory_.sync();
    const unsigned count =
        rte_ring_sc_dequeue_burst_elem(source, messages, sizeof(HealthMessage), kMostMessages, nullptr);
    for (unsigned i = 0; i < count; ++i) {
        const HealthMessage& message = messages[i];
        if (message.checksum == contract::checksum(message) && message.incarnation != incarnation_) {
            // It may have begun since this poll did.
            const std::uint32_t expected = expected_.load(std::memory_order_acquire);
            if (expected != incarnation_) begin(expected);
        }
        const bool valid = message.checksum == contract::checksum(message) && message.incarnation == incarnation_ &&
                           incarnation_ != 0 && apply(message, ring);
        if (!valid) {
            memory_.state().skipped_messages.fetch_add(1, std::memory_order_relaxed);
            continue;
        }
        if (ring == Ring::kHealth) {
            batch_.sequence = message.sequence;
            batch_.add_received(message.received_ns);
        }
    }
}

bool HealthConsumer::apply(const HealthMessage& message, Ring ring) noexcept {
    const auto type = static_cast<MessageType>(message.type);
    if (type == MessageType::kEndOfSync) {
        if (ring != Ring::kSync) return false;
        if (!sweeping_ && !synced_waits_) {
            sweeping_ = true;
            next_swept_ = 1;
            bindings_.begin_sweep();
        }
        return true;
    }
    if (message.endpoint == contract::kNoEndpoint || message.endpoint >= endpoints_.capacity()) return false;
    switch (type) {
        case MessageType::kEndpointState:
            set_state(message);
            return true;
        case MessageType::kBind:
            bind(message);
            return true;
        case MessageType::kUnbind:
            unbind(message);
            return true;
        case MessageType::kRemove:
            remove(message);
            return true;
        case MessageType::kEndOfSync:
            break;
    }
    return false;
}

bool HealthConsumer::is_latest(const HealthMessage& message) noexcept {
    Mention& mention = mentions_[message.endpoint];
    if (mention.sequence_incarnation == incarnation_ && mention.sequence > message.sequence) return false;
    mention.sequence = message.sequence;
    mention.sequence_incarnation = incarnation_;
    return true;
}

void HealthConsumer::set_state(const HealthMessage& message) noexcept {
    if (!is_latest(message)) return;
    mentions_[message.endpoint].incarnation = incarnation_;
    endpoints_.set(message.endpoint, EndpointWord::decode(message.state));
}

void HealthConsumer::bind(const HealthMessage& message) noexcept {
    mentions_[message.endpoint].incarnation = incarnation_;
    const IpAddress address{message.address};
    const BindingTable::Bound bound = bindings_.bind(message.endpoint, message.mac, address, incarnation_);
    if (!bound.stored) memory_.state().failed_binds.fetch_add(1, std::memory_order_relaxed);
    if (!bound.changed) return;
    // Flows decided while the address was nobody's or another's are decided anew.
    endpoints_.touch(message.endpoint);
    if (bound.previous != 0) endpoints_.touch(bound.previous);
    if (bound.previous_of_mac != 0) endpoints_.touch(bound.previous_of_mac);
    endpoints_.advance();
}

void HealthConsumer::unbind(const HealthMessage& message) noexcept {
    const std::uint32_t previous = bindings_.unbind(message.mac, IpAddress{message.address});
    if (previous != 0) endpoints_.touch(previous);
}

void HealthConsumer::remove(const HealthMessage& message) noexcept {
    bindings_.remove(message.endpoint);
    // Else its slot has been given to another endpoint, whose state came by the other ring.
    if (is_latest(message)) {
        mentions_[message.endpoint].incarnation = 0;
        endpoints_.set(message.endpoint, EndpointState{});
    }
    endpoints_.touch(message.endpoint);
}

// A piece of what END_OF_SYNC asks for; true when all is done.
bool HealthConsumer::sweep() noexcept {
    if (next_swept_ < endpoints_.capacity()) {
        const std::uint32_t end = std::min(endpoints_.capacity(), next_swept_ + kMostSteps);
        for (; next_swept_ < end; ++next_swept_) {
            if (mentions_[next_swept_].incarnation != incarnation_) endpoints_.set(next_swept_, EndpointState{});
        }
        return false;
    }
    return bindings_.sweep(incarnation_, kMostSteps, endpoints_);
}

void HealthConsumer::publish_applied() noexcept {
    contract::SharedState& state = memory_.state();
    if (synced_waits_ && quiescence_.passed(synced_token_)) {
        synced_waits_ = false;
        state.synced_incarnation.store(incarnation_, std::memory_order_release);
    }
    while (!waiting_.empty() && quiescence_.passed(waiting_.front().token)) {
        const AppliedBatch& batch = waiting_.front();
        const std::uint64_t now = monotonic_ns();
        for (std::uint32_t i = 0; i < batch.received; ++i) count_latency(batch.received_ns[i], now);
        state.applied_ns.store(now, std::memory_order_relaxed);
        state.applied_sequence.store(batch.sequence, std::memory_order_release);
        waiting_.pop();
    }
}

void HealthConsumer::publish_state() noexcept {
    const std::uint32_t generation = endpoints_.generation();
    if (generation != memory_.state().generation.load(std::memory_order_relaxed)) {
        memory_.state().generation.store(generation, std::memory_order_release);
    }
    const bool forwarding = gate_.ready() && policy_loaded_.load(std::memory_order_acquire);
    const DataplaneState state = forwarding ? DataplaneState::kForwarding : DataplaneState::kWaiting;
    if (state == published_) return;
    published_ = state;
    memory_.state().state.store(static_cast<std::uint32_t>(state), std::memory_order_release);
}

void HealthConsumer::count_latency(std::uint64_t received_ns, std::uint64_t now_ns) noexcept {
    contract::SharedState& state = memory_.state();
    const std::uint64_t microseconds = now_ns > received_ns ? (now_ns - received_ns) / 1000 : 0;
    state.latency[contract::latency_bucket(microseconds)].fetch_add(1, std::memory_order_relaxed);
    if (microseconds > state.latency_maximum_us.load(std::memory_order_relaxed)) {
        state.latency_maximum_us.store(microseconds, std::memory_order_relaxed);
    }
}

}  // namespace heartgate::dataplane
