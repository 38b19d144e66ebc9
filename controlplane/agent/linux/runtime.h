// SPDX-License-Identifier: Apache-2.0
// The running agent: one loop that does what is due, takes what the stream brings, and keeps state and certificate.
#pragma once

#include <atomic>
#include <deque>
#include <functional>
#include <future>
#include <mutex>
#include <optional>

#include "controlplane/agent/core/agent.h"
#include "controlplane/agent/grpc/grpc_enrolment.h"
#include "controlplane/agent/grpc/grpc_transport.h"
#include "controlplane/agent/linux/files.h"
#include "controlplane/agent/linux/notify_command.h"
#include "controlplane/agent/linux/peer_filter.h"
#include "controlplane/agent/linux/protection.h"

namespace heartgate::control::agent {

class Runtime final : public TransportListener {
public:
    // `signals`: a signalfd; the loop ends when it is readable.
    Runtime(Config config, StateDirectory state_directory, int signals);

    // Until a signal; an error if it cannot begin.
    Expected<void> run();

    void on_directive(std::uint64_t stream, const v1::Directive& directive) override;
    void on_closed(std::uint64_t stream, CloseCause cause, const std::string& message) override;

private:
    void wake();
    void loop();
    bool wait_until(Milliseconds when) const;  // false: a signal came
    void handle_events();
    void housekeeping(Moment now);
    void look_at_identity();
    void look_at_renewal(Moment now);
    void save_state();
    void refuse_peers();
    [[nodiscard]] heartgate::agent::v1::ControlReply answer(const heartgate::agent::v1::ControlRequest& request);

    const Config config_;
    const StateDirectory state_directory_;
    const int signals_;
    const UniqueFd wake_;
    SystemClock clock_;
    NotifyCommand notifier_;

    std::mutex events_mutex_;
    std::deque<std::function<void()>> events_;

    GrpcTransport transport_{*this};
    std::optional<Agent> agent_;
    std::unique_ptr<Protection> protection_;
    std::unique_ptr<PeerFilter> peer_filter_;  // null: not wanted, or not possible here
    std::string filter_failure_;
    std::atomic<std::uint32_t> refused_addresses_{0};

    std::int64_t identity_version_ = 0;
    std::optional<Identity> identity_;
    Validity validity_;
    std::future<Expected<Identity>> renewal_;
    Milliseconds no_renewal_before_{0};
    Milliseconds next_housekeeping_{0};
    std::string last_failure_ = "none yet";
    bool waiting_logged_ = false;
    std::optional<heartgate::agent::v1::AgentState> unsaved_;  // could not be written yet
    std::string save_failure_;
};

}  // namespace heartgate::control::agent
