// SPDX-License-Identifier: Apache-2.0
// What administrators ask of the daemon.
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "controlplane/common/text.h"
#include "controlplane/daemon/clock.h"
#include "controlplane/daemon/daemon.h"

namespace heartgate::control {
namespace {

constexpr std::size_t kMostReason = 255;
constexpr std::size_t kMostBy = 64;
constexpr std::uint32_t kMostListed = 10'000;
constexpr std::uint32_t kMostPast = 1'000;
constexpr std::chrono::seconds kAppliedPatience{5};
constexpr std::chrono::seconds kStoredPatience{5};

bool contains(const std::string& text, const std::string& part) {
    return std::search(text.begin(), text.end(), part.begin(), part.end(), [](unsigned char left, unsigned char right) {
               return std::tolower(left) == std::tolower(right);
           }) != text.end();
}

bool wanted(const EndpointRecord& record, const v1::ListEndpointsRequest& request) {
    const auto& colours = request.colours();
    const auto& presences = request.presences();
    if (!colours.empty() && std::find(colours.begin(), colours.end(), record.stored.colour) == colours.end()) {
        return false;
    }
    if (!presences.empty() &&
        std::find(presences.begin(), presences.end(), record.stored.presence) == presences.end()) {
        return false;
    }
    return request.name_contains().empty() || contains(record.stored.host, request.name_contains()) ||
           contains(record.stored.user, request.name_contains());
}

}  // namespace

std::optional<Error> Daemon::disk_trouble() const {
    if (trouble_.empty()) return std::nullopt;
    return Error{ErrorKind::kUnavailable, fmt::format("{}: mend that first, nothing was changed", trouble_)};
}

void Daemon::list_endpoints(const v1::ListEndpointsRequest& request, Answer<v1::ListEndpointsResponse> answer) {
    std::vector<const EndpointRecord*> records;
    for (const auto& [index, record] : registry_.by_index()) {
        if (wanted(*record, request)) records.push_back(record.get());
    }
    std::stable_sort(records.begin(), records.end(), [](const EndpointRecord* left, const EndpointRecord* right) {
        return left->stored.host < right->stored.host;
    });
    v1::ListEndpointsResponse response;
    for (const EndpointRecord* record : records) *response.add_endpoints() = describe(*record);
    answer(std::move(response));
}

void Daemon::get_endpoint(const v1::GetEndpointRequest& request, Answer<v1::Endpoint> answer) {
    const auto record = registry_.find(request.endpoint());
    answer(record ? Expected<v1::Endpoint>{describe(**record)} : tl::unexpected(record.error()));
}

void Daemon::isolate(const v1::IsolateRequest& request, Answer<v1::IsolateResponse> answer) {
    const std::uint64_t asked_ns = monotonic_ns();
    const auto found = registry_.find(request.endpoint());
    if (!found) {
        answer(tl::unexpected(found.error()));
        return;
    }
    const std::string reason = clean_text(request.reason(), kMostReason);
    if (reason.empty() || request.reason().size() > kMostReason) {
        answer(
            error(ErrorKind::kInvalidArgument,
                  fmt::format("a reason of 1 to {} bytes is needed: its user and the log are shown it", kMostReason)));
        return;
    }
    EndpointRecord* record = *found;
    const auto isolation = std::make_shared<Isolation>(
        Isolation{record, asked_ns, monotonic_now() + kStoredPatience, std::move(answer), std::nullopt});
    isolations_.push_back(isolation);
    registry_.isolate(*record, reason, [this, isolation] {
        isolation->stored = true;
        answer_isolations();
    });
    dataplane_.when_applied(record->stored.index, kAppliedPatience, [this, isolation](std::uint64_t applied_ns) {
        isolation->applied_ns = applied_ns;
        answer_isolations();
    });
}

void Daemon::answer_isolations(bool ending) {
    const Instant now = monotonic_now();
    std::vector<std::shared_ptr<Isolation>> ready;
    std::erase_if(isolations_, [&](const std::shared_ptr<Isolation>& isolation) {
        const bool disk_known = isolation->stored || !trouble_.empty() || now >= isolation->deadline;
        if (!ending && (!isolation->applied_ns || !disk_known)) return false;
        ready.push_back(isolation);
        return true;
    });
    for (const auto& isolation : ready) isolation->answer(outcome(*isolation));
}

Expected<v1::IsolateResponse> Daemon::outcome(const Isolation& isolation) const {
    const std::uint64_t applied_ns = isolation.applied_ns.value_or(0);
    if (!isolation.stored) {
        const std::string sentence = fmt::format(
            "{} is isolated{}, but that is not stored yet ({}): if heartgated ends before it is, the isolation is "
            "forgotten; it is tried again every second, see `hgctl endpoint show`",
            isolation.record->stored.host, applied_ns == 0 ? " as soon as a dataplane is attached" : " and cut off now",
            trouble_.empty() ? "the disk does not answer" : trouble_);
        spdlog::error("{}", sentence);
        return error(ErrorKind::kInternal, sentence);
    }
    v1::IsolateResponse response;
    *response.mutable_endpoint() = describe(*isolation.record);
    response.set_applied(applied_ns != 0);
    // Isolated before, for another reason: nothing had to be applied.
    if (applied_ns > isolation.asked_ns) response.set_applied_after_us((applied_ns - isolation.asked_ns) / 1000);
    return response;
}

void Daemon::release(const v1::ReleaseRequest& request, Answer<v1::ReleaseResponse> answer) {
    const auto found = registry_.find(request.endpoint());
    if (!found) {
        answer(tl::unexpected(found.error()));
        return;
    }
    if (const auto trouble = disk_trouble()) {
        answer(tl::unexpected(*trouble));
        return;
    }
    EndpointRecord* record = *found;
    const bool was_isolated = record->stored.manual_isolation;
    registry_.release(*record, [this, record, was_isolated, answer = std::move(answer)] {
        const auto answer_when = [record, was_isolated, answer](std::uint64_t applied_ns) {
            v1::ReleaseResponse response;
            *response.mutable_endpoint() = describe(*record);
            response.set_was_isolated(was_isolated);
            response.set_applied(applied_ns != 0);
            answer(std::move(response));
        };
        dataplane_.when_applied(record->stored.index, kAppliedPatience, answer_when);
    });
}

void Daemon::remove(const v1::RemoveEndpointRequest& request, Answer<v1::RemoveEndpointResponse> answer) {
    const auto found = registry_.find(request.endpoint());
    if (!found) {
        answer(tl::unexpected(found.error()));
        return;
    }
    EndpointRecord& record = **found;
    const std::string& host = record.stored.host;
    const bool held = record.target.isolated || record.published.isolated || record.stored.colour == v1::RED;
    const char* state = record.stored.manual_isolation ? "isolated by hand" : held ? "isolated or RED" : "not isolated";
    if (held && !request.force()) {
        answer(error(ErrorKind::kFailedPrecondition,
                     fmt::format("{} is {}, and removing it would free the machine: have it cleaned or release it "
                                 "first, or remove it with --force",
                                 host, state)));
        return;
    }
    if (const auto trouble = disk_trouble()) {
        answer(tl::unexpected(*trouble));
        return;
    }
    const std::string by = clean_text(request.by(), kMostBy);
    v1::RemoveEndpointResponse response;
    *response.mutable_endpoint() = describe(record);
    revoke(record);
    registry_.remove(
        record,
        fmt::format("{} ({}) was removed by {}{}: it was {} {}, {}", host, record.stored.id,
                    by.empty() ? "an administrator" : by, held ? " with --force" : "",
                    v1::Colour_Name(record.stored.colour), v1::Presence_Name(record.stored.presence), state),
        [this, &record, response = std::move(response), answer = std::move(answer)]() mutable {
            bindings_.forget(record);
            dataplane_.when_applied(record.stored.index, kAppliedPatience,
                                    [response = std::move(response), answer](std::uint64_t applied_ns) mutable {
                                        response.set_applied(applied_ns != 0);
                                        answer(std::move(response));
                                    });
        });
}

void Daemon::get_policy(const v1::GetPolicyRequest& /*request*/, Answer<v1::GetPolicyResponse> answer) {
    answer(policy_.describe());
}

void Daemon::check_policy(const v1::CheckPolicyRequest& request, Answer<v1::CheckPolicyResponse> answer) {
    const auto parsed = parse_policy(
        request.yaml(), clean_text(request.file_name().empty() ? "policy" : request.file_name(), 255), zones_);
    if (!parsed) {
        answer(tl::unexpected(parsed.error()));
        return;
    }
    v1::CheckPolicyResponse response;
    for (const std::string& warning : parsed->warnings) response.add_warnings(warning);
    answer(std::move(response));
}

void Daemon::apply_policy(const v1::ApplyPolicyRequest& request, Answer<v1::ApplyPolicyResponse> answer) {
    if (const auto trouble = disk_trouble()) {
        answer(tl::unexpected(*trouble));
        return;
    }
    policy_.apply(request, answer);
}

void Daemon::statistics(const v1::GetStatisticsRequest& /*request*/, Answer<v1::Statistics> answer) {
    v1::DataplaneRequest question;
    question.mutable_statistics();
    dataplane_.ask(question, [this, answer = std::move(answer)](Expected<v1::DataplaneReply> reply) {
        // Without a dataplane the heartbeats alone.
        v1::Statistics statistics = reply ? std::move(*reply->mutable_statistics()) : v1::Statistics{};
        v1::HeartbeatStatistics& heartbeats = *statistics.mutable_heartbeats();
        heartbeats.set_accepted(intake_.accepted());
        heartbeats.set_streams(intake_.streams());
        refusals_.fill(heartbeats);
        producer_.queued().fill(*statistics.mutable_queued_latency());
        answer(std::move(statistics));
    });
}

void Daemon::list_flows(const v1::ListFlowsRequest& request, Answer<v1::ListFlowsResponse> answer) {
    flows_.list(request, answer);
}

void Daemon::get_flow(const v1::GetFlowRequest& request, Answer<v1::Flow> answer) { flows_.get(request, answer); }

void Daemon::count_flows(const v1::CountFlowsRequest& request, Answer<v1::CountFlowsResponse> answer) {
    flows_.count(request, answer);
}

Daemon::Stop Daemon::watch_drops(const v1::WatchDropsRequest& request, const Sink<v1::DroppedPacket>& sink) {
    return observers_.watch_drops(request, sink);
}

Daemon::Stop Daemon::capture(const v1::CaptureRequest& request, const Sink<v1::CapturedPackets>& sink) {
    return observers_.capture(request, sink);
}

void Daemon::status(const v1::StatusRequest& /*request*/, Answer<v1::StatusResponse> answer) {
    v1::StatusResponse response;
    response.set_version(HEARTGATE_VERSION);
    response.set_dataplane_attached(dataplane_.attached());
    response.set_dataplane_state(dataplane_.sentence());
    response.set_listener_connected(listener_.connected());
    policy_.fill(response);
    if (dataplane_.attached()) response.set_bindings_without_room(producer_.without_room());
    for (const auto& [index, record] : registry_.by_index()) {
        const StoredEndpoint& stored = record->stored;
        const bool at_risk = stored.colour == v1::RED || record->target.isolated;
        if (at_risk) {
            response.set_at_risk(response.at_risk() + 1);
        } else if (stored.colour == v1::YELLOW) {
            response.set_warning(response.warning() + 1);
        } else if (stored.presence == v1::CONNECTED) {
            response.set_connected(response.connected() + 1);
        }
        if (stored.presence == v1::MISSING) response.set_missing(response.missing() + 1);
        response.set_enrolled(response.enrolled() + 1);
    }
    response.set_started_unix_ms(started_unix_ms_);
    response.set_incarnation(dataplane_.incarnation());
    response.set_ca_fingerprint(authority_.fingerprint());
    if (dataplane_.attached()) *response.mutable_zones() = zone_list_;
    answer(std::move(response));
}

void Daemon::create_token(const v1::CreateTokenRequest& request, Answer<v1::CreateTokenResponse> answer) {
    if (const auto trouble = disk_trouble()) {
        answer(tl::unexpected(*trouble));
        return;
    }
    enrolment_.create_token(request, answer);
}

void Daemon::list_events(const v1::ListEventsRequest& request, Answer<v1::ListEventsResponse> answer) {
    if (request.limit() > kMostListed) {
        answer(error(ErrorKind::kInvalidArgument,
                     fmt::format("limit {}; allowed: at most {}", request.limit(), kMostListed)));
        return;
    }
    std::string id;
    if (!request.endpoint().empty()) {
        const auto found = registry_.find(request.endpoint());
        if (!found) {
            answer(tl::unexpected(found.error()));
            return;
        }
        id = (*found)->stored.id;
    }
    v1::ListEventsResponse response;
    for (v1::Event& event : events_.newest(request.limit() == 0 ? 100 : request.limit(), id)) {
        *response.add_events() = std::move(event);
    }
    answer(std::move(response));
}

std::uint64_t Daemon::follow_events(std::uint32_t past, std::function<void(const v1::Event&)> follower) {
    for (const v1::Event& event : events_.newest(std::min(past, kMostPast), "")) follower(event);
    return events_.follow(std::move(follower));
}

void Daemon::unfollow_events(std::uint64_t number) { events_.unfollow(number); }

}  // namespace heartgate::control
