// SPDX-License-Identifier: Apache-2.0
#include "controlplane/daemon/administration/event_stream.h"

#include <boost/asio/post.hpp>

namespace heartgate::control {

// gRPC calls OnDone only after Finish(), and Finish() is called on the loop alone, so that `this` outlives every
// function that was posted before it.
EventStream::EventStream(boost::asio::io_context& loop, AdministrationBackend& backend, std::uint32_t past)
    : loop_{loop}, backend_{backend} {
    boost::asio::post(loop_, [this, past] { begin(past); });
}

void EventStream::OnWriteDone(bool ok) {
    boost::asio::post(loop_, [this, ok] {
        if (ended_) return;
        if (!ok) {
            end(grpc::Status::CANCELLED);
            return;
        }
        queue_.pop_front();
        write_next();
    });
}

void EventStream::OnCancel() {
    boost::asio::post(loop_, [this] { end(grpc::Status::CANCELLED); });
}

// Behind everything that gRPC's threads have posted.
void EventStream::OnDone() {
    boost::asio::post(loop_, [this] { delete this; });
}

void EventStream::begin(std::uint32_t past) {
    if (ended_) return;
    number_ = backend_.follow_events(past, [this](const v1::Event& event) { add(event); });
}

void EventStream::add(const v1::Event& event) {
    if (ended_) return;
    if (queue_.size() >= kMostQueued) {
        end({grpc::StatusCode::RESOURCE_EXHAUSTED, "events come faster than they are read: follow again"});
        return;
    }
    queue_.push_back(event);
    if (queue_.size() == 1) write_next();
}

void EventStream::write_next() {
    if (!queue_.empty()) StartWrite(&queue_.front());
}

void EventStream::end(const grpc::Status& status) {
    if (ended_) return;
    ended_ = true;
    // Also if it ends while it is called from within: the log copies nothing, so it is taken out later.
    boost::asio::post(loop_, [&backend = backend_, number = number_] { backend.unfollow_events(number); });
    Finish(status);
}

}  // namespace heartgate::control
