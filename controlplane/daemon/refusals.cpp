// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/refusals.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include "controlplane/common/text.h"

namespace heartgate::control {

void Refusals::add(const std::string& cause, const std::string& who, const std::string& endpoint_id) {
    std::string clean = clean_text(cause, 64);
    if (!counts_.contains(clean) && counts_.size() >= kMostCauses) clean = "other";
    ++counts_[clean];
    if (logged_.size() >= kMostRemembered) logged_.clear();
    if (!logged_.emplace(clean, endpoint_id.empty() ? who : endpoint_id).second) return;
    std::string text = fmt::format("heartbeat of {} refused: {}", who, clean);
    spdlog::warn("{}", text);
    v1::Event event;
    event.set_kind(v1::HEARTBEAT_REFUSED);
    event.set_endpoint_id(endpoint_id);
    event.set_text(std::move(text));
    events_.add(std::move(event));
}

void Refusals::fill(v1::HeartbeatStatistics& statistics) const {
    for (const auto& [cause, count] : counts_) {
        v1::Counter& counter = *statistics.add_refused();
        counter.set_name(cause);
        counter.set_value(count);
    }
}

}  // namespace heartgate::control
