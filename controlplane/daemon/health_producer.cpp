// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/health_producer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "controlplane/daemon/clock.h"

namespace heartgate::control {

using contract::EndpointState;
using contract::EndpointWord;
using contract::HealthMessage;
using contract::MessageType;

void HealthProducer::attach(MessageRings& rings, std::uint32_t incarnation, std::uint32_t endpoint_capacity) {
    rings_ = &rings;
    incarnation_ = incarnation;
    capacity_ = endpoint_capacity;
    sequence_ = 0;
    phase_ = Phase::kSyncing;
    pending_.clear();
    pending_bindings_.clear();
    sync_.clear();
    sync_states_.clear();
    refused_.clear();
    without_room_ = 0;
    failed_binds_ = rings.failed_binds();
    binding_again_ = true;  // the sync sends all of them
    for (auto entry = states_.rbegin(); entry != states_.rend(); ++entry) {
        if (representable(entry->first)) sync_states_.push_back(entry->first);
    }
    for (const auto& [address, owner] : bindings_) {
        change_binding(MessageType::kBind, owner.second, owner.first, address);
    }
}

void HealthProducer::detach() {
    rings_ = nullptr;
    phase_ = Phase::kDetached;
}

void HealthProducer::set_state(std::uint32_t endpoint, const EndpointState& state, std::uint64_t received_ns) {
    states_[endpoint] = {state, received_ns};
    if (!attached() || !representable(endpoint)) return;
    pending_[endpoint] = {};
    HealthMessage update = message(MessageType::kEndpointState, endpoint);
    update.state = EndpointWord::encode(state);
    update.received_ns = received_ns;
    if (put(update, true)) pending_[endpoint] = {sequence_, std::chrono::steady_clock::now()};
    pending_hook_();
}

void HealthProducer::bind(std::uint32_t endpoint, const std::string& mac, const IpAddress& address) {
    bindings_[address] = {mac, endpoint};
    if (attached()) change_binding(MessageType::kBind, endpoint, mac, address);
}

void HealthProducer::unbind(std::uint32_t endpoint, const std::string& mac, const IpAddress& address) {
    bindings_.erase(address);
    if (attached()) change_binding(MessageType::kUnbind, endpoint, mac, address);
}

bool HealthProducer::pump(Instant now) {
    if (!attached()) return false;
    acknowledge();
    feed_states(now);
    if (phase_ == Phase::kSyncing) feed_sync();
    if (phase_ == Phase::kSynced) {
        count_failed_binds(now);
        feed_bindings(now);
    }
    return phase_ != Phase::kSynced || !pending_.empty() || !pending_bindings_.empty();
}

EndpointState HealthProducer::state(std::uint32_t endpoint) const {
    const auto entry = states_.find(endpoint);
    return entry == states_.end() ? EndpointState{} : entry->second.state;
}

bool HealthProducer::applied(std::uint32_t endpoint) const {
    if (!attached() || refused_.contains(endpoint)) return false;
    const auto entry = pending_.find(endpoint);
    if (entry == pending_.end()) return synced();
    return entry->second.sequence != 0 && rings_->incarnation() == incarnation_ &&
           rings_->applied_sequence() >= entry->second.sequence;
}

HealthMessage HealthProducer::message(MessageType type, std::uint32_t endpoint) const {
    HealthMessage result;
    result.incarnation = incarnation_;
    result.endpoint = endpoint;
    result.type = static_cast<std::uint8_t>(type);
    return result;
}

// Fills sequence and checksum; the number is used up only if the ring took the message.
bool HealthProducer::put(HealthMessage& message, bool health) {
    message.sequence = sequence_ + 1;
    message.checksum = contract::checksum(message);
    if (!(health ? rings_->put_health(message) : rings_->put_sync(message))) return false;
    ++sequence_;
    if (message.received_ns != 0) queued_.add(monotonic_ns() - message.received_ns);
    return true;
}

// States as they are now, not as they were when the sync began: a newer one may have gone by the health ring already,
// and this message carries a later number.
void HealthProducer::feed_sync() {
    while (!sync_states_.empty()) {
        HealthMessage update = message(MessageType::kEndpointState, sync_states_.back());
        update.state = EndpointWord::encode(states_.at(sync_states_.back()).state);
        if (!put(update, false)) return;
        sync_states_.pop_back();
    }
    while (!sync_.empty()) {
        if (!put(sync_.front(), false)) return;
        sync_.pop_front();
    }
    HealthMessage end = message(MessageType::kEndOfSync, 0);
    if (put(end, false)) phase_ = Phase::kEndSent;
}

void HealthProducer::feed_states(Instant now) {
    for (auto& [endpoint, sent] : pending_) {
        if (sent.sequence != 0 && now - sent.at < kRetry) continue;
        const Desired& desired = states_.at(endpoint);
        HealthMessage update = message(MessageType::kEndpointState, endpoint);
        update.state = EndpointWord::encode(desired.state);
        update.received_ns = sent.sequence == 0 ? desired.received_ns : 0;
        if (!put(update, true)) return;
        sent = {sequence_, now};
    }
}

// In order, since a later one may move what an earlier one bound; when the first is due again, all are.
void HealthProducer::feed_bindings(Instant now) {
    if (pending_bindings_.empty()) return;
    const Sent& first = pending_bindings_.front().sent;
    if (first.sequence != 0 && now - first.at >= kRetry) {
        for (BindingMessage& binding : pending_bindings_) binding.sent = {};
    }
    for (BindingMessage& binding : pending_bindings_) {
        if (binding.sent.sequence != 0) continue;
        if (!put(binding.message, true)) return;
        binding.sent = {sequence_, now};
    }
}

void HealthProducer::acknowledge() {
    if (rings_->incarnation() != incarnation_) return;
    if (phase_ == Phase::kEndSent && rings_->synced_incarnation() == incarnation_) phase_ = Phase::kSynced;
    const std::uint64_t applied = rings_->applied_sequence();
    std::erase_if(pending_, [applied](const auto& entry) {
        return entry.second.sequence != 0 && entry.second.sequence <= applied;
    });
    while (!pending_bindings_.empty()) {
        const std::uint64_t sequence = pending_bindings_.front().sent.sequence;
        if (sequence == 0 || sequence > applied) break;
        pending_bindings_.pop_front();
    }
}

// The dataplane counts failures and does not name them, so that all are sent again; those that are bound stay so.
void HealthProducer::count_failed_binds(Instant now) {
    if (!pending_bindings_.empty()) return;
    const std::uint64_t failed = rings_->failed_binds();
    const std::uint64_t more = failed - std::exchange(failed_binds_, failed);
    if (binding_again_) without_room_ = 0;
    if (binding_again_ || more != 0) bind_again_at_ = now + kBindAgain;
    binding_again_ = false;
    without_room_ += more;
    if (without_room_ == 0 || now < bind_again_at_) return;
    binding_again_ = true;
    for (const auto& [address, owner] : bindings_) {
        change_binding(MessageType::kBind, owner.second, owner.first, address);
    }
}

bool HealthProducer::representable(std::uint32_t endpoint) {
    if (endpoint != 0 && endpoint < capacity_) return true;
    refused_.insert(endpoint);
    return false;
}

void HealthProducer::change_binding(MessageType type, std::uint32_t endpoint, const std::string& mac,
                                    const IpAddress& address) {
    if (!representable(endpoint)) return;
    HealthMessage change = message(type, endpoint);
    std::memcpy(change.mac.data(), mac.data(), std::min(mac.size(), change.mac.size()));
    change.address = address.bytes;
    if (phase_ == Phase::kSyncing) {
        sync_.push_back(change);
    } else {
        pending_bindings_.push_back({change, {}});
    }
    if (phase_ == Phase::kSynced) feed_bindings(std::chrono::steady_clock::now());
    pending_hook_();
}

}  // namespace heartgate::control
