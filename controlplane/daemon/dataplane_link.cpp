// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/dataplane_link.h"

#include <fmt/format.h>
#include <openssl/sha.h>
#include <spdlog/spdlog.h>

#include <algorithm>
#include <array>
#include <thread>

#include "controlplane/daemon/clock.h"
#include "dataplane/contract/message.h"

namespace heartgate::control {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::milliseconds kWatchAbsent{50};
constexpr std::chrono::milliseconds kWatchAttaching{5};
constexpr std::chrono::milliseconds kWatch{100};
constexpr auto kRefusedPause = 1s;
constexpr auto kPumpSoon = 200us;  // an isolation is waiting for its acknowledgement
constexpr auto kPumpWaiter = 50us;
constexpr auto kPumpIdle = 100ms;
constexpr auto kActivity = 250ms;
constexpr std::uint32_t kActivityWindowMs = 3000;
// A dataplane that forwards keeps its verdicts meanwhile; one that does not forward makes everybody wait.
constexpr auto kListenerPatienceForwarding = 3s;
constexpr auto kListenerPatience = 300ms;

}  // namespace

DataplaneLink::DataplaneLink(boost::asio::io_context& loop, std::string socket_path, HealthProducer& producer,
                             Hooks hooks)
    : producer_{producer},
      hooks_{std::move(hooks)},
      client_{loop, std::move(socket_path)},
      watch_timer_{loop},
      pump_timer_{loop},
      activity_timer_{loop} {}

void DataplaneLink::start() { watch(); }

void DataplaneLink::stop() {
    stopped_ = true;
    watch_timer_.cancel();
    pump_timer_.cancel();
    activity_timer_.cancel();
    client_.close();
    for (const Waiter& waiter : std::exchange(waiters_, {})) waiter.done(0);
}

std::string DataplaneLink::sentence() const {
    if (!attached()) return said_.empty() ? "not attached" : "not attached: " + said_;
    if (memory_->state() == contract::DataplaneState::kForwarding) {
        return producer_.synced() ? "forwarding" : "forwarding; synchronising";
    }
    if (!hooks_.has_policy()) return "waiting for a policy: everything is dropped (`hgctl policy apply FILE`)";
    return memory_->state() == contract::DataplaneState::kStarting ? "starting" : "waiting for sync";
}

void DataplaneLink::watch() {
    if (stopped_) return;
    const bool alive = hooks_.alive();
    if (!alive && (phase_ != Phase::kAbsent || memory_tried_)) {
        lose("heartgate-dataplane has ended");
    } else if (!alive) {
        say_once("waiting for heartgate-dataplane: it does not run (with this dpdk.file_prefix); start it");
    } else if (phase_ == Phase::kAbsent && monotonic_now() >= connect_not_before_) {
        connect();
    } else if (phase_ == Phase::kMapping) {
        take_memory();
    } else if (phase_ == Phase::kWaitingForListener && policy_settled_ &&
               (hooks_.listener_replayed() || monotonic_now() >= sync_not_before_)) {
        begin_sync();
    }
    if (stopped_) return;
    watch_timer_.expires_after(attached() ? kWatch : phase_ == Phase::kAbsent ? kWatchAbsent : kWatchAttaching);
    watch_timer_.async_wait([this](const boost::system::error_code& cancelled) {
        if (!cancelled) watch();
    });
}

void DataplaneLink::connect() {
    phase_ = Phase::kConnecting;
    client_.connect([this] { attach(); }, [this](const std::string& why) { lose(why); });
}

void DataplaneLink::attach() {
    v1::DataplaneRequest request;
    request.mutable_attach()->set_contract_version(contract::kContractVersion);
    client_.request(request, [this](Expected<v1::DataplaneReply> reply) {
        if (!reply) {
            if (reply.error().kind == ErrorKind::kUnavailable) return;  // closed, which is reported by itself
            connect_not_before_ = monotonic_now() + kRefusedPause;
            lose(fmt::format("the dataplane refuses: {}", reply.error().message));
            return;
        }
        reply_ = reply->attach();
        // States follow from the policy's rules, so that they come after it.
        policy_settled_ = false;
        hooks_.offer_policy([this] { policy_settled_ = true; });
        if (memory_) {  // the same primary, only the socket was closed
            phase_ = Phase::kWaitingForListener;
        } else {
            map_memory();
        }
        sync_not_before_ =
            monotonic_now() +
            (reply_.forwarding() ? std::chrono::milliseconds{kListenerPatienceForwarding} : kListenerPatience);
    });
}

void DataplaneLink::map_memory() {
    phase_ = Phase::kMapping;
    memory_tried_ = true;
    std::packaged_task<Mapped()> task{hooks_.attach_memory};
    mapping_ = task.get_future();
    std::thread{std::move(task)}.detach();  // may outlive this object; it shares the future's state alone
}

void DataplaneLink::take_memory() {
    if (mapping_.wait_for(0s) != std::future_status::ready) return;
    Mapped memory = mapping_.get();
    if (!memory) {
        spdlog::error("{}", memory.error().message);
        lose("its memory cannot be mapped");
        return;
    }
    memory_ = std::move(*memory);
    phase_ = Phase::kWaitingForListener;
    if (policy_settled_ && hooks_.listener_replayed()) begin_sync();
}

