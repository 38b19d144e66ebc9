// SPDX-License-Identifier: Apache-2.0
// The dataplane's end of the health ring and the sync ring: checks each message, applies it to the endpoint table and
// the bindings, and publishes what every worker has acted on. Polled by worker 0 in each loop; the only writer of these
// tables. Who may produce is the control server's matter: it hands out the incarnations.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

#include "dataplane/channel/applied_queue.h"
#include "dataplane/channel/shared_memory.h"
#include "dataplane/concurrent/quiescence.h"
#include "dataplane/contract/message.h"
#include "dataplane/endpoint/binding_table.h"
#include "dataplane/endpoint/endpoint_table.h"
#include "dataplane/policy/gate.h"
#include "dataplane/worker/worker.h"

namespace heartgate::dataplane {

class HealthConsumer final : public LoopHook {
public:
    // Most messages of one ring, and most entries that END_OF_SYNC looks at, in one poll.
    static constexpr unsigned kMostMessages = 64;
    static constexpr unsigned kMostSteps = 512;

    HealthConsumer(SharedMemory& memory, EndpointTable& endpoints, BindingTable& bindings, Gate& gate,
                   Quiescence& quiescence);

    // Worker 0, each loop, before it loads the generation.
    void poll() noexcept override;
    // Messages wait, or are not acknowledged yet.
    [[nodiscard]] bool busy() const noexcept override;

    // Control thread. Messages of this incarnation count from now on, others are skipped.
    void expect(std::uint32_t incarnation) noexcept { expected_.store(incarnation, std::memory_order_release); }
    // Control thread. A policy is in force: with it and END_OF_SYNC the state becomes kForwarding.
    void policy_loaded() noexcept { policy_loaded_.store(true, std::memory_order_release); }
    // Before the workers run: a dataplane without heartgated knows no endpoints and waits for none.
    void start_without_producer() noexcept;

private:
    enum class Ring { kHealth, kSync };
    // What this incarnation has said about an endpoint.
    struct Mention {
        std::uint32_t incarnation = 0;  // 0: not mentioned, or removed
        std::uint32_t sequence_incarnation = 0;
        std::uint64_t sequence = 0;  // of its last state or removal in sequence_incarnation, of either ring
    };

    void begin(std::uint32_t incarnation) noexcept;
    void drain(Ring ring) noexcept;
    [[nodiscard]] bool apply(const contract::HealthMessage& message, Ring ring) noexcept;
    // Notes the message as its endpoint's last one; false if the other ring has brought a later one.
    [[nodiscard]] bool is_latest(const contract::HealthMessage& message) noexcept;
    void set_state(const contract::HealthMessage& message) noexcept;
    void bind(const contract::HealthMessage& message) noexcept;
    void unbind(const contract::HealthMessage& message) noexcept;
    void remove(const contract::HealthMessage& message) noexcept;
    [[nodiscard]] bool sweep() noexcept;
    void publish_applied() noexcept;
    void publish_state() noexcept;
    void count_latency(std::uint64_t received_ns, std::uint64_t now_ns) noexcept;

    SharedMemory& memory_;
    EndpointTable& endpoints_;
    BindingTable& bindings_;
    Gate& gate_;
    Quiescence& quiescence_;

    // Writer: control thread. Reader: worker 0.
    std::atomic<std::uint32_t> expected_{0};
    std::atomic<bool> policy_loaded_{false};

    // Worker 0 alone.
    std::uint32_t incarnation_ = 0;
    std::vector<Mention> mentions_;  // by endpoint
    AppliedBatch batch_;             // of this poll
    AppliedQueue waiting_;
    bool sweeping_ = false;           // END_OF_SYNC has come, what was not mentioned is going
    std::uint32_t next_swept_ = 0;    // endpoint
    std::uint64_t synced_token_ = 0;  // of the grace period after which the sync is acknowledged
    bool synced_waits_ = false;
    contract::DataplaneState published_ = contract::DataplaneState::kStarting;
};

}  // namespace heartgate::dataplane
