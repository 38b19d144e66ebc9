// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/flow_questions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "controlplane/common/ip_network.h"
#include "controlplane/common/text.h"

namespace heartgate::control {
namespace {

constexpr std::uint32_t kMostFlows = 100'000;
constexpr std::size_t kMostShown = 64;  // of what was given, in an error

Expected<void> one_of(const char* name, const std::string& word, std::initializer_list<const char*> allowed) {
    if (word.empty() || std::find(allowed.begin(), allowed.end(), word) != allowed.end()) return {};
    return error(ErrorKind::kInvalidArgument,
                 fmt::format("{} '{}'; allowed: {}", name, clean_text(word, kMostShown), fmt::join(allowed, ", ")));
}

Expected<void> network(const char* name, const std::string& text) {
    if (text.empty() || IpNetwork::from_text(text)) return {};
    return error(ErrorKind::kInvalidArgument,
                 fmt::format("{} '{}'; allowed: an address, or a network with no bits behind its prefix, such as "
                             "10.20.0.0/24",
                             name, clean_text(text, kMostShown)));
}

Expected<void> at_most(const char* name, std::uint32_t value, std::uint32_t most) {
    if (value <= most) return {};
    return error(ErrorKind::kInvalidArgument, fmt::format("{} {}; allowed: at most {}", name, value, most));
}

// Rules are numbered by their position, from 1.
Expected<std::uint32_t> number_of(const std::string& rule, const v1::Policy* policy) {
    const int rules = policy == nullptr ? 0 : policy->rules_size();
    for (int position = 0; position < rules; ++position) {
        if (policy->rules(position).name() == rule) return static_cast<std::uint32_t>(position) + 1;
    }
    std::uint32_t number = 0;
    const auto [end, failure] = std::from_chars(rule.data(), rule.data() + rule.size(), number);
    if (failure == std::errc{} && end == rule.data() + rule.size() && number <= static_cast<std::uint32_t>(rules)) {
        return number;
    }
    return error(ErrorKind::kInvalidArgument,
                 fmt::format("rule '{}'; allowed: a rule's name in the policy in force, or its number, 0 to {} (see "
                             "`hgctl policy show`)",
                             clean_text(rule, kMostShown), rules));
}

}  // namespace

void FlowQuestions::list(const v1::ListFlowsRequest& request, const Answer<v1::ListFlowsResponse>& answer) {
    v1::DataplaneRequest question;
    *question.mutable_list_flows() = request;
    Expected<void> good = translate(*question.mutable_list_flows()->mutable_filter());
    if (good) good = at_most("limit", request.limit(), kMostFlows);
    if (!good) {
        answer(tl::unexpected(good.error()));
        return;
    }
    dataplane_.ask(question, [this, answer](Expected<v1::DataplaneReply> reply) {
        if (!reply) {
            answer(tl::unexpected(reply.error()));
            return;
        }
        for (v1::Flow& flow : *reply->mutable_list_flows()->mutable_flows()) name(flow);
        answer(std::move(*reply->mutable_list_flows()));
    });
}

void FlowQuestions::get(const v1::GetFlowRequest& request, const Answer<v1::Flow>& answer) {
    const std::string& id = request.id();
    if (id.empty() || id.size() > 16 || id.find_first_not_of("0123456789abcdef") != std::string::npos) {
        answer(error(ErrorKind::kInvalidArgument, fmt::format("flow '{}'; allowed: an id as `hgctl flow list` shows it",
                                                              clean_text(id, kMostShown))));
        return;
    }
    v1::DataplaneRequest question;
    *question.mutable_get_flow() = request;
    dataplane_.ask(question, [this, answer, id](Expected<v1::DataplaneReply> reply) {
        if (!reply) {
            answer(tl::unexpected(reply.error()));
        } else if (!reply->get_flow().has_flow()) {
            answer(error(ErrorKind::kNotFound, fmt::format("there is no flow {}: it has ended", id)));
        } else {
            name(*reply->mutable_get_flow()->mutable_flow());
            answer(std::move(*reply->mutable_get_flow()->mutable_flow()));
        }
    });
}

void FlowQuestions::count(const v1::CountFlowsRequest& request, const Answer<v1::CountFlowsResponse>& answer) {
    v1::DataplaneRequest question;
    *question.mutable_count_flows() = request;
    const Expected<void> good = translate(*question.mutable_count_flows()->mutable_filter());
    if (!good) {
        answer(tl::unexpected(good.error()));
        return;
    }
    dataplane_.ask(question, [answer](Expected<v1::DataplaneReply> reply) {
        answer(reply ? Expected<v1::CountFlowsResponse>{std::move(*reply->mutable_count_flows())}
                     : tl::unexpected(reply.error()));
    });
}

Expected<void> FlowQuestions::translate(v1::FlowFilter& filter) const {
    for (const Expected<void>& good :
         {network("source", filter.source()), network("destination", filter.destination()),
          network("address", filter.address()), one_of("state", filter.state(), {"new", "established", "closing"}),
          one_of("verdict", filter.verdict(), {"passes", "dropped"}), at_most("protocol", filter.protocol(), 255),
          at_most("port", filter.port(), 65'535)}) {
        if (!good) return good;
    }
    filter.clear_endpoint_index();
    filter.clear_rule_id();
    if (!filter.endpoint().empty()) {
        const auto record = registry_.find(filter.endpoint());
        if (!record) return tl::unexpected(record.error());
        filter.set_endpoint_index((*record)->stored.index);
    }
    if (!filter.rule().empty()) {
        const auto number = number_of(filter.rule(), policy_.policy());
        if (!number) return tl::unexpected(number.error());
        filter.set_rule_id(*number);
    }
    return {};
}

void FlowQuestions::name(v1::Flow& flow) const {
    const v1::Policy* policy = policy_.policy();
    const std::uint32_t rules = policy == nullptr ? 0 : static_cast<std::uint32_t>(policy->rules_size());
    if (flow.rule() > 0 && flow.rule() <= rules) {
        flow.set_rule_name(policy->rules(static_cast<int>(flow.rule()) - 1).name());
    }
    const auto host = [this](std::uint32_t index) {
        const auto found = registry_.by_index().find(index);
        return found == registry_.by_index().end() ? std::string{} : found->second->stored.host;
    };
    flow.set_source_host(host(flow.source_endpoint()));
    flow.set_destination_host(host(flow.destination_endpoint()));
}

}  // namespace heartgate::control