void DataplaneLink::begin_sync() {
    phase_ = Phase::kAttached;
    said_.clear();
    producer_.attach(*memory_, static_cast<std::uint32_t>(reply_.incarnation()), reply_.endpoint_capacity());
    spdlog::info("attached to the dataplane as incarnation {}, {}", reply_.incarnation(),
                 reply_.forwarding() ? "which forwards" : "which waits for policy and endpoints");
    hooks_.attached(reply_);
    pump();
    poll_activity();
}

void DataplaneLink::pump() {
    if (stopped_ || !attached()) return;
    pump_soon_ = false;
    const bool was_synced = producer_.synced();
    const bool more = producer_.pump(monotonic_now());
    if (!was_synced && producer_.synced()) {
        spdlog::info("the dataplane has the full state of incarnation {}", reply_.incarnation());
    }
    std::vector<std::pair<Waiter, bool>> ready;
    std::erase_if(waiters_, [&](Waiter& waiter) {
        const bool applied = producer_.applied(waiter.endpoint);
        if (!applied && monotonic_now() < waiter.deadline) return false;
        ready.emplace_back(std::move(waiter), applied);
        return true;
    });
    const std::uint64_t applied_ns = memory_->applied_ns();
    pump_soon_ = more || !waiters_.empty();
    pump_timer_.expires_after(!waiters_.empty() ? std::chrono::microseconds{kPumpWaiter}
                              : more            ? std::chrono::microseconds{kPumpSoon}
                                                : kPumpIdle);
    pump_timer_.async_wait([this](const boost::system::error_code& cancelled) {
        if (!cancelled) pump();
    });
    for (const auto& [waiter, applied] : ready) waiter.done(applied ? applied_ns : 0);
}

void DataplaneLink::pending() {
    if (!attached() || pump_soon_) return;
    pump_soon_ = true;
    pump_timer_.expires_after(kPumpSoon);
    pump_timer_.async_wait([this](const boost::system::error_code& cancelled) {
        if (!cancelled) pump();
    });
}

void DataplaneLink::poll_activity() {
    if (stopped_ || !attached()) return;
    v1::DataplaneRequest request;
    request.mutable_activity()->set_seen_within_ms(kActivityWindowMs);
    client_.request(request, [this](const Expected<v1::DataplaneReply>& reply) {
        if (!reply) return;
        const Instant now = monotonic_now();
        const auto& activity = reply->activity();
        const int count = std::min(activity.index_size(), activity.age_ms_size());
        for (int entry = 0; entry < count; ++entry) {
            hooks_.traffic(activity.index(entry), now - std::chrono::milliseconds{activity.age_ms(entry)});
        }
    });
    take_alarms();
    activity_timer_.expires_after(kActivity);
    activity_timer_.async_wait([this](const boost::system::error_code& cancelled) {
        if (!cancelled) poll_activity();
    });
}

void DataplaneLink::take_alarms() {
    v1::DataplaneRequest request;
    request.mutable_take_alarms();
    client_.request(request, [this](const Expected<v1::DataplaneReply>& reply) {
        if (!reply) return;
        for (const v1::Alarm& alarm : reply->take_alarms().alarms()) hooks_.alarm(alarm);
    });
}

void DataplaneLink::lose(const std::string& why) {
    if (stopped_) return;
    const bool was_attached = attached();
    phase_ = Phase::kAbsent;
    producer_.detach();
    client_.close();
    pump_timer_.cancel();
    activity_timer_.cancel();
    for (const Waiter& waiter : std::exchange(waiters_, {})) waiter.done(0);
    if (was_attached) {
        spdlog::warn("the dataplane is gone: {}", why);
        hooks_.lost(why);
    } else {
        say_once(why);
    }
    // Another primary has other memory; this process can map only one. If the same one still runs, the socket alone
    // was closed, and the next watch connects again.
    if (memory_tried_ && (!memory_ || !hooks_.alive())) {
        stop();
        hooks_.start_anew();
    }
}

void DataplaneLink::load_policy(const v1::Policy& policy, bool only_check, std::function<void(Expected<void>)> done) {
    v1::DataplaneRequest request;
    std::string bytes = policy.SerializeAsString();
    std::array<unsigned char, SHA256_DIGEST_LENGTH> digest{};
    SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(), digest.data());
    request.mutable_load_policy()->set_sha256(digest.data(), digest.size());
    request.mutable_load_policy()->set_policy(std::move(bytes));
    request.mutable_load_policy()->set_only_check(only_check);
    client_.request(request, [done = std::move(done)](const Expected<v1::DataplaneReply>& reply) {
        if (reply) {
            done({});
        } else {
            done(tl::unexpected(reply.error()));
        }
    });
}

void DataplaneLink::when_applied(std::uint32_t endpoint, std::chrono::milliseconds patience,
                                 std::function<void(std::uint64_t)> done) {
    if (stopped_ || !attached()) {
        done(0);
        return;
    }
    waiters_.push_back({endpoint, monotonic_now() + patience, std::move(done)});
    pump();
}

void DataplaneLink::say_once(const std::string& sentence) {
    if (sentence == said_) return;
    said_ = sentence;
    spdlog::info("{}", sentence);
}

}  // namespace heartgate::control
