// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/linux/runtime.h"

#include <poll.h>
#include <spdlog/spdlog.h>
#include <sys/eventfd.h>

#include <array>
#include <cerrno>
#include <random>

#include "controlplane/agent/core/text.h"
#include "controlplane/agent/linux/control_socket.h"
#include "controlplane/agent/linux/machine.h"

namespace heartgate::control::agent {
namespace {

constexpr Milliseconds kHousekeepingEvery{1'000};
constexpr Milliseconds kRenewalRetry{300'000};
constexpr Milliseconds kGoodbyeWithin{2'000};

double random_part() {
    static thread_local std::mt19937_64 engine{std::random_device{}()};
    return std::uniform_real_distribution<double>{0.0, 1.0}(engine);
}

}  // namespace

Runtime::Runtime(Config config, StateDirectory state_directory, int signals)
    : config_{std::move(config)},
      state_directory_{std::move(state_directory)},
      signals_{signals},
      wake_{::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)},
      notifier_{config_.notify} {}

void Runtime::wake() {
    const std::uint64_t one = 1;
    (void)!::write(wake_.get(), &one, sizeof one);  // full means awake
}

void Runtime::on_directive(std::uint64_t stream, const v1::Directive& directive) {
    {
        const std::lock_guard lock{events_mutex_};
        events_.emplace_back([this, stream, directive] {
            if (!std::exchange(last_failure_, "-").empty() || directive.cut_off() != agent_->status().cut_off()) {
                spdlog::info("{} answers: {}", agent_->status().gateway(),
                             directive.cut_off() ? "this machine is cut off: " + printable_text(directive.why())
                                                 : "traffic passes");
            }
            last_failure_.clear();
            agent_->directive(stream, directive);
            refuse_peers();
        });
    }
    wake();
}

void Runtime::on_closed(std::uint64_t stream, CloseCause cause, const std::string& message) {
    {
        const std::lock_guard lock{events_mutex_};
        events_.emplace_back([this, stream, cause, message] {
            if (message != last_failure_) spdlog::warn("no stream to {}: {}", agent_->status().gateway(), message);
            last_failure_ = message;
            agent_->closed(stream, cause, message);
        });
    }
    wake();
}

heartgate::agent::v1::ControlReply Runtime::answer(const heartgate::agent::v1::ControlRequest& request) {
    heartgate::agent::v1::ControlReply reply;
    if (request.has_status()) {
        *reply.mutable_status() = agent_->status();
        reply.mutable_status()->set_refused_addresses(refused_addresses_);
    }
    if (request.has_rescan()) {
        protection_->rescan();
        reply.mutable_rescan();
    }
    return reply;
}

Expected<void> Runtime::run() {
    const auto state = state_directory_.read_state();
    if (!state) return tl::unexpected{state.error()};
    agent_.emplace(config_, *state, current_boot(), Agent::Parts{clock_, transport_, notifier_, random_part});
    // Numbers are reserved on disk before the first is used.
    const auto reserved = agent_->take_state();
    if (const auto saved = state_directory_.write_state(*reserved); !saved) return saved;
    agent_->set_facts(machine_facts(config_));

    auto protection = Protection::start(config_, *agent_, [this] { wake(); });
    if (!protection) return tl::unexpected{protection.error()};
    protection_ = std::move(*protection);
    auto control =
        ControlSocket::listen(config_.control_socket, [this](const auto& request) { return answer(request); });
    if (!control) return tl::unexpected{control.error()};

    if (config_.refuse_peers) {
        auto filter = PeerFilter::start(config_.gateways);
        if (!filter) spdlog::warn("{}; or set refuse_peers: false", filter.error().message);
        if (filter) peer_filter_ = std::move(*filter);
    }

    loop();

    peer_filter_.reset();
    spdlog::info("ending: says goodbye");
    protection_.reset();
    agent_->goodbye();
    transport_.wait_for_end(kGoodbyeWithin);
    save_state();
    return {};
}

void Runtime::loop() {
    while (true) {
        handle_events();
        const Moment now = clock_.now();
        if (now.monotonic >= next_housekeeping_) {
            next_housekeeping_ = now.monotonic + kHousekeepingEvery;
            housekeeping(now);
        }
        const Milliseconds next = std::min(agent_->advance(), next_housekeeping_);
        save_state();
        if (!wait_until(next)) return;
    }
}

bool Runtime::wait_until(Milliseconds when) const {
    const auto left = std::max<Milliseconds::rep>((when - clock_.now().monotonic).count(), 0);
    std::array<pollfd, 2> waiting{{{signals_, POLLIN, 0}, {wake_.get(), POLLIN, 0}}};
    ::poll(waiting.data(), waiting.size(), static_cast<int>(std::min<Milliseconds::rep>(left + 1, 60'000)));
    std::uint64_t count = 0;
    (void)!::read(wake_.get(), &count, sizeof count);
    return (waiting[0].revents & POLLIN) == 0;
}

void Runtime::handle_events() {
    std::deque<std::function<void()>> events;
    {
        const std::lock_guard lock{events_mutex_};
        events.swap(events_);
    }
    for (const auto& event : events) event();
}

void Runtime::housekeeping(Moment now) {
    agent_->set_facts(machine_facts(config_));
    look_at_identity();
    look_at_renewal(now);
    refuse_peers();
}

void Runtime::refuse_peers() {
    if (!peer_filter_) return;
    const Milliseconds now = clock_.now().monotonic;
    if (const auto peers = agent_->refused_peers()) {
        const auto refused = peer_filter_->refuse(*peers, now);
        const std::string failure = refused ? "" : refused.error().message;
        if (std::exchange(filter_failure_, failure) != failure && !refused) spdlog::error("{}", failure);
    }
    refused_addresses_ = static_cast<std::uint32_t>(peer_filter_->refused(now));
}

void Runtime::look_at_identity() {
    const std::int64_t version = state_directory_.identity_version();
    if (version == identity_version_ && identity_) return;
    auto identity = state_directory_.read_identity();
    if (!identity || !*identity) {
        if (!std::exchange(waiting_logged_, true)) {
            spdlog::warn("{}", !identity ? identity.error().message
                                         : "this machine is not enrolled: run `heartgate-agent enrol --token-file -`");
        }
        return;
    }
    const auto validity = certificate_validity((*identity)->certificate_pem);
    if (!validity) {
        if (version != identity_version_) spdlog::error("identity.pem: {}", validity.error().message);
        identity_version_ = version;
        return;
    }
    identity_version_ = version;
    identity_ = std::move(*identity);
    validity_ = *validity;
    transport_.set_identity(*identity_);
    agent_->enrolled(validity_.not_after_unix_s);
}

void Runtime::look_at_renewal(Moment now) {
    if (!identity_) return;
    if (renewal_.valid()) {
        if (renewal_.wait_for(std::chrono::seconds{0}) != std::future_status::ready) return;
        const auto renewed = renewal_.get();
        const auto saved =
            renewed ? state_directory_.write_identity(*renewed) : Expected<void>{tl::unexpected{renewed.error()}};
        if (saved) {
            spdlog::info("the certificate was renewed");
            look_at_identity();
        } else {
            spdlog::warn("the certificate was not renewed: {}", saved.error().message);
        }
        return;
    }
    const bool wished = agent_->take_renewal_wish();
    const bool due = now.unix_ms / 1000 >= validity_.renew_at_unix_s() && now.monotonic >= no_renewal_before_;
    if (!wished && !due) return;
    no_renewal_before_ =
        now.monotonic + kRenewalRetry + Milliseconds{static_cast<Milliseconds::rep>(60'000 * random_part())};
    renewal_ = std::async(std::launch::async, [identity = *identity_, gateways = config_.gateways] {
        GrpcEnrolment transport;
        return renew(identity, gateways, transport);
    });
}

void Runtime::save_state() {
    if (auto state = agent_->take_state()) unsaved_ = std::move(state);
    if (!unsaved_) return;
    const auto saved = state_directory_.write_state(*unsaved_);
    if (saved) {
        unsaved_.reset();
        save_failure_.clear();
    } else if (std::exchange(save_failure_, saved.error().message) != saved.error().message) {
        spdlog::error("{}; tried again every second: until then a restart loses what the agent knows", save_failure_);
    }
}

}  // namespace heartgate::control::agent
