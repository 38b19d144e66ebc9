// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/core/agent.h"

#include <algorithm>

#include "controlplane/agent/core/text.h"

namespace heartgate::control::agent {
namespace {

constexpr Milliseconds kLeastInterval{100};
constexpr Milliseconds kMostInterval{60'000};
constexpr int kMostInterfaces = 32;
constexpr int kMostAddresses = 16;

v1::Interface bounded(const v1::Interface& whole) {
    v1::Interface result;
    result.set_name(bounded_text(whole.name(), 32));
    result.set_mac(whole.mac());
    for (const std::string& address : whole.addresses()) {
        if (result.addresses_size() < kMostAddresses) result.add_addresses(address);
    }
    return result;
}

// An address of the old list is missing in the new one: a connection from it is dead without knowing it.
bool lost_an_address(const std::vector<v1::Interface>& before, const std::vector<v1::Interface>& after) {
    const auto has = [&](const std::string& address) {
        return std::any_of(after.begin(), after.end(), [&](const v1::Interface& interface) {
            return std::count(interface.addresses().begin(), interface.addresses().end(), address) != 0;
        });
    };
    return std::any_of(before.begin(), before.end(), [&](const v1::Interface& interface) {
        return !std::all_of(interface.addresses().begin(), interface.addresses().end(), has);
    });
}

bool same(const std::vector<v1::Interface>& a, const std::vector<v1::Interface>& b) {
    return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](const v1::Interface& x, const v1::Interface& y) {
        return x.SerializeAsString() == y.SerializeAsString();
    });
}

}  // namespace

Agent::Agent(const Config& config, const heartgate::agent::v1::AgentState& state, const Boot& boot, Parts parts)
    : clock_{parts.clock},
      notifier_{parts.notifier},
      health_{config.timing},
      sequence_{state, boot},
      session_{parts.transport, sequence_, config.gateways, config.interval, std::move(parts.random)} {
    health_.restore(state, clock_.now());
}

v1::Heartbeat Agent::heartbeat() const {
    const Report report = health_.report();
    v1::Heartbeat heartbeat;
    heartbeat.set_colour(report.colour);
    for (const v1::Reason& reason : report.reasons) *heartbeat.add_reasons() = reason;
    heartbeat.set_host(bounded_text(facts_.host, 255));
    heartbeat.set_user(bounded_text(facts_.user, 255));
    heartbeat.set_agent_version(HEARTGATE_VERSION);
    heartbeat.set_os(bounded_text(facts_.os, 64));
    for (const v1::Interface& interface : facts_.interfaces) {
        if (heartbeat.interfaces_size() < kMostInterfaces) *heartbeat.add_interfaces() = bounded(interface);
    }
    return heartbeat;
}

void Agent::report(std::uint64_t detected_monotonic_ns, Moment now) {
    session_.say(heartbeat(), detected_monotonic_ns, now);
}

bool Agent::detected(const Detection& detection, std::uint64_t monotonic_ns) {
    const std::lock_guard lock{mutex_};
    const Moment now = clock_.now();
    if (!health_.detected(detection, now)) return false;
    report(monotonic_ns, now);
    state_changed_ = true;
    notifier_.tell(detected_notice(detection));
    return true;
}

void Agent::not_cleaned(const Detection& detection, const std::string& problem) {
    const std::lock_guard lock{mutex_};
    if (!health_.not_cleaned(detection.path)) return;
    report(0, clock_.now());
    state_changed_ = true;
    notifier_.tell(not_cleaned_notice(detection, problem));
}

void Agent::cleaned(const Detection& detection, const std::string& kept_as) {
    const std::lock_guard lock{mutex_};
    const Moment now = clock_.now();
    if (!health_.cleaned(detection.path, now)) return;
    report(0, now);
    state_changed_ = true;
    notifier_.tell(cleaned_notice(detection, kept_as));
}

std::vector<Detection> Agent::unclean() const {
    const std::lock_guard lock{mutex_};
    return health_.unclean();
}

void Agent::set_watchers(const Watchers& watchers) {
    const std::lock_guard lock{mutex_};
    const Moment now = clock_.now();
    if (health_.set_watchers(watchers, now)) report(0, now);
}

