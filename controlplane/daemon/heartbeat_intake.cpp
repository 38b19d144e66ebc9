// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/heartbeat_intake.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <algorithm>

#include "controlplane/common/text.h"
#include "controlplane/daemon/clock.h"
#include "controlplane/daemon/grpc_status.h"

namespace heartgate::control {
namespace {

constexpr std::uint32_t kLeastInterval = 100;
constexpr std::uint32_t kMostInterval = 60'000;
constexpr int kMostReasons = 16;
constexpr int kMostInterfaces = 32;

// The listener has checked the same; it is the process that may be taken over.
const char* mistake(const v1::Heartbeat& heartbeat) {
    if (heartbeat.colour() < v1::GREEN || heartbeat.colour() > v1::RED) return "unknown colour";
    if (heartbeat.interval_ms() < kLeastInterval || heartbeat.interval_ms() > kMostInterval) return "bad interval";
    if (heartbeat.reasons_size() > kMostReasons) return "too many reasons";
    if (heartbeat.interfaces_size() > kMostInterfaces) return "too many interfaces";
    return nullptr;
}

// The best colour that the reasons allow. A heartbeat that names a finding and calls the machine healthy all the same
// is believed in its finding.
v1::Colour colour_of(const v1::Heartbeat& heartbeat) {
    v1::Colour colour = heartbeat.colour();
    for (const v1::Reason& reason : heartbeat.reasons()) {
        if (reason.code() == v1::UNPROTECTED) continue;  // a mark
        const bool red = reason.code() == v1::MALWARE_NOT_CLEANED || reason.code() == v1::TAMPERING;
        colour = std::max(colour, red ? v1::RED : v1::YELLOW);
    }
    return colour;
}

v1::Reason clean(const v1::Reason& reason) {
    v1::Reason result;
    result.set_code(v1::ReasonCode_IsValid(reason.code()) ? reason.code() : v1::REASON_UNSPECIFIED);
    result.set_finding(clean_text(reason.finding(), 128));
    result.set_path(clean_text(reason.path(), 1024));
    if (reason.sha256().size() == 32) result.set_sha256(reason.sha256());
    result.set_since_unix_ms(reason.since_unix_ms());
    result.set_detector(clean_text(reason.detector(), 32));
    return result;
}

std::string who(const EndpointRecord& record) {
    return record.stored.host.empty() ? record.stored.id : record.stored.host;
}

}  // namespace

HeartbeatIntake::HeartbeatIntake(EndpointRegistry& registry, Bindings& bindings, Directives& directives,
                                 Refusals& refusals, EventLog& events, Close close)
    : registry_{registry},
      bindings_{bindings},
      directives_{directives},
      refusals_{refusals},
      events_{events},
      close_{std::move(close)} {}

void HeartbeatIntake::stream_opened(const v1::StreamOpened& opened) {
    EndpointRecord* record = registry_.find_id(opened.endpoint_id());
    const auto peer = IpAddress::from_wire(opened.peer_address());
    const std::string where = peer ? peer->text() : "an unknown address";
    if (record == nullptr || !peer) {
        refusals_.add("unknown endpoint", where, clean_text(opened.endpoint_id(), 36));
        close_(opened.stream(), kUnauthenticated, "this gateway does not know the endpoint: enrol it again");
        return;
    }
    if (revoked_.contains(opened.serial())) {
        refusals_.add("revoked", where, record->stored.id);
        close_(opened.stream(), kUnauthenticated, "the certificate was revoked: enrol the endpoint again");
        return;
    }
    sessions_[opened.stream()] = {.record = record, .serial = opened.serial(), .peer = *peer};
}

void HeartbeatIntake::heartbeat(const v1::HeartbeatReceived& received, bool replayed) {
    const auto entry = sessions_.find(received.stream());
    if (entry == sessions_.end()) return;  // was closed by us; the frame was on its way
    const Session session = entry->second;
    EndpointRecord& record = *session.record;
    const v1::Heartbeat& heartbeat = received.heartbeat();
    if (const char* cause = mistake(heartbeat)) {
        refuse(received.stream(), kInvalidArgument, cause, session);
        return;
    }
    if (revoked_.contains(session.serial)) {
        refuse(received.stream(), kUnauthenticated, "revoked", session);
        return;
    }
    const std::uint64_t stream_before = record.health.stream();
    const auto outcome = record.health.heartbeat(monotonic_now(), received.stream(),
                                                 {.order = {.boot = heartbeat.boot(), .sequence = heartbeat.sequence()},
                                                  .colour = static_cast<contract::Colour>(colour_of(heartbeat)),
                                                  .interval = std::chrono::milliseconds{heartbeat.interval_ms()},
                                                  .goodbye = heartbeat.goodbye(),
                                                  .replayed = replayed});
    if (outcome.refusal != EndpointHealth::Refusal::kNone) {
        refuse(received.stream(), kAborted, "older boot or sequence", session);
        return;
    }
    ++accepted_;
    record.peer = session.peer;
    if (received.stream() != stream_before) {
        record.last_directive.clear();
        record.observed.clear();
    }
    take_description(record, heartbeat);
    registry_.apply(record, replayed ? 0 : received.received_monotonic_ns());

    // Packets are served; now people and books.
    settle(record, session, heartbeat);
    if (outcome.close_stream != 0) {
        sessions_.erase(outcome.close_stream);
        close_(outcome.close_stream, kAborted, "a newer session of the same certificate is open");
    }
    if (outcome.duplicate) {
        v1::Event event;
        event.set_kind(v1::DUPLICATE_SESSION);
        event.set_endpoint_id(record.stored.id);
        event.set_host(record.stored.host);
        event.set_text(fmt::format("{}: two live sessions of one certificate: a clone, or a stolen key", who(record)));
        spdlog::warn("{}", event.text());
        events_.add(std::move(event));
    }
}

const EndpointRecord* HeartbeatIntake::endpoint_of(std::uint64_t stream) const {
    const auto entry = sessions_.find(stream);
    return entry == sessions_.end() ? nullptr : entry->second.record;
}

void HeartbeatIntake::refuse(std::uint64_t stream, std::uint32_t status, const std::string& cause,
                             const Session& session) {
    refusals_.add(cause, fmt::format("{} at {}", who(*session.record), session.peer.text()), session.record->stored.id);
    session.record->health.stream_closed(stream);
    sessions_.erase(stream);
    close_(stream, status, cause);
}

// What goes with the state into the database and to the user; apply() writes it if the state has changed.
void HeartbeatIntake::take_description(EndpointRecord& record, const v1::Heartbeat& heartbeat) {
    StoredEndpoint& stored = record.stored;
    stored.boot = heartbeat.boot();
    stored.sequence = heartbeat.sequence();
    stored.interval_ms = heartbeat.interval_ms();
    stored.last_heartbeat_unix_ms = unix_now_ms();
    stored.reasons.clear();
    for (const v1::Reason& reason : heartbeat.reasons()) stored.reasons.push_back(clean(reason));
}

void HeartbeatIntake::settle(EndpointRecord& record, const Session& session, const v1::Heartbeat& heartbeat) {
    StoredEndpoint& stored = record.stored;
    const std::string before = stored.host + '\n' + stored.user + '\n' + stored.agent_version + '\n' + stored.os;
    stored.host = clean_text(heartbeat.host(), 255);
    stored.user = clean_text(heartbeat.user(), 255);
    stored.agent_version = clean_text(heartbeat.agent_version(), 32);
    stored.os = clean_text(heartbeat.os(), 64);
    if (before != stored.host + '\n' + stored.user + '\n' + stored.agent_version + '\n' + stored.os) {
        registry_.save(record);
    }
    for (EndpointRecord* changed : bindings_.observe(record, session.peer, heartbeat.interfaces())) {
        registry_.apply(*changed, 0);  // rules for source networks may decide otherwise now
        registry_.save(*changed);
        directives_.mark(*changed);
    }
    directives_.mark(record);  // sends only what differs: a new reason, or the first directive of a stream
}

void HeartbeatIntake::stream_closed(std::uint64_t stream) {
    const auto entry = sessions_.find(stream);
    if (entry == sessions_.end()) return;
    entry->second.record->health.stream_closed(stream);
    sessions_.erase(entry);
}

void HeartbeatIntake::revoke(EndpointRecord& record, const std::string& serial) {
    revoked_.insert(serial);
    std::erase_if(sessions_, [&](const auto& entry) {
        if (entry.second.record != &record) return false;
        record.health.stream_closed(entry.first);
        close_(entry.first, kUnauthenticated, "the certificate was revoked: enrol the endpoint again");
        return true;
    });
}

void HeartbeatIntake::forget_streams() {
    for (const auto& [stream, session] : sessions_) session.record->health.stream_closed(stream);
    sessions_.clear();
}

}  // namespace heartgate::control
