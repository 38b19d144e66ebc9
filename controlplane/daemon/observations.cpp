// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/observations.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <functional>
#include <optional>
#include <utility>

#include "controlplane/daemon/clock.h"

namespace heartgate::control {
namespace {

constexpr std::chrono::milliseconds kLook{50};
constexpr std::uint32_t kMostTaken = 1024;
constexpr std::size_t kMostWaiting = 4;  // pieces for a slow caller; what comes meanwhile waits in the dataplane
constexpr std::uint32_t kWatchedPerSecond = 100;
constexpr std::uint32_t kMostWatchedPerSecond = 10'000;
constexpr std::uint32_t kMostSeconds = 86'400;

// One observation of the dataplane, for as long as somebody holds `stop`.
class Session : public std::enable_shared_from_this<Session> {
public:
    struct Hooks {
        std::function<void(v1::TakeObservationReply&)> took;
        std::function<void(Expected<void>)> end;
        std::function<std::size_t()> waiting;
    };
    struct Limits {
        std::uint64_t count = 0;    // 0: none
        std::uint32_t seconds = 0;  // 0: none
    };

    Session(boost::asio::io_context& loop, DataplaneLink& dataplane, Limits limits, Hooks hooks)
        : dataplane_{dataplane}, limits_{limits}, hooks_{std::move(hooks)}, timer_{loop} {
        if (limits.seconds != 0) deadline_ = monotonic_now() + std::chrono::seconds{limits.seconds};
    }

    void start(const v1::StartObservationRequest& request) {
        v1::DataplaneRequest message;
        *message.mutable_start_observation() = request;
        dataplane_.ask(message, [self = shared_from_this()](const Expected<v1::DataplaneReply>& reply) {
            if (!reply) {
                self->end(tl::unexpected(reply.error()));
                return;
            }
            self->id_ = reply->start_observation().id();
            if (self->ended_) {
                self->stop_observation();
            } else {
                self->take();
            }
        });
    }

    void stop() {
        if (std::exchange(ended_, true)) return;
        timer_.cancel();
        if (id_ != 0) stop_observation();
    }

private:
    void take() {
        if (ended_) return;
        const bool last = deadline_ && monotonic_now() >= *deadline_;
        if (!last && hooks_.waiting() >= kMostWaiting) {
            take_later();
            return;
        }
        v1::DataplaneRequest message;
        message.mutable_take_observation()->set_id(id_);
        message.mutable_take_observation()->set_most(most());
        dataplane_.ask(message, [self = shared_from_this(), last](Expected<v1::DataplaneReply> reply) {
            if (self->ended_) return;
            if (!reply) {
                self->end(tl::unexpected(reply.error()));
                return;
            }
            self->took(*reply->mutable_take_observation(), last);
        });
    }

    [[nodiscard]] std::uint32_t most() const {
        if (limits_.count == 0) return kMostTaken;
        return static_cast<std::uint32_t>(std::min<std::uint64_t>(limits_.count - taken_, kMostTaken));
    }

    void took(v1::TakeObservationReply& reply, bool last) {
        taken_ += reply.count();
        hooks_.took(reply);
        if (last || (limits_.count != 0 && taken_ >= limits_.count)) {
            end({});
        } else if (reply.count() > 0) {
            take();
        } else {
            take_later();
        }
    }

    void take_later() {
        if (ended_) return;
        timer_.expires_after(kLook);
        timer_.async_wait([self = shared_from_this()](const boost::system::error_code& cancelled) {
            if (!cancelled) self->take();
        });
    }

    void end(const Expected<void>& result) {
        if (ended_) return;
        stop();
        hooks_.end(result);
    }

    void stop_observation() {
        v1::DataplaneRequest message;
        message.mutable_stop_observation()->set_id(id_);
        dataplane_.ask(message, [](const Expected<v1::DataplaneReply>&) {});
    }

    DataplaneLink& dataplane_;
    const Limits limits_;
    const Hooks hooks_;
    boost::asio::steady_timer timer_;
    std::optional<Instant> deadline_;
    std::uint64_t id_ = 0;
    std::uint64_t taken_ = 0;
    bool ended_ = false;
};

AdministrationBackend::Stop run(const std::shared_ptr<Session>& session, const v1::StartObservationRequest& request) {
    session->start(request);
    return [session] { session->stop(); };
}

}  // namespace

AdministrationBackend::Stop Observations::watch_drops(const v1::WatchDropsRequest& request,
                                                      const AdministrationBackend::Sink<v1::DroppedPacket>& sink) {
    if (request.per_second() > kMostWatchedPerSecond) {
        sink.end(error(ErrorKind::kInvalidArgument, fmt::format("{} packets a second; allowed: at most {}",
                                                                request.per_second(), kMostWatchedPerSecond)));
        return {};
    }
    v1::StartObservationRequest start;
    *start.mutable_reasons() = request.reasons();
    *start.mutable_zones() = request.zones();
    *start.mutable_filter() = request.filter();
    start.set_per_second(request.per_second() == 0 ? kWatchedPerSecond : request.per_second());
    const auto host = [this](const std::string& bytes) {
        const auto address = IpAddress::from_wire(bytes);
        const EndpointRecord* owner = address ? bindings_.owner(*address) : nullptr;
        return owner == nullptr ? std::string{} : owner->stored.host;
    };
    return run(
        std::make_shared<Session>(loop_, dataplane_, Session::Limits{},
                                  Session::Hooks{.took =
                                                     [sink, host](v1::TakeObservationReply& reply) {
                                                         for (v1::DroppedPacket& packet : *reply.mutable_packets()) {
                                                             packet.set_source_host(host(packet.source()));
                                                             packet.set_destination_host(host(packet.destination()));
                                                             sink.message(packet);
                                                         }
                                                     },
                                                 .end = sink.end,
                                                 .waiting = [] { return std::size_t{0}; }}),
        start);
}

AdministrationBackend::Stop Observations::capture(const v1::CaptureRequest& request,
                                                  const AdministrationBackend::Sink<v1::CapturedPackets>& sink) {
    if (request.seconds() > kMostSeconds) {
        sink.end(error(ErrorKind::kInvalidArgument,
                       fmt::format("{} seconds; allowed: at most {}", request.seconds(), kMostSeconds)));
        return {};
    }
    v1::StartObservationRequest start;
    *start.mutable_points() = request.points();
    *start.mutable_reasons() = request.reasons();
    *start.mutable_zones() = request.zones();
    *start.mutable_filter() = request.filter();
    start.set_snap_length(request.snap_length());
    start.set_pcapng(true);
    return run(std::make_shared<Session>(loop_, dataplane_,
                                         Session::Limits{.count = request.count(), .seconds = request.seconds()},
                                         Session::Hooks{.took =
                                                            [sink](v1::TakeObservationReply& reply) {
                                                                if (reply.pcapng().empty()) return;
                                                                v1::CapturedPackets piece;
                                                                piece.set_pcapng(std::move(*reply.mutable_pcapng()));
                                                                piece.set_packets(reply.count());
                                                                piece.set_lost(reply.lost());
                                                                sink.message(piece);
                                                            },
                                                        .end = sink.end,
                                                        .waiting = sink.waiting}),
               start);
}

}  // namespace heartgate::control