void Agent::set_facts(const MachineFacts& facts) {
    const std::lock_guard lock{mutex_};
    if (facts.host == facts_.host && facts.user == facts_.user && facts.os == facts_.os &&
        same(facts.interfaces, facts_.interfaces)) {
        return;
    }
    const Moment now = clock_.now();
    const bool moved = lost_an_address(facts_.interfaces, facts.interfaces);
    facts_ = facts;
    if (moved && enrolled_) session_.reconnect(now);
    report(0, now);
}

void Agent::enrolled(std::int64_t certificate_not_after_unix_s) {
    const std::lock_guard lock{mutex_};
    certificate_not_after_ = certificate_not_after_unix_s;
    const Moment now = clock_.now();
    if (enrolled_) {
        session_.reconnect(now);
        return;
    }
    enrolled_ = true;
    session_.say(heartbeat(), 0, now);
    session_.start();
}

void Agent::directive(std::uint64_t stream, const v1::Directive& directive) {
    const std::lock_guard lock{mutex_};
    const Moment now = clock_.now();
    if (!session_.directive(stream)) return;
    connection_error_.clear();
    if (health_.set_online(true, now)) report(0, now);
    const bool was_cut_off = directed_ && directive_.cut_off();
    directive_ = directive;
    directed_ = true;
    renewal_wished_ = renewal_wished_ || directive.renew_certificate();
    if (directive.interval_ms() != 0) {
        session_.set_interval(std::clamp(Milliseconds{directive.interval_ms()}, kLeastInterval, kMostInterval), now);
    }
    if (directive.cut_off() && !was_cut_off) notifier_.tell(cut_off_notice(directive));
    if (!directive.cut_off() && was_cut_off) notifier_.tell(released_notice());
}

void Agent::closed(std::uint64_t stream, CloseCause cause, const std::string& message) {
    const std::lock_guard lock{mutex_};
    const Moment now = clock_.now();
    if (!session_.closed(stream, cause, now)) return;
    connection_error_ = message;
    health_.set_online(false, now);
}

std::optional<std::vector<v1::Peer>> Agent::refused_peers() const {
    const std::lock_guard lock{mutex_};
    if (!session_.established()) return std::nullopt;
    return std::vector<v1::Peer>{directive_.refuse().begin(), directive_.refuse().end()};
}

void Agent::goodbye() {
    const std::lock_guard lock{mutex_};
    session_.goodbye();
    state_changed_ = true;
}

bool Agent::take_renewal_wish() {
    const std::lock_guard lock{mutex_};
    return std::exchange(renewal_wished_, false);
}

Milliseconds Agent::advance() {
    const std::lock_guard lock{mutex_};
    const Moment now = clock_.now();
    if (health_.advance(now)) {
        report(0, now);
        state_changed_ = true;
    }
    state_changed_ = sequence_.reserve() || state_changed_;
    const Milliseconds next = session_.poll(now);
    return std::min(next, health_.next_change().value_or(next));
}

std::optional<heartgate::agent::v1::AgentState> Agent::take_state() {
    const std::lock_guard lock{mutex_};
    if (!std::exchange(state_changed_, false)) return std::nullopt;
    heartgate::agent::v1::AgentState state;
    sequence_.save(state);
    health_.save(state, clock_.now());
    return state;
}

heartgate::agent::v1::AgentStatus Agent::status() const {
    const std::lock_guard lock{mutex_};
    heartgate::agent::v1::AgentStatus status;
    const Report report = health_.report();
    status.set_colour(report.colour);
    for (const v1::Reason& reason : report.reasons) *status.add_reasons() = reason;
    status.set_enrolled(enrolled_);
    status.set_connected(session_.established());
    status.set_gateway(session_.gateway().text());
    status.set_cut_off(directive_.cut_off());
    status.set_rule(directive_.rule());
    status.set_why(directive_.why());
    status.set_what_to_do(directive_.what_to_do());
    status.set_whom_to_call(directive_.whom_to_call());
    status.set_presence(directive_.presence());
    status.set_accepted_colour(directive_.colour());
    status.set_host(valid_text(facts_.host));
    status.set_user(valid_text(facts_.user));
    status.set_version(HEARTGATE_VERSION);
    status.set_interval_ms(static_cast<std::uint32_t>(session_.interval().count()));
    status.set_certificate_not_after_unix_s(certificate_not_after_);
    status.set_connection_error(valid_text(connection_error_));
    return status;
}

}  // namespace heartgate::control::agent
