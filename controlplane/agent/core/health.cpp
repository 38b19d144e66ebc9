// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/core/health.h"

#include <algorithm>

#include "controlplane/agent/core/text.h"

namespace heartgate::control::agent {
namespace {

constexpr std::size_t kMostReasons = 16;         // heartbeat.proto
constexpr std::size_t kReasonsForFindings = 13;  // leaves room for those about the detectors
constexpr std::size_t kMostDwelling = 64;
constexpr std::size_t kMostPast = 256;

v1::Reason finding_reason(v1::ReasonCode code, const Detection& detection, std::int64_t since) {
    v1::Reason reason;
    reason.set_code(code);
    reason.set_finding(bounded_text(detection.finding, 128));
    reason.set_path(bounded_text(detection.path, 1024));
    reason.set_sha256(detection.sha256);
    reason.set_since_unix_ms(since);
    reason.set_detector(bounded_text(detection.detector, 32));
    return reason;
}

v1::Reason mark(v1::ReasonCode code, std::int64_t since) {
    v1::Reason reason;
    reason.set_code(code);
    reason.set_since_unix_ms(since);
    return reason;
}

}  // namespace

bool Health::came_back(const std::string& finding, Moment now) const {
    const auto last = past_.find(finding);
    return last != past_.end() && now.unix_ms - last->second <= timing_.repeat_within.count();
}

Milliseconds Health::dwell_of(const Finding& finding) const {
    return finding.repeated ? std::max(timing_.repeat_dwell, timing_.dwell) : timing_.dwell;
}

bool Health::detected(const Detection& detection, Moment now) {
    Finding& finding = findings_[detection.path];
    const bool known = finding.since_unix_ms != 0;
    if (known && finding.stage != Stage::kDwelling) return false;
    // Back while it dwells is the same incident, which starts over; back after its end is a new one, and a bad sign.
    finding.repeated = finding.repeated || came_back(detection.finding, now);
    finding.detection = detection;
    finding.stage = Stage::kOpen;
    finding.since_unix_ms = now.unix_ms;
    return true;
}

bool Health::not_cleaned(const std::string& path) {
    const auto found = findings_.find(path);
    if (found == findings_.end() || found->second.stage != Stage::kOpen) return false;
    found->second.stage = Stage::kNotCleaned;
    return true;
}

bool Health::cleaned(const std::string& path, Moment now) {
    const auto found = findings_.find(path);
    if (found == findings_.end() || found->second.stage == Stage::kDwelling) return false;
    found->second.stage = Stage::kDwelling;
    found->second.dwell_until = now.monotonic + dwell_of(found->second);
    forget_surplus();
    return true;
}

// Many files of one incident: the latest ends decide, the others need not be remembered.
void Health::forget_surplus() {
    std::vector<std::map<std::string, Finding>::iterator> dwelling;
    for (auto it = findings_.begin(); it != findings_.end(); ++it) {
        if (it->second.stage == Stage::kDwelling) dwelling.push_back(it);
    }
    if (dwelling.size() <= kMostDwelling) return;
    const auto sooner = [](auto a, auto b) { return a->second.dwell_until < b->second.dwell_until; };
    findings_.erase(*std::min_element(dwelling.begin(), dwelling.end(), sooner));
}

bool Health::set_watchers(const Watchers& watchers, Moment now) {
    if (watchers == watchers_ && watchers_since_ != 0) return false;
    watchers_ = watchers;
    watchers_since_ = now.unix_ms;
    stale_ = watchers_.signatures_old && (stale_ || stale(now.monotonic));
    return true;
}

bool Health::set_online(bool online, Moment now) {
    if (online && !online_since_) online_since_ = now.monotonic;
    if (!online) online_since_.reset();
    // Being offline for a moment is no news about the signatures: what is stale stays so until they are renewed.
    const bool before = stale_;
    stale_ = watchers_.signatures_old && (stale_ || stale(now.monotonic));
    return stale_ != before;
}

bool Health::stale(Milliseconds now) const {
    return watchers_.signatures_old && online_since_ && now - *online_since_ >= timing_.stale_after;
}

bool Health::advance(Moment now) {
    bool changed = false;
    for (auto it = findings_.begin(); it != findings_.end();) {
        if (it->second.stage != Stage::kDwelling || it->second.dwell_until > now.monotonic) {
            ++it;
            continue;
        }
        past_[it->second.detection.finding] = now.unix_ms;
        it = findings_.erase(it);
        changed = true;
    }
    std::erase_if(past_, [&](const auto& past) { return now.unix_ms - past.second > timing_.repeat_within.count(); });
    while (past_.size() > kMostPast) past_.erase(past_.begin());
    if (!stale_ && stale(now.monotonic)) changed = stale_ = true;
    return changed;
}

std::optional<Milliseconds> Health::next_change() const {
    std::optional<Milliseconds> next;
    const auto consider = [&](Milliseconds when) { next = next ? std::min(*next, when) : when; };
    for (const auto& [path, finding] : findings_) {
        if (finding.stage == Stage::kDwelling) consider(finding.dwell_until);
    }
    if (watchers_.signatures_old && !stale_ && online_since_) consider(*online_since_ + timing_.stale_after);
    return next;
}

void Health::add_findings(Stage stage, v1::ReasonCode code, Report& report) const {
    for (const auto& [path, finding] : findings_) {
        if (report.reasons.size() == kReasonsForFindings) return;
        if (finding.stage != stage) continue;
        report.reasons.push_back(finding_reason(code, finding.detection, finding.since_unix_ms));
    }
}

Report Health::report() const {
    Report report;
    add_findings(Stage::kNotCleaned, v1::MALWARE_NOT_CLEANED, report);
    const bool red = !report.reasons.empty();
    add_findings(Stage::kOpen, v1::MALWARE_DETECTED, report);
    add_findings(Stage::kDwelling, v1::DWELL_TIME, report);
    bool yellow = !report.reasons.empty();
    if (!watchers_.watching || !watchers_.detectors_answer) {
        report.reasons.push_back(mark(v1::DETECTOR_NOT_RUNNING, watchers_since_));
        yellow = true;
    } else if (!watchers_.unwatched.empty()) {
        report.reasons.push_back(mark(v1::DETECTOR_NOT_RUNNING, watchers_since_));
        report.reasons.back().set_path(bounded_text(watchers_.unwatched, 1024));
        yellow = true;
    }
    if (stale_) {
        report.reasons.push_back(mark(v1::SIGNATURES_STALE, watchers_since_));
        yellow = true;
    }
    if (watchers_.only_built_in) report.reasons.push_back(mark(v1::UNPROTECTED, watchers_since_));
    static_assert(kReasonsForFindings + 3 <= kMostReasons);
    report.colour = red ? v1::RED : yellow ? v1::YELLOW : v1::GREEN;
    return report;
}

std::vector<Detection> Health::unclean() const {
    std::vector<Detection> result;
    for (const auto& [path, finding] : findings_) {
        if (finding.stage != Stage::kDwelling) result.push_back(finding.detection);
    }
    return result;
}

void Health::save(heartgate::agent::v1::AgentState& state, Moment now) const {
    for (const auto& [path, finding] : findings_) {
        auto& saved = *state.add_findings();
        saved.set_finding(valid_text(finding.detection.finding));
        saved.set_path_bytes(path);
        saved.set_sha256(finding.detection.sha256);
        saved.set_detector(finding.detection.detector);
        saved.set_since_unix_ms(finding.since_unix_ms);
        saved.set_repeated(finding.repeated);
        saved.set_dwelling(finding.stage == Stage::kDwelling);
        saved.set_not_cleaned(finding.stage == Stage::kNotCleaned);
        if (finding.stage == Stage::kDwelling) {
            saved.set_dwell_until_unix_ms(now.unix_ms + (finding.dwell_until - now.monotonic).count());
        }
    }
    for (const auto& [finding, ended] : past_) {
        auto& saved = *state.add_past();
        saved.set_finding(valid_text(finding));
        saved.set_ended_unix_ms(ended);
    }
}

void Health::restore(const heartgate::agent::v1::AgentState& state, Moment now) {
    for (const auto& saved : state.findings()) {
        Finding finding;
        finding.detection = {saved.finding(), saved.path_bytes(), saved.sha256(), saved.detector()};
        finding.since_unix_ms = saved.since_unix_ms();
        finding.repeated = saved.repeated();
        if (saved.not_cleaned()) finding.stage = Stage::kNotCleaned;
        if (saved.dwelling()) {
            finding.stage = Stage::kDwelling;
            // The calendar may have been set meanwhile: neither shorter than the one nor longer than the other.
            const Milliseconds left{saved.dwell_until_unix_ms() - now.unix_ms};
            finding.dwell_until =
                now.monotonic + std::clamp(left, timing_.dwell, std::max(timing_.dwell, dwell_of(finding)));
        }
        findings_[saved.path_bytes()] = finding;
    }
    for (const auto& saved : state.past()) past_[saved.finding()] = saved.ended_unix_ms();
}

}  // namespace heartgate::control::agent
