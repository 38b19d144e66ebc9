// SPDX-License-Identifier: Apache-2.0
#include "dataplane/channel/control_requests.h"

#include <fmt/format.h>
#include <openssl/sha.h>
#include <spdlog/spdlog.h>

#include <array>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "dataplane/channel/health_consumer.h"
#include "dataplane/channel/latency.h"
#include "dataplane/concurrent/clock.h"
#include "dataplane/endpoint/activity.h"
#include "dataplane/flow/flow_table.h"
#include "dataplane/policy/compiled_policy.h"
#include "dataplane/port/zone_table.h"
#include "heartgate/v1/dataplane.pb.h"
#include "heartgate/v1/policy.pb.h"

namespace heartgate::dataplane {
namespace {

constexpr std::uint64_t kKeepEveryMs = 60'000;

v1::ZoneRole role_message(ZoneRole role) {
    switch (role) {
        case ZoneRole::kAttached:
            return v1::ZONE_ROLE_ATTACHED;
        case ZoneRole::kRouted:
            return v1::ZONE_ROLE_ROUTED;
        case ZoneRole::kWan:
            return v1::ZONE_ROLE_WAN;
        case ZoneRole::kAppliance:
            break;
    }
    return v1::ZONE_ROLE_UNSPECIFIED;
}

std::string sha256(const std::string& bytes) {
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
    return {digest.begin(), digest.end()};
}

}  // namespace

ControlRequests::ControlRequests(ControlRequestsDependencies dependencies)
    : dependencies_{std::move(dependencies)},
      flows_{dependencies_.flows, dependencies_.zones, dependencies_.flow_reader},
      observations_{dependencies_.observers, dependencies_.zones, dependencies_.workers} {}

v1::DataplaneReply ControlRequests::answer(const v1::DataplaneRequest& request, std::uint64_t connection) {
    v1::DataplaneReply reply;
    std::string error;
    switch (request.request_case()) {
        case v1::DataplaneRequest::kAttach:
            error = attach(request.attach(), connection, *reply.mutable_attach());
            break;
        case v1::DataplaneRequest::kLoadPolicy:
            error = load_policy(request.load_policy(), *reply.mutable_load_policy());
            break;
        case v1::DataplaneRequest::kStatistics:
            fill_statistics(*reply.mutable_statistics());
            break;
        case v1::DataplaneRequest::kListFlows:
            error = flows_.list(request.list_flows(), *reply.mutable_list_flows());
            break;
        case v1::DataplaneRequest::kGetFlow:
            error = flows_.get(request.get_flow(), *reply.mutable_get_flow());
            break;
        case v1::DataplaneRequest::kCountFlows:
            error = flows_.count(request.count_flows(), *reply.mutable_count_flows());
            break;
        case v1::DataplaneRequest::kActivity:
            activity(request.activity(), *reply.mutable_activity());
            break;
        case v1::DataplaneRequest::kTakeAlarms:
            dependencies_.alarms(*reply.mutable_take_alarms());
            break;
        case v1::DataplaneRequest::kStartObservation:
            error = observations_.start(request.start_observation(), connection, monotonic_ns() / 1'000'000U,
                                        *reply.mutable_start_observation());
            break;
        case v1::DataplaneRequest::kTakeObservation:
            error = observations_.take(request.take_observation(), monotonic_ns() / 1'000'000U,
                                       *reply.mutable_take_observation());
            break;
        case v1::DataplaneRequest::kStopObservation:
            observations_.stop(request.stop_observation());
            reply.mutable_stop_observation();
            break;
        case v1::DataplaneRequest::REQUEST_NOT_SET:
            error = "the request is empty or unknown to this version; use the same version of both programs";
            break;
    }
    if (!error.empty()) {
        spdlog::warn("control socket: refused: {}", error);
        reply.Clear();
        reply.set_error(error);
    }
    return reply;
}

void ControlRequests::closed(std::uint64_t connection) {
    observations_.closed(connection);
    if (producer_.closed(connection)) spdlog::warn("heartgated is gone; the verdicts in force stay");
}

std::string ControlRequests::keep(std::uint64_t now_ms) {
    observations_.keep(now_ms);
    if (kept_ && now_ms - *kept_ < kKeepEveryMs) return {};
    kept_ = now_ms;
    dependencies_.activity.forget(static_cast<std::uint32_t>(now_ms));
    const std::uint64_t failed = dependencies_.memory.state().failed_binds.load(std::memory_order_relaxed);
    const std::uint64_t more = failed - std::exchange(failed_binds_, failed);
    if (more == 0) return {};
    return fmt::format(
        "{} addresses of endpoints had no room in the table of bindings ({} since the start), their health is not "
        "enforced; raise endpoints.capacity ({})",
        more, failed, dependencies_.endpoints.capacity());
}

std::string ControlRequests::attach(const v1::AttachRequest& request, std::uint64_t connection,
                                    v1::AttachReply& reply) {
    if (request.contract_version() != contract::kContractVersion) {
        return fmt::format("contract version {}, this dataplane has {}; use the same version of both programs",
                           request.contract_version(), contract::kContractVersion);
    }
    const std::optional<std::uint32_t> incarnation = producer_.attach(connection);
    if (!incarnation) return "another heartgated is attached; stop it first";
    dependencies_.health.expect(*incarnation);
    const std::uint32_t state = dependencies_.memory.state().state.load(std::memory_order_acquire);
    reply.set_incarnation(*incarnation);
    reply.set_forwarding(state == static_cast<std::uint32_t>(contract::DataplaneState::kForwarding));
    for (const ZoneEntry& zone : dependencies_.zones.all()) {
        v1::Zone& told = *reply.add_zones();
        told.set_name(zone.name);
        told.set_role(role_message(zone.zone.role()));
        told.set_interface(zone.interface);
    }
    reply.set_endpoint_capacity(dependencies_.endpoints.capacity());
    spdlog::info("heartgated is attached, incarnation {}", *incarnation);
    return {};
}

std::string ControlRequests::load_policy(const v1::LoadPolicyRequest& request, v1::LoadPolicyReply& reply) {
    if (request.sha256() != sha256(request.policy())) return "the policy does not have the SHA-256 sum given with it";
    v1::Policy policy;
    if (!policy.ParseFromString(request.policy())) return "the policy is not a heartgate.v1.Policy";
    std::string error = request.only_check() ? check(policy) : load(policy);
    reply.set_epoch(dependencies_.gate.policy_epoch());
    return error;
}

std::string ControlRequests::check(const v1::Policy& policy) const {
    const auto compiled = CompiledPolicy::build(policy, dependencies_.zones);
    return compiled ? std::string{} : compiled.error();
}

std::string ControlRequests::load(const v1::Policy& policy) {
    auto compiled = CompiledPolicy::build(policy, dependencies_.zones);
    if (!compiled) return compiled.error();
    std::vector<NatPool::Reserved> published;
    for (const PublishedService& service : (*compiled)->published().all()) {
        published.push_back({.protocol = service.protocol, .port = service.port});
    }
    dependencies_.flows.reserve_nat_ports(published);
    const std::size_t rules = (*compiled)->rules().size();
    const std::unique_ptr<const CompiledPolicy> old{dependencies_.gate.swap(compiled->release())};
    dependencies_.quiescence.synchronize();
    dependencies_.health.policy_loaded();
    spdlog::info("policy revision {} with {} rules is in force", policy.revision(), rules);
    return {};
}

void ControlRequests::fill_statistics(v1::Statistics& reply) const {
    dependencies_.statistics(reply);
    reply.mutable_flow_table()->set_flows(dependencies_.flows.flows());
    reply.mutable_flow_table()->set_capacity(dependencies_.flows.capacity());
    *reply.mutable_isolation_latency() = latency_message(dependencies_.memory.state());
    reply.set_generation(dependencies_.endpoints.generation());
}

void ControlRequests::activity(const v1::EndpointActivityRequest& request, v1::EndpointActivityReply& reply) const {
    const std::uint32_t now = monotonic_ms();
    for (std::uint32_t endpoint = 1; endpoint < dependencies_.activity.capacity(); ++endpoint) {
        const std::optional<std::uint32_t> age_ms = dependencies_.activity.age_ms(endpoint, now);
        if (!age_ms || *age_ms > request.seen_within_ms()) continue;
        reply.add_index(endpoint);
        reply.add_age_ms(*age_ms);
    }
}

}  // namespace heartgate::dataplane
