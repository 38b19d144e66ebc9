// SPDX-License-Identifier: Apache-2.0
// Copies of flows for the control side. Takes no lock, so a control thread that loses its core stops no worker: while
// it is online in Quiescence no record is used again, and a live record's tuple is constant.
#include <arpa/inet.h>

#include <algorithm>

#include "dataplane/flow/flow_table.h"
#include "dataplane/flow/flow_tuple.h"

namespace heartgate::dataplane {

bool FlowFilter::matches(const FlowView& flow) const noexcept {
    const Question& question = flow.question;
    const auto has_address = [&](const Network& network) {
        return network.contains(question.source) || network.contains(question.destination) ||
               (flow.translated && network.contains(IpAddress::from_ipv4(flow.nat_address)));
    };
    const auto has_port = [&](std::uint16_t wanted) {
        return question.source_port == wanted || (!is_icmp(question.protocol) && question.destination_port == wanted) ||
               (flow.translated && flow.nat_port == wanted);
    };
    return (!protocol || *protocol == question.protocol) && (!rule || *rule == flow.rule) &&
           (!dropping || *dropping == flow.dropping()) && (!phase || *phase == flow.phase()) &&
           (!endpoint || *endpoint == question.source_endpoint || *endpoint == question.destination_endpoint) &&
           (!source || source->contains(question.source)) &&
           (!destination || destination->contains(question.destination)) && (!address || has_address(*address)) &&
           (!port || has_port(*port));
}

FlowView FlowTable::view(std::uint32_t index, std::uint32_t now_ms) const noexcept {
    const FlowRecord& record = records_[index];
    FlowView view;
    view.id = {.record = index, .created_ms = record.created_ms_};
    view.question = record.question();
    view.vlan = record.vlan(Direction::kForward);
    view.translated = record.mapping_ != kNoMapping;
    if (view.translated) {
        view.nat_address = record.rewrite_address(Direction::kForward);
        view.nat_port = ntohs(record.rewrite_port(Direction::kForward));
    }
    view.reason = record.reason();
    view.rule = record.rule();
    view.state = record.state();
    view.age_ms = now_ms - record.created_ms_;
    view.idle_ms = static_cast<std::uint32_t>(std::max(static_cast<std::int32_t>(now_ms - record.last_seen_ms()), 0));
    view.expires_ms = left_ms(record, now_ms);
    view.worker = record.worker_;
    return view;
}

void FlowTable::visit(const FlowFilter& filter, unsigned reader, std::uint32_t now_ms,
                      const std::function<bool(const FlowView&)>& visitor) const {
    constexpr std::uint32_t kPiece = 4096;  // records for which reuse is held up at a time
    bool more = true;
    for (std::uint32_t start = 0; start < capacity_ && more; start += kPiece) {
        quiescence_.online(reader);
        for (std::uint32_t i = start; i < std::min(start + kPiece, capacity_) && more; ++i) {
            if (records_[i].life_.load(std::memory_order_acquire) != FlowRecord::Life::kLive) continue;
            const FlowView flow = view(i, now_ms);
            if (filter.matches(flow)) more = visitor(flow);
        }
        quiescence_.offline(reader);
    }
}

std::vector<FlowView> FlowTable::snapshot(const FlowFilter& filter, std::size_t limit, unsigned reader,
                                          std::uint32_t now_ms) const {
    std::vector<FlowView> views;
    if (limit == 0) return views;
    views.reserve(std::min<std::size_t>(limit, flows()));
    visit(filter, reader, now_ms, [&](const FlowView& flow) {
        views.push_back(flow);
        return views.size() < limit;
    });
    return views;
}

std::optional<FlowView> FlowTable::find(FlowId id, unsigned reader, std::uint32_t now_ms) const {
    if (id.record >= capacity_) return std::nullopt;
    std::optional<FlowView> found;
    quiescence_.online(reader);
    if (records_[id.record].life_.load(std::memory_order_acquire) == FlowRecord::Life::kLive &&
        records_[id.record].created_ms_ == id.created_ms) {
        found = view(id.record, now_ms);
    }
    quiescence_.offline(reader);
    return found;
}

}  // namespace heartgate::dataplane
