// SPDX-License-Identifier: Apache-2.0
// heartgated's parts and how they are wired. One loop owns all of it; the answers to administrators are here, the work
// is in the parts.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "controlplane/daemon/administration/backend.h"
#include "controlplane/daemon/bindings.h"
#include "controlplane/daemon/configuration.h"
#include "controlplane/daemon/dataplane_link.h"
#include "controlplane/daemon/directives.h"
#include "controlplane/daemon/endpoint_registry.h"
#include "controlplane/daemon/enrolment.h"
#include "controlplane/daemon/event_log.h"
#include "controlplane/daemon/flow_questions.h"
#include "controlplane/daemon/health_producer.h"
#include "controlplane/daemon/heartbeat_intake.h"
#include "controlplane/daemon/listener_link.h"
#include "controlplane/daemon/neighbours.h"
#include "controlplane/daemon/observations.h"
#include "controlplane/daemon/page_link.h"
#include "controlplane/daemon/policy_keeper.h"
#include "controlplane/daemon/refusals.h"
#include "controlplane/pki/certificate_authority.h"
#include "controlplane/store/store_writer.h"

namespace heartgate::control {

class Daemon : public AdministrationBackend {
public:
    // The way to the dataplane's memory, which tests replace.
    struct Primary {
        std::function<bool()> alive;
        std::function<Expected<std::unique_ptr<MessageRings>>()> attach_memory;
        std::function<void()> start_anew;  // called when the dataplane is gone after memory was mapped
    };

    Daemon(boost::asio::io_context& loop, Configuration configuration, pki::CertificateAuthority authority,
           std::unique_ptr<Store> store, StoredState state, Primary primary);

    // Policy, listener socket, identity; then begins to wait for the dataplane.
    [[nodiscard]] Expected<void> start();
    // Closes the sockets and hands the last heartbeat orders to the store; they are on disk once this is destroyed.
    void stop();

    void list_endpoints(const v1::ListEndpointsRequest& request, Answer<v1::ListEndpointsResponse> answer) override;
    void get_endpoint(const v1::GetEndpointRequest& request, Answer<v1::Endpoint> answer) override;
    void isolate(const v1::IsolateRequest& request, Answer<v1::IsolateResponse> answer) override;
    void release(const v1::ReleaseRequest& request, Answer<v1::ReleaseResponse> answer) override;
    void remove(const v1::RemoveEndpointRequest& request, Answer<v1::RemoveEndpointResponse> answer) override;
    void get_policy(const v1::GetPolicyRequest& request, Answer<v1::GetPolicyResponse> answer) override;
    void check_policy(const v1::CheckPolicyRequest& request, Answer<v1::CheckPolicyResponse> answer) override;
    void apply_policy(const v1::ApplyPolicyRequest& request, Answer<v1::ApplyPolicyResponse> answer) override;
    void statistics(const v1::GetStatisticsRequest& request, Answer<v1::Statistics> answer) override;
    void list_flows(const v1::ListFlowsRequest& request, Answer<v1::ListFlowsResponse> answer) override;
    void get_flow(const v1::GetFlowRequest& request, Answer<v1::Flow> answer) override;
    void count_flows(const v1::CountFlowsRequest& request, Answer<v1::CountFlowsResponse> answer) override;
    Stop watch_drops(const v1::WatchDropsRequest& request, const Sink<v1::DroppedPacket>& sink) override;
    Stop capture(const v1::CaptureRequest& request, const Sink<v1::CapturedPackets>& sink) override;
    void status(const v1::StatusRequest& request, Answer<v1::StatusResponse> answer) override;
    void create_token(const v1::CreateTokenRequest& request, Answer<v1::CreateTokenResponse> answer) override;
    void list_events(const v1::ListEventsRequest& request, Answer<v1::ListEventsResponse> answer) override;
    std::uint64_t follow_events(std::uint32_t past, std::function<void(const v1::Event&)> follower) override;
    void unfollow_events(std::uint64_t number) override;

private:
    // An isolation by hand whose answer waits for dataplane and disk.
    struct Isolation {
        EndpointRecord* record;
        std::uint64_t asked_ns;
        Instant deadline;  // for the disk
        Answer<v1::IsolateResponse> answer;
        std::optional<std::uint64_t> applied_ns;
        bool stored = false;
    };

    // Answers those that are in force and on disk, or of which it is clear that the disk does not take them now.
    void answer_isolations(bool ending = false);
    [[nodiscard]] Expected<v1::IsolateResponse> outcome(const Isolation& isolation) const;
    [[nodiscard]] ListenerLink::Hooks listener_hooks();
    [[nodiscard]] DataplaneLink::Hooks dataplane_hooks(const Primary& primary);
    void set_zones(const v1::AttachReply& reply);
    // One line on how long a change took from its detection to every worker, for heartbeats that say when it was found.
    void account_for_change(const v1::HeartbeatReceived& received);
    [[nodiscard]] Expected<void> renew_identity();
    // The certificate of an endpoint is good for nothing from now on, here and at the listener.
    void revoke(EndpointRecord& record);
    void tick();
    void report_bindings();
    void update_hearing();
    // A sentence if nothing can be written to disk now: what must be on disk is refused rather than left waiting.
    [[nodiscard]] std::optional<Error> disk_trouble() const;

    boost::asio::io_context& loop_;
    Configuration configuration_;
    pki::CertificateAuthority authority_;
    StoredState loaded_;  // until start()
    Primary primary_;
    std::int64_t started_unix_ms_;

    v1::Trust trust_;
    std::string trouble_;  // of the store
    StoreWriter store_;
    EventLog events_;
    HealthProducer producer_;
    KernelNeighbours neighbours_;
    google::protobuf::RepeatedPtrField<v1::Zone> zone_list_;  // of the dataplane attached last
    Zones zones_;
    Bindings bindings_;
    Directives directives_;
    EndpointRegistry registry_;
    Refusals refusals_;
    ListenerLink listener_;
    HeartbeatIntake intake_;
    Enrolment enrolment_;
    PolicyKeeper policy_;
    DataplaneLink dataplane_;
    FlowQuestions flows_{dataplane_, registry_, policy_};
    PageLink page_;
    Observations observers_{loop_, dataplane_, bindings_};

    std::vector<std::shared_ptr<Isolation>> isolations_;
    bool without_room_ = false;             // some bindings, and it was reported
    bool listener_ready_ = false;           // it accepts endpoints
    std::optional<Instant> hearing_since_;  // listener and dataplane both there, and this loop not stalled
    Instant last_tick_{};
    std::int64_t identity_renewal_unix_s_ = 0;
    boost::asio::steady_timer tick_timer_;
};

}  // namespace heartgate::control
