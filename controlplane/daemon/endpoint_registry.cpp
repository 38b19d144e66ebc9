// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/endpoint_registry.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "controlplane/daemon/clock.h"
#include "controlplane/health/transition.h"

namespace heartgate::control {
namespace {

using contract::Colour;
using contract::EndpointState;
using contract::Presence;

std::string name(const EndpointRecord& record) {
    return record.stored.host.empty() ? record.stored.id : record.stored.host;
}

v1::Event about(const EndpointRecord& record, v1::EventKind kind, std::string text) {
    v1::Event event;
    event.set_kind(kind);
    event.set_endpoint_id(record.stored.id);
    event.set_host(record.stored.host);
    event.set_colour(record.stored.colour);
    event.set_presence(record.stored.presence);
    for (const v1::Reason& reason : record.stored.reasons) *event.add_reasons() = reason;
    event.set_text(std::move(text));
    return event;
}

std::string reasons_text(const EndpointRecord& record) {
    std::string text;
    for (const v1::Reason& reason : record.stored.reasons) {
        text += fmt::format("{}{}", text.empty() ? ": " : ", ", v1::ReasonCode_Name(reason.code()));
        if (!reason.finding().empty()) text += fmt::format(" ({})", reason.finding());
    }
    return text;
}

}  // namespace

v1::Endpoint describe(const EndpointRecord& record) {
    const StoredEndpoint& stored = record.stored;
    v1::Endpoint endpoint;
    endpoint.set_id(stored.id);
    endpoint.set_host(stored.host);
    endpoint.set_user(stored.user);
    endpoint.set_colour(stored.colour);
    endpoint.set_presence(stored.presence);
    endpoint.set_isolated(record.target.isolated);
    endpoint.set_cut_off(record.decision.cut_off());
    for (const v1::Reason& reason : stored.reasons) {
        *endpoint.add_reasons() = reason;
        if (reason.code() == v1::UNPROTECTED && stored.colour == v1::GREEN) endpoint.set_unprotected(true);
    }
    if (stored.presence == v1::MISSING) endpoint.add_reasons()->set_code(v1::HEARTBEAT_MISSING);
    if (stored.manual_isolation) endpoint.add_reasons()->set_code(v1::MANUAL_ISOLATION);
    for (const StoredBinding& binding : stored.bindings) {
        v1::Binding& shown = *endpoint.add_bindings();
        if (binding.mac != kNoMac) shown.set_mac(binding.mac);
        shown.set_address(binding.address.wire());
        shown.set_zone(record.zone);
    }
    endpoint.set_since_unix_ms(stored.since_unix_ms);
    endpoint.set_last_heartbeat_unix_ms(stored.last_heartbeat_unix_ms);
    endpoint.set_interval_ms(stored.interval_ms);
    endpoint.set_agent_version(stored.agent_version);
    endpoint.set_os(stored.os);
    endpoint.set_index(stored.index);
    endpoint.set_manual_reason(stored.manual_reason);
    endpoint.set_certificate_not_after_unix_s(stored.certificate_not_after_unix_s);
    return endpoint;
}

EndpointRegistry::EndpointRegistry(HealthProducer& producer, StoreWriter& store, EventLog& events,
                                   std::function<void(EndpointRecord&)> changed)
    : producer_{producer}, store_{store}, events_{events}, changed_{std::move(changed)} {}

void EndpointRegistry::load(std::vector<StoredEndpoint> endpoints) {
    for (StoredEndpoint& stored : endpoints) {
        auto record = std::make_unique<EndpointRecord>();
        record->health = EndpointHealth{static_cast<Colour>(stored.colour),
                                        static_cast<Presence>(stored.presence),
                                        {.boot = stored.boot, .sequence = stored.sequence},
                                        std::chrono::milliseconds{stored.interval_ms}};
        record->stored = std::move(stored);
        record->target = target_of(*record);
        record->decision = rules_.decide(record->target, record->addresses());
        publish(*record, 0);
        by_id_[record->stored.id] = record.get();
        records_[record->stored.index] = std::move(record);
    }
}

EndpointRecord& EndpointRegistry::add(StoredEndpoint endpoint, std::vector<StoreChange> also,
                                      std::function<void()> done) {
    auto owned = std::make_unique<EndpointRecord>();
    EndpointRecord& record = *owned;
    record.stored = std::move(endpoint);
    record.target = target_of(record);
    record.decision = rules_.decide(record.target, {});
    by_id_[record.stored.id] = &record;
    records_[record.stored.index] = std::move(owned);
    also.emplace_back(record.stored);
    store_.write(std::move(also), [this, &record, done = std::move(done)] {
        publish(record, 0);
        events_.add(about(record, v1::ENDPOINT_ENROLLED, fmt::format("{} has enrolled", name(record))));
        done();
    });
    return record;
}

// Not one of a removed endpoint either: what the dataplane holds of it may still be on its way out.
std::uint32_t EndpointRegistry::next_index() const {
    std::uint32_t highest = records_.empty() ? 0 : records_.rbegin()->first;
    for (const auto& record : removed_) highest = std::max(highest, record->stored.index);
    return highest + 1;
}

void EndpointRegistry::set_rules(WanRules rules) {
    rules_ = std::move(rules);
    for (const auto& [index, record] : records_) apply(*record, 0);
}

EndpointRecord* EndpointRegistry::find_id(const std::string& id) {
    const auto entry = by_id_.find(id);
    return entry == by_id_.end() ? nullptr : entry->second;
}

Expected<EndpointRecord*> EndpointRegistry::find(const std::string& id_or_host) {
    if (EndpointRecord* record = find_id(id_or_host)) return record;
    EndpointRecord* found = nullptr;
    for (const auto& [index, record] : records_) {
        if (record->stored.host != id_or_host) continue;
        if (found != nullptr) {
            return error(ErrorKind::kFailedPrecondition,
                         fmt::format("several endpoints are named '{}' ({} and {}, perhaps more): use the id of one, "
                                     "see `hgctl endpoint list`",
                                     id_or_host, found->stored.id, record->stored.id));
        }
        found = record.get();
    }
    if (found == nullptr) {
        return error(ErrorKind::kNotFound,
                     fmt::format("no endpoint has the id or name '{}': see `hgctl endpoint list`", id_or_host));
    }
    return found;
}

EndpointState EndpointRegistry::target_of(const EndpointRecord& record) const {
    const Colour colour = record.health.colour();
    return {.colour = colour,
            .presence = record.health.presence(),
            .isolated = record.stored.manual_isolation || rules_.isolates(colour),
            .permitted = false};
}

void EndpointRegistry::publish(EndpointRecord& record, std::uint64_t received_ns) {
    record.published = record.target;
    producer_.set_state(record.stored.index, record.published, received_ns);
}

void EndpointRegistry::apply(EndpointRecord& record, std::uint64_t received_ns, std::function<void()> done) {
    if (!by_id_.contains(record.stored.id)) return;  // removed
    const EndpointState before = record.target;
    record.target = target_of(record);
    const Transition step = transition(record.published, record.target);
    const bool now = step == Transition::kIsolating || step == Transition::kNeutral;
    if (now) publish(record, received_ns);

    const WanDecision decision = rules_.decide(record.target, record.addresses());
    const bool told_otherwise = decision != record.decision;
    record.decision = decision;
    if (before == record.target && step != Transition::kReleasing) {
        if (told_otherwise) changed_(record);
        if (done) save(record, std::move(done));
        return;
    }
    if (before != record.target) {
        ++record.change;
        report(record, before);
    } else if (!done) {
        return;  // a release is already on its way to the disk
    }
    save(record,
         [this, &record, change = record.change, release = step == Transition::kReleasing, done = std::move(done)] {
             // Only if nothing has changed meanwhile; whatever changed it takes care of the rest.
             if (release && change == record.change && record.published != record.target) publish(record, 0);
             if (done) done();
         });
    changed_(record);
}

void EndpointRegistry::report(EndpointRecord& record, const EndpointState& before) {
    record.stored.colour = static_cast<v1::Colour>(record.target.colour);
    record.stored.presence = static_cast<v1::Presence>(record.target.presence);
    const bool colour = before.colour != record.target.colour;
    const bool presence = before.presence != record.target.presence;
    if (colour || presence) record.stored.since_unix_ms = unix_now_ms();
    if (colour) {
        events_.add(about(
            record, v1::COLOUR_CHANGED,
            fmt::format("{} is {}{}", name(record), v1::Colour_Name(record.stored.colour), reasons_text(record))));
    }
    if (presence) {
        events_.add(about(record, v1::PRESENCE_CHANGED,
                          fmt::format("{} is {}", name(record), v1::Presence_Name(record.stored.presence))));
    }
    if (before.isolated != record.target.isolated) {
        const char* what = record.target.isolated ? "isolated" : "no longer isolated";
        events_.add(about(record, record.target.isolated ? v1::ISOLATED : v1::RELEASED,
                          fmt::format("{} is {}{}", name(record), what,
                                      record.stored.manual_isolation ? ": " + record.stored.manual_reason : "")));
    }
    spdlog::info("{} ({}): {} {}{}{}", name(record), record.stored.id, v1::Colour_Name(record.stored.colour),
                 v1::Presence_Name(record.stored.presence), record.target.isolated ? " isolated" : "",
                 reasons_text(record));
}

void EndpointRegistry::save(const EndpointRecord& record, StoreWriter::Done done) {
    if (by_id_.contains(record.stored.id)) store_.write({record.stored}, std::move(done));
}

void EndpointRegistry::isolate(EndpointRecord& record, const std::string& reason, std::function<void()> done) {
    record.stored.manual_isolation = true;
    record.stored.manual_reason = reason;
    apply(record, 0, std::move(done));
    changed_(record);
}

void EndpointRegistry::release(EndpointRecord& record, std::function<void()> done) {
    record.stored.manual_isolation = false;
    record.stored.manual_reason.clear();
    apply(record, 0, std::move(done));
    changed_(record);
}

void EndpointRegistry::remove(EndpointRecord& record, const std::string& text, std::function<void()> done) {
    ++record.change;  // a release that is on its way is void
    by_id_.erase(record.stored.id);
    const auto entry = records_.find(record.stored.index);
    removed_.push_back(std::move(entry->second));
    records_.erase(entry);
    events_.add(about(record, v1::ENDPOINT_REMOVED, text));
    spdlog::warn("{}", text);
    // Of a certificate that was renewed only the last one is known; the others name an endpoint that is unknown now.
    store_.write({RemovedEndpoint{record.stored.id}, RevokedSerial{record.stored.certificate_serial}},
                 [this, &record, done = std::move(done)] {
                     record.target = {};
                     publish(record, 0);
                     done();
                 });
    changed_(record);
}

void EndpointRegistry::traffic(std::uint32_t index, Instant seen) {
    const auto entry = records_.find(index);
    if (entry != records_.end()) entry->second->health.traffic(seen);
}

void EndpointRegistry::tick(Instant now, std::optional<Instant> hearing_since) {
    if (!hearing_since) return;
    for (const auto& [index, record] : records_) {
        const Presence before = record->health.presence();
        record->health.tick(now, hearing_since);
        if (record->health.presence() != before) apply(*record, 0);
    }
}

void EndpointRegistry::save_all() {
    for (const auto& [index, record] : records_) save(*record);
}

}  // namespace heartgate::control
