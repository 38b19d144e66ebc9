// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/grpc/grpc_transport.h"

#include <fmt/format.h>
#include <grpcpp/grpcpp.h>

#include <condition_variable>
#include <deque>

#include "controlplane/agent/core/text.h"
#include "controlplane/agent/grpc/channel.h"
#include "heartgate/v1/heartbeat.grpc.pb.h"

namespace heartgate::control::agent {
namespace {

constexpr std::size_t kMostWaiting = 8;

CloseCause cause_of(const grpc::Status& status) {
    switch (status.error_code()) {
        case grpc::StatusCode::UNAUTHENTICATED:
        case grpc::StatusCode::PERMISSION_DENIED:
            return CloseCause::kUnauthenticated;
        case grpc::StatusCode::ABORTED:
            return CloseCause::kNewerSession;
        case grpc::StatusCode::INVALID_ARGUMENT:
        case grpc::StatusCode::RESOURCE_EXHAUSTED:
        case grpc::StatusCode::UNIMPLEMENTED:
            return CloseCause::kRefused;
        default:
            return CloseCause::kUnreachable;
    }
}

}  // namespace

// Callbacks may come on the thread that starts an operation, so none is started with the mutex held. The call is alive
// as long as a callback runs or the hold is kept; the hold is kept while a thread from outside starts a write.
class HeartbeatStream final : public grpc::ClientBidiReactor<v1::Heartbeat, v1::Directive> {
public:
    HeartbeatStream(TransportListener& listener, std::uint64_t stream, std::shared_ptr<grpc::Channel> channel)
        : listener_{listener}, stream_{stream}, channel_{std::move(channel)}, stub_{channel_} {}

    void start() {
        stub_.async()->Session(&context_, this);
        StartRead(&directive_);
        AddHold();
        StartCall();
    }

    void send(const v1::Heartbeat& heartbeat, bool last = false) {
        {
            const std::lock_guard lock{mutex_};
            if (closing_ || last_queued_) return;
            last_queued_ = last;
            if (writing_) {
                wait(heartbeat);
                return;
            }
            writing_ = true;
            ++starting_;
            message_ = heartbeat;
        }
        StartWrite(&message_);
        change([&] { --starting_; });
    }

    void abort() {
        context_.TryCancel();
        change([&] { closing_ = true; });
    }

    bool ended() {
        const std::lock_guard lock{mutex_};
        return ended_;
    }

    bool wait_for_end(Milliseconds most) {
        std::unique_lock lock{mutex_};
        return ended_condition_.wait_for(lock, most, [&] { return ended_; });
    }

    void OnReadDone(bool ok) override {
        if (!ok) {
            change([&] { closing_ = true; });
            return;
        }
        listener_.on_directive(stream_, directive_);
        StartRead(&directive_);
    }

    void OnWriteDone(bool ok) override {
        bool more = false;
        bool end = false;
        {
            const std::lock_guard lock{mutex_};
            more = ok && !closing_ && !waiting_.empty();
            end = ok && !closing_ && !more && last_queued_;
            if (more) {
                message_ = std::move(waiting_.front());
                waiting_.pop_front();
            } else {
                writing_ = end;  // until the end is said, too
            }
        }
        if (more) StartWrite(&message_);
        if (end) StartWritesDone();
        if (more) return;
        change([&] {
            writing_ = writing_ && !end;
            closing_ = closing_ || end || !ok;
        });
    }

    void OnDone(const grpc::Status& status) override {
        listener_.on_closed(stream_, cause_of(status),
                            status.ok() ? "the gateway ended the stream" : printable_text(status.error_message()));
        const std::lock_guard lock{mutex_};
        closing_ = true;
        ended_ = true;
        ended_condition_.notify_all();
    }

private:
    // The newest says everything, but a detection is news of its own: it is not lost in what became of it. Many in a
    // row are one incident. The mutex is held.
    void wait(const v1::Heartbeat& heartbeat) {
        const bool replaces =
            !waiting_.empty() && (waiting_.back().detected_monotonic_ns() == 0 || waiting_.size() == kMostWaiting);
        if (replaces) waiting_.pop_back();
        waiting_.push_back(heartbeat);
    }

    // Changes the state under the mutex and lets the call go once nothing can be started any more.
    template <typename Change>
    void change(Change&& apply) {
        {
            const std::lock_guard lock{mutex_};
            apply();
            if (!closing_ || writing_ || starting_ != 0 || std::exchange(released_, true)) return;
        }
        RemoveHold();
    }

    TransportListener& listener_;
    const std::uint64_t stream_;
    std::shared_ptr<grpc::Channel> channel_;
    v1::HeartbeatService::Stub stub_;
    grpc::ClientContext context_;
    v1::Directive directive_;
    v1::Heartbeat message_;  // being written; touched only by who set writing_

    std::mutex mutex_;
    std::condition_variable ended_condition_;
    std::deque<v1::Heartbeat> waiting_;
    bool writing_ = false;      // message_ is in use
    int starting_ = 0;          // threads inside StartWrite that are no callbacks
    bool last_queued_ = false;  // nothing follows what is being written or waits
    bool closing_ = false;      // nothing is started any more
    bool released_ = false;
    bool ended_ = false;
};

GrpcTransport::GrpcTransport(TransportListener& listener) : listener_{listener} {}

GrpcTransport::~GrpcTransport() { wait_for_end(Milliseconds{0}); }

std::shared_ptr<HeartbeatStream> GrpcTransport::current() const {
    const std::lock_guard lock{mutex_};
    return streams_.empty() ? nullptr : streams_.back();
}

void GrpcTransport::set_identity(Identity identity) {
    const std::lock_guard lock{mutex_};
    identity_ = std::move(identity);
}

void GrpcTransport::open(std::uint64_t stream, const Gateway& gateway) {
    std::shared_ptr<HeartbeatStream> opened;
    {
        const std::lock_guard lock{mutex_};
        opened = std::make_shared<HeartbeatStream>(listener_, stream, make_channel(gateway, identity_));
        streams_.push_back(opened);
    }
    opened->start();
    // Former ones are let go here, and after the new one has begun: gRPC ends its callback thread with the last
    // channel, which crashes on that thread itself and takes time elsewhere.
    const std::lock_guard lock{mutex_};
    std::erase_if(streams_, [&](const auto& former) { return former != opened && former->ended(); });
}

void GrpcTransport::send(const v1::Heartbeat& heartbeat) {
    if (const auto stream = current()) stream->send(heartbeat);
}

void GrpcTransport::finish(const v1::Heartbeat& goodbye) {
    if (const auto stream = current()) stream->send(goodbye, true);
}

void GrpcTransport::abort() {
    if (const auto stream = current()) stream->abort();
}

void GrpcTransport::wait_for_end(Milliseconds most) {
    std::vector<std::shared_ptr<HeartbeatStream>> streams;
    {
        const std::lock_guard lock{mutex_};
        streams = streams_;
    }
    for (const auto& stream : streams) {
        if (stream->wait_for_end(most)) continue;
        stream->abort();
        stream->wait_for_end(Milliseconds{5'000});
    }
}

}  // namespace heartgate::control::agent
