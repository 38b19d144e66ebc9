// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/daemon.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/post.hpp>
#include <set>
#include <utility>

#include "controlplane/common/text.h"
#include "controlplane/daemon/alarm_event.h"
#include "controlplane/daemon/clock.h"

namespace heartgate::control {
namespace {

using namespace std::chrono_literals;

constexpr auto kTick = 100ms;
constexpr auto kStall = 1s;
constexpr auto kChangePatience = 1s;
// After an outage of the way to the endpoints their TCP connections come back with the next retransmission only.
constexpr auto kRetransmission = 5s;
constexpr std::chrono::hours kIdentityValidity{24 * 30};
constexpr const char* kServerName = "heartgate";

}  // namespace

Daemon::Daemon(boost::asio::io_context& loop, Configuration configuration, pki::CertificateAuthority authority,
               std::unique_ptr<Store> store, StoredState state, Primary primary)
    : loop_{loop},
      configuration_{std::move(configuration)},
      authority_{std::move(authority)},
      loaded_{std::move(state)},
      primary_{std::move(primary)},
      started_unix_ms_{unix_now_ms()},
      store_{std::move(store), [&loop](std::function<void()> run) { boost::asio::post(loop, std::move(run)); },
             [this](const std::string& trouble) {
                 trouble_ = trouble;
                 if (trouble.empty()) {
                     spdlog::info("the database can be written again");
                 } else {
                     spdlog::error("{}; trying again every second, releases wait", trouble);
                 }
                 answer_isolations();
             }},
      events_{store_, std::move(loaded_.events)},
      producer_{[this] { dataplane_.pending(); }},
      bindings_{producer_, neighbours_, events_},
      directives_{configuration_.interval,
                  [this](std::uint64_t stream, const v1::Directive& directive) {
                      v1::DaemonToListener message;
                      message.mutable_directive()->set_stream(stream);
                      *message.mutable_directive()->mutable_directive() = directive;
                      listener_.send(message);
                  },
                  [this] { boost::asio::post(loop_, [this] { directives_.flush(registry_.by_index()); }); }},
      registry_{producer_, store_, events_, [this](EndpointRecord& record) { directives_.mark(record); }},
      refusals_{events_},
      listener_{loop, listener_hooks()},
      intake_{registry_,
              bindings_,
              directives_,
              refusals_,
              events_,
              [this](std::uint64_t stream, std::uint32_t status, const std::string& reason) {
                  v1::DaemonToListener message;
                  message.mutable_close()->set_stream(stream);
                  message.mutable_close()->set_status(status);
                  message.mutable_close()->set_reason(reason);
                  listener_.send(message);
              }},
      enrolment_{authority_,
                 registry_,
                 store_,
                 events_,
                 configuration_.certificate_validity,
                 {.machine_at = [this](const IpAddress& peer) { return bindings_.machine_at(peer); },
                  .revoke = [this](EndpointRecord& record) { revoke(record); }}},
      policy_{store_, events_,
              [this](const v1::Policy& policy, bool only_check, std::function<void(Expected<void>)> done) {
                  dataplane_.load_policy(policy, only_check, std::move(done));
              },
              [this](const v1::Policy& policy) {
                  directives_.set_whom_to_call(policy.whom_to_call());
                  registry_.set_rules(WanRules{policy, zones_});
                  for (const auto& [index, record] : registry_.by_index()) directives_.mark(*record);
              }},
      dataplane_{loop, configuration_.dataplane_socket, producer_, dataplane_hooks(primary_)},
      page_{loop,
            [this](const IpAddress& machine) {
                const v1::Policy* policy = policy_.policy();
                return page_answer(bindings_.machine_at(machine), registry_.rules(), machine,
                                   policy == nullptr ? std::string{} : policy->whom_to_call());
            }},
      tick_timer_{loop} {}

Expected<void> Daemon::start() {
    enrolment_.load(loaded_);
    std::set<std::string> revoked;
    trust_.set_ca_pem(authority_.ca_pem());
    trust_.set_accept_expired_s(static_cast<std::uint32_t>(configuration_.accept_expired.count()));
    for (const RevokedSerial& entry : loaded_.revoked) {
        revoked.insert(entry.serial);
        trust_.add_revoked_serials(entry.serial);
    }
    intake_.set_revoked(std::move(revoked));
    listener_.set_trust(trust_);
    if (auto issued = renew_identity(); !issued) return issued;

    registry_.load(std::move(loaded_.endpoints));
    for (const auto& [index, record] : registry_.by_index()) bindings_.load(*record);
    auto policy = policy_.start(loaded_.policies, configuration_.policy_file, configuration_.policy_required);
    if (!policy) return policy;
    if (auto listening = listener_.listen(configuration_.listener_socket, configuration_.listener_group,
                                          configuration_.listener_mode);
        !listening) {
        return listening;
    }
    if (auto listening = page_.listen(configuration_.page_socket, configuration_.page_group, configuration_.page_mode);
        !listening) {
        return listening;
    }
    loaded_ = {};
    dataplane_.start();
    last_tick_ = monotonic_now();
    tick();
    return {};
}

void Daemon::stop() {
    tick_timer_.cancel();
    policy_.stop();
    dataplane_.stop();
    answer_isolations(true);
    listener_.stop();
    page_.stop();
    registry_.save_all();
}

ListenerLink::Hooks Daemon::listener_hooks() {
    return {.hello =
                [this](const v1::ListenerHello& hello) {
                    spdlog::info("heartgate-listener {} is connected{}", clean_text(hello.version(), 32),
                                 hello.ready_monotonic_ns() == 0 ? "" : " and accepts endpoints");
                    listener_ready_ = hello.ready_monotonic_ns() != 0;
                    update_hearing();
                },
            .opened = [this](const v1::StreamOpened& opened) { intake_.stream_opened(opened); },
            .heartbeat =
                [this](const v1::HeartbeatReceived& received, bool replayed) {
                    intake_.heartbeat(received, replayed);
                    if (!replayed && received.heartbeat().detected_monotonic_ns() != 0) account_for_change(received);
                },
            .closed = [this](std::uint64_t stream) { intake_.stream_closed(stream); },
            .replayed =
                [this] {
                    spdlog::debug("heartgate-listener has replayed {} streams", intake_.streams());
                    update_hearing();
                },
            .enrolment =
                [this](const v1::EnrolmentCall& call) {
                    enrolment_.call(call, [this](const v1::EnrolmentAnswer& answer) {
                        v1::DaemonToListener message;
                        *message.mutable_enrolment() = answer;
                        listener_.send(message);
                    });
                },
            .refusal =
                [this](const v1::Refusal& refusal) {
                    const auto peer = IpAddress::from_wire(refusal.peer_address());
                    const bool known = registry_.find_id(refusal.endpoint_id()) != nullptr;
                    refusals_.add(refusal.cause(), peer ? peer->text() : "an unknown address",
                                  known ? refusal.endpoint_id() : "");
                },
            .lost =
                [this](const std::string&) {
                    intake_.forget_streams();
                    listener_ready_ = false;
                    update_hearing();
                }};
}

void Daemon::account_for_change(const v1::HeartbeatReceived& received) {
    const EndpointRecord* record = intake_.endpoint_of(received.stream());
    if (record == nullptr) return;
    dataplane_.when_applied(record->stored.index, kChangePatience,
                            [record, detected_ns = received.heartbeat().detected_monotonic_ns(),
                             received_ns = received.received_monotonic_ns()](std::uint64_t applied_ns) {
                                // A release waits for the disk first: what is in force by now is older.
                                if (applied_ns < received_ns) return;
                                spdlog::info("{} ({}): change in force, detected_ns={} received_ns={} applied_ns={}",
                                             record->stored.host, record->stored.id, detected_ns, received_ns,
                                             applied_ns);
                            });
}

DataplaneLink::Hooks Daemon::dataplane_hooks(const Primary& primary) {
    return {.alive = primary.alive,
            .attach_memory = primary.attach_memory,
            .has_policy = [this] { return policy_.policy() != nullptr; },
            .offer_policy = [this](const std::function<void()>& settled) { policy_.offer(settled); },
            .listener_replayed = [this] { return listener_.replayed(); },
            .attached =
                [this](const v1::AttachReply& reply) {
                    set_zones(reply);
                    events_.add(v1::DATAPLANE_ATTACHED,
                                fmt::format("attached to the dataplane as incarnation {}", reply.incarnation()));
                    update_hearing();
                },
            .lost =
                [this](const std::string& why) {
                    events_.add(v1::DATAPLANE_LOST, fmt::format("the dataplane is gone: {}", why));
                    update_hearing();
                },
            .traffic = [this](std::uint32_t index, Instant seen) { registry_.traffic(index, seen); },
            .alarm = [this](const v1::Alarm& alarm) { events_.add(alarm_event(alarm, bindings_)); },
            .start_anew = primary.start_anew};
}

void Daemon::set_zones(const v1::AttachReply& reply) {
    zone_list_ = reply.zones();
    zones_ = Zones{zone_list_};
    std::vector<KernelNeighbours::Interface> interfaces;
    for (const v1::Zone& zone : zone_list_) {
        if (zone.role() == v1::ZONE_ROLE_WAN || zone.interface().empty()) continue;
        interfaces.push_back(
            {.name = zone.interface(), .zone = zone.name(), .routed = zone.role() == v1::ZONE_ROLE_ROUTED});
    }
    neighbours_.set_interfaces(std::move(interfaces));
    if (policy_.policy() != nullptr) registry_.set_rules(WanRules{*policy_.policy(), zones_});
}

Expected<void> Daemon::renew_identity() {
    const std::vector<std::string> names{kServerName};
    const auto certificate = authority_.issue_server(names, configuration_.heartbeat_addresses, kIdentityValidity);
    if (!certificate) return tl::unexpected(certificate.error());
    v1::ListenerIdentity identity;
    identity.set_certificate_pem(certificate->certificate_pem);
    identity.set_key_pem(certificate->key_pem);
    listener_.set_identity(identity);
    const std::int64_t now = pki::unix_now_s();
    identity_renewal_unix_s_ = now + (certificate->not_after_unix_s - now) / 2;
    return {};
}

void Daemon::revoke(EndpointRecord& record) {
    const std::string& serial = record.stored.certificate_serial;
    intake_.revoke(record, serial);
    enrolment_.revoke(serial);
    trust_.add_revoked_serials(serial);
    listener_.set_trust(trust_);
}

void Daemon::tick() {
    const Instant now = monotonic_now();
    if (now - last_tick_ > kStall && hearing_since_) {
        spdlog::warn("this process stood still for {} ms: nobody is MISSING for that", (now - last_tick_) / 1ms);
        hearing_since_ = now;
    }
    last_tick_ = now;
    registry_.tick(now, hearing_since_);
    answer_isolations();
    policy_.tick(now, trouble_);
    report_bindings();
    if (pki::unix_now_s() >= identity_renewal_unix_s_) {
        if (const auto renewed = renew_identity(); !renewed) {
            spdlog::error("the listener's certificate cannot be renewed: {}", renewed.error().message);
            identity_renewal_unix_s_ = pki::unix_now_s() + 3600;
        }
    }
    tick_timer_.expires_after(kTick);
    tick_timer_.async_wait([this](const boost::system::error_code& cancelled) {
        if (!cancelled) tick();
    });
}

void Daemon::report_bindings() {
    if (!dataplane_.attached()) return;
    const std::uint64_t count = producer_.without_room();
    if (without_room_ == (count != 0)) return;
    without_room_ = count != 0;
    const std::string text =
        without_room_ ? fmt::format(
                            "the dataplane has no room for {} addresses of endpoints, whose health is not "
                            "enforced: raise endpoints.capacity in dataplane.yaml; they are sent again every "
                            "{} s",
                            count, HealthProducer::kBindAgain.count())
                      : "the dataplane has room for all addresses of endpoints again";
    spdlog::warn("{}", text);
    events_.add(without_room_ ? v1::BINDINGS_WITHOUT_ROOM : v1::BINDINGS_PLACED, text);
}

// Silence counts from here on; while either part of the way is missing nothing is concluded from it.
void Daemon::update_hearing() {
    if (!listener_ready_ || !listener_.replayed() || !dataplane_.attached()) {
        hearing_since_.reset();
    } else if (!hearing_since_) {
        hearing_since_ = monotonic_now() + kRetransmission;
    }
}

}  // namespace heartgate::control
