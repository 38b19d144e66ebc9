// SPDX-License-Identifier: Apache-2.0
// The way to the dataplane from its absence to a full resync: waits for the primary, attaches by socket and memory,
// loads the policy, lets the producer sync, watches the primary, polls for activity. When the primary is gone this
// process starts anew, since EAL cannot be initialised twice.
#pragma once

#include <heartgate/v1/dataplane.pb.h>
#include <heartgate/v1/policy.pb.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/daemon/dataplane_client.h"
#include "controlplane/daemon/health_producer.h"

namespace heartgate::control {

class DataplaneLink {
public:
    // What it asks of the rest; all but `attach_memory` run on the loop.
    struct Hooks {
        std::function<bool()> alive;                                             // a primary runs
        std::function<Expected<std::unique_ptr<MessageRings>>()> attach_memory;  // once, on a thread of its own
        std::function<bool()> has_policy;                                        // one is in force
        std::function<void(std::function<void()> settled)> offer_policy;         // by load_policy(); sync waits for it
        std::function<bool()> listener_replayed;                                 // its last heartbeats are known
        std::function<void(const v1::AttachReply&)> attached;                    // sync begins
        std::function<void(const std::string& why)> lost;                        // was attached
        std::function<void(std::uint32_t index, Instant seen)> traffic;
        std::function<void(const v1::Alarm&)> alarm;
        std::function<void()> start_anew;  // replace the process image
    };

    DataplaneLink(boost::asio::io_context& loop, std::string socket_path, HealthProducer& producer, Hooks hooks);

    void start();
    void stop();

    [[nodiscard]] bool attached() const { return phase_ == Phase::kAttached; }
    [[nodiscard]] std::uint64_t incarnation() const { return attached() ? reply_.incarnation() : 0; }
    [[nodiscard]] std::string sentence() const;  // the state, for people

    // Refused with kFailedPrecondition by the dataplane, or kUnavailable without one. `only_check`: built and thrown
    // away.
    void load_policy(const v1::Policy& policy, bool only_check, std::function<void(Expected<void>)> done);
    // Anything else that the dataplane answers; kUnavailable without one.
    void ask(const v1::DataplaneRequest& request, DataplaneClient::Reply done) {
        client_.request(request, std::move(done));
    }

    // Calls back with the time (CLOCK_MONOTONIC, ns) once all that was set for the endpoint is in force on every
    // worker; with 0 after `patience`, or at once without a dataplane.
    void when_applied(std::uint32_t endpoint, std::chrono::milliseconds patience,
                      std::function<void(std::uint64_t applied_ns)> done);
    // The producer has something that waits for room or acknowledgement.
    void pending();

private:
    using Mapped = Expected<std::unique_ptr<MessageRings>>;
    enum class Phase { kAbsent, kConnecting, kMapping, kWaitingForListener, kAttached };
    struct Waiter {
        std::uint32_t endpoint;
        Instant deadline;
        std::function<void(std::uint64_t)> done;
    };

    void watch();
    void connect();
    void attach();
    void map_memory();
    void take_memory();
    void begin_sync();
    void pump();
    void poll_activity();
    void take_alarms();
    void lose(const std::string& why);
    void say_once(const std::string& sentence);

    HealthProducer& producer_;
    Hooks hooks_;
    DataplaneClient client_;
    boost::asio::steady_timer watch_timer_;
    boost::asio::steady_timer pump_timer_;
    boost::asio::steady_timer activity_timer_;
    Phase phase_ = Phase::kAbsent;
    bool stopped_ = false;
    bool memory_tried_ = false;
    bool policy_settled_ = false;  // it is known which one this dataplane has
    bool pump_soon_ = false;
    Instant connect_not_before_{};
    Instant sync_not_before_{};  // unless the listener has replayed
    v1::AttachReply reply_;
    std::future<Mapped> mapping_;
    std::unique_ptr<MessageRings> memory_;
    std::vector<Waiter> waiters_;
    std::string said_;
};

}  // namespace heartgate::control
