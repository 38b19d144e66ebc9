// SPDX-License-Identifier: Apache-2.0
// The one producer of the health ring and the sync ring: holds what every endpoint's state and bindings should be and
// keeps telling the dataplane until it has acknowledged. Changes are coalesced per endpoint, so that a full ring
// delays an isolation but never loses it. Remembers everything while no dataplane is attached.
#pragma once

#include <chrono>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "controlplane/common/ip_network.h"
#include "controlplane/daemon/latency.h"
#include "controlplane/daemon/message_ring.h"
#include "controlplane/health/endpoint_health.h"
#include "dataplane/contract/endpoint_word.h"

namespace heartgate::control {

class HealthProducer {
public:
    // How long a message may stay unacknowledged before it is sent again.
    static constexpr std::chrono::milliseconds kRetry{100};
    // After which all bindings are sent again, while some have found no room.
    static constexpr std::chrono::seconds kBindAgain{5};

    // `pending`: pump() should run soon.
    explicit HealthProducer(std::function<void()> pending = [] {}) : pending_hook_{std::move(pending)} {}

    // A dataplane is there. The full state goes to it by the sync ring; `rings` lives until detach().
    void attach(MessageRings& rings, std::uint32_t incarnation, std::uint32_t endpoint_capacity);
    void detach();
    [[nodiscard]] bool attached() const { return rings_ != nullptr; }
    [[nodiscard]] bool synced() const { return phase_ == Phase::kSynced; }

    // The endpoint's state from now on; enqueued before it returns if the ring has room. `received_ns`: when the
    // causing heartbeat was read (CLOCK_MONOTONIC), 0: none.
    void set_state(std::uint32_t endpoint, const contract::EndpointState& state, std::uint64_t received_ns);
    void bind(std::uint32_t endpoint, const std::string& mac, const IpAddress& address);
    void unbind(std::uint32_t endpoint, const std::string& mac, const IpAddress& address);

    // Sends what is due and takes note of what was acknowledged. True if there is more to do soon.
    bool pump(Instant now);

    // The state that set_state() gave last.
    [[nodiscard]] contract::EndpointState state(std::uint32_t endpoint) const;
    // All that was set for this endpoint is in force on every worker.
    [[nodiscard]] bool applied(std::uint32_t endpoint) const;
    [[nodiscard]] std::size_t refused() const { return refused_.size(); }  // endpoints beyond the capacity
    // About how many bindings the dataplane has no room for, as of the last time they were sent. Their endpoints'
    // health is not enforced until there is room.
    [[nodiscard]] std::uint64_t without_room() const { return without_room_; }

    // Heartbeat read by the listener -> handed to the dataplane's ring.
    [[nodiscard]] const Latency& queued() const { return queued_; }

private:
    enum class Phase { kDetached, kSyncing, kEndSent, kSynced };
    struct Desired {
        contract::EndpointState state;
        std::uint64_t received_ns = 0;
    };
    struct Sent {
        std::uint64_t sequence = 0;  // 0: not yet
        Instant at{};
    };
    struct BindingMessage {
        contract::HealthMessage message;
        Sent sent;
    };

    [[nodiscard]] contract::HealthMessage message(contract::MessageType type, std::uint32_t endpoint) const;
    bool put(contract::HealthMessage& message, bool health);
    void feed_sync();
    void feed_states(Instant now);
    void feed_bindings(Instant now);
    void acknowledge();
    void count_failed_binds(Instant now);
    [[nodiscard]] bool representable(std::uint32_t endpoint);
    void change_binding(contract::MessageType type, std::uint32_t endpoint, const std::string& mac,
                        const IpAddress& address);

    std::function<void()> pending_hook_;
    MessageRings* rings_ = nullptr;
    std::uint32_t incarnation_ = 0;
    std::uint32_t capacity_ = 0;
    std::uint64_t sequence_ = 0;
    Phase phase_ = Phase::kDetached;

    std::map<std::uint32_t, Desired> states_;                              // of every endpoint
    std::map<IpAddress, std::pair<std::string, std::uint32_t>> bindings_;  // address -> MAC, endpoint

    std::unordered_map<std::uint32_t, Sent> pending_;  // states not acknowledged on the health ring
    std::deque<BindingMessage> pending_bindings_;      // in order; for the health ring once synced
    std::deque<contract::HealthMessage> sync_;         // bindings still to go through the sync ring
    std::vector<std::uint32_t> sync_states_;           // endpoints still to go through the sync ring, last first
    std::set<std::uint32_t> refused_;
    Latency queued_;
    std::uint64_t without_room_ = 0;
    std::uint64_t failed_binds_ = 0;  // the dataplane's counter when it was read last
    bool binding_again_ = false;      // all of them are on their way
    Instant bind_again_at_{};
};

}  // namespace heartgate::control
