// SPDX-License-Identifier: Apache-2.0
#include "dataplane/channel/flow_queries.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <utility>
#include <vector>

#include "dataplane/channel/flow_message.h"
#include "dataplane/concurrent/clock.h"
#include "dataplane/flow/flow_table.h"
#include "heartgate/v1/dataplane.pb.h"

namespace heartgate::dataplane {
namespace {

constexpr std::uint32_t kFlowsByDefault = 1000;
constexpr std::uint32_t kMostFlows = 100'000;

struct Sum {
    std::uint64_t flows = 0;
    std::uint64_t dropping = 0;
};
using Group = std::pair<std::uint8_t, FlowPhase>;  // protocol

}  // namespace

std::string FlowQueries::list(const v1::ListFlowsRequest& request, v1::ListFlowsResponse& reply) const {
    const std::uint32_t limit = request.limit() == 0 ? kFlowsByDefault : request.limit();
    if (limit > kMostFlows) return fmt::format("limit {}; allowed: at most {}", limit, kMostFlows);
    const auto filter = flow_filter(request.filter());
    if (!filter) return filter.error();
    std::vector<FlowView> found = flows_.snapshot(*filter, limit + 1, reader_, monotonic_ms());
    reply.set_truncated(found.size() > limit);
    if (found.size() > limit) found.resize(limit);
    for (const FlowView& flow : found) *reply.add_flows() = flow_message(flow, zones_);
    return {};
}

std::string FlowQueries::get(const v1::GetFlowRequest& request, v1::GetFlowReply& reply) const {
    const auto id = parse_flow_id(request.id());
    if (!id) return fmt::format("flow '{}'; allowed: the id of a flow, hexadecimal digits", request.id());
    if (const auto flow = flows_.find(*id, reader_, monotonic_ms()))
        *reply.mutable_flow() = flow_message(*flow, zones_);
    return {};
}

std::string FlowQueries::count(const v1::CountFlowsRequest& request, v1::CountFlowsResponse& reply) const {
    const auto filter = flow_filter(request.filter());
    if (!filter) return filter.error();
    std::map<Group, Sum> sums;
    std::uint64_t total = 0;
    flows_.visit(*filter, reader_, monotonic_ms(), [&](const FlowView& flow) {
        Sum& sum = sums[{flow.question.protocol, flow.phase()}];
        ++sum.flows;
        if (flow.dropping()) ++sum.dropping;
        ++total;
        return true;
    });
    reply.set_flows(total);
    std::vector<std::pair<Group, Sum>> groups{sums.begin(), sums.end()};
    std::stable_sort(groups.begin(), groups.end(),
                     [](const auto& left, const auto& right) { return left.second.flows > right.second.flows; });
    for (const auto& [group, sum] : groups) {
        v1::FlowGroup& entry = *reply.add_groups();
        entry.set_protocol(group.first);
        entry.set_state(std::string{kFlowPhaseNames[static_cast<std::size_t>(group.second)]});
        entry.set_flows(sum.flows);
        entry.set_dropping(sum.dropping);
    }
    return {};
}

}  // namespace heartgate::dataplane
