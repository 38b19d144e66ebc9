// SPDX-License-Identifier: Apache-2.0
// Copies of flows for the control side. Takes no lock, so a control thread that loses its core stops no worker: while
// it is online in Quiescence no record is used again, and a live record's tuple is constant.
#include <arpa/inet.h>

#include <algorithm>

#include "dataplane/flow/flow_table.h"

namespace heartgate::dataplane {

namespace {

bool matches(const FlowFilter& filter, const Question& question) {
    if (filter.protocol && *filter.protocol != question.protocol) return false;
    if (filter.address && *filter.address != question.source && *filter.address != question.destination) return false;
    return !filter.endpoint || *filter.endpoint == question.source_endpoint ||
           *filter.endpoint == question.destination_endpoint;
}

}  // namespace

std::vector<FlowView> FlowTable::snapshot(const FlowFilter& filter, std::size_t limit, unsigned reader,
                                          std::uint32_t now_ms) const {
    constexpr std::uint32_t kPiece = 4096;  // records for which reuse is held up at a time
    std::vector<FlowView> views;
    views.reserve(std::min<std::size_t>(limit, flows()));
    for (std::uint32_t start = 0; start < capacity_ && views.size() < limit; start += kPiece) {
        quiescence_.online(reader);
        for (std::uint32_t i = start; i < std::min(start + kPiece, capacity_) && views.size() < limit; ++i) {
            const FlowRecord& record = records_[i];
            if (record.life_.load(std::memory_order_acquire) != FlowRecord::Life::kLive) continue;
            const Question question = record.question();
            if (!matches(filter, question)) continue;
            FlowView view;
            view.question = question;
            view.vlan = record.vlan(Direction::kForward);
            view.translated = record.translated();
            if (view.translated) {
                view.nat_address = record.rewrite_address(Direction::kForward);
                view.nat_port = ntohs(record.rewrite_port(Direction::kForward));
            }
            view.reason = record.reason();
            view.rule = record.rule();
            view.state = record.state();
            view.age_ms = now_ms - record.created_ms_;
            view.idle_ms =
                static_cast<std::uint32_t>(std::max(static_cast<std::int32_t>(now_ms - record.last_seen_ms()), 0));
            view.expires_ms = left_ms(record, now_ms);
            view.worker = record.worker_;
            views.push_back(view);
        }
        quiescence_.offline(reader);
    }
    return views;
}

}  // namespace heartgate::dataplane
