// SPDX-License-Identifier: Apache-2.0
// One caller who is told of things as they happen, from the loop. One that does not keep up is ended.
#pragma once

#include <grpcpp/grpcpp.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <deque>
#include <functional>
#include <utility>

#include "controlplane/daemon/administration/backend.h"
#include "controlplane/daemon/administration/unary.h"

namespace heartgate::control {

template <typename Message>
class MessageStream : public grpc::ServerWriteReactor<Message> {
public:
    static constexpr std::size_t kMostQueued = 4096;
    using Sink = AdministrationBackend::Sink<Message>;
    using Stop = AdministrationBackend::Stop;

    // `begin` is called on the loop and gives back what ends it, called there, too.
    MessageStream(boost::asio::io_context& loop, std::function<Stop(Sink)> begin) : loop_{loop} {
        boost::asio::post(loop_, [this, begin = std::move(begin)] {
            if (ended_) return;
            Stop stop = begin({.message = [this](const Message& message) { add(message); },
                               .end =
                                   [this](const Expected<void>& result) {
                                       end(result ? grpc::Status::OK : to_status(result.error()));
                                   },
                               .waiting = [this] { return queue_.size(); }});
            stop_ = std::move(stop);
            if (ended_) release();
        });
    }

    // From gRPC's threads, which call OnDone only after Finish(); and that is called on the loop alone, so that `this`
    // outlives every function that was posted before it.
    void OnWriteDone(bool ok) override {
        boost::asio::post(loop_, [this, ok] {
            writing_ = false;
            if (finished_) return;
            queue_.pop_front();
            if (!ok) {
                finish(grpc::Status::CANCELLED);
            } else {
                write_next();
            }
        });
    }
    void OnCancel() override {
        boost::asio::post(loop_, [this] { finish(grpc::Status::CANCELLED); });
    }
    // Behind everything that gRPC's threads have posted.
    void OnDone() override {
        boost::asio::post(loop_, [this] { delete this; });
    }

private:
    void add(const Message& message) {
        if (ended_) return;
        if (queue_.size() >= kMostQueued) {
            finish({grpc::StatusCode::RESOURCE_EXHAUSTED, "events come faster than they are read: follow again"});
            return;
        }
        queue_.push_back(message);
        write_next();
    }

    void write_next() {
        if (writing_ || finished_) return;
        if (!queue_.empty()) {
            writing_ = true;
            this->StartWrite(&queue_.front());
        } else if (ended_) {
            finish(status_);
        }
    }

    // What is queued is still written.
    void end(const grpc::Status& status) {
        if (ended_) return;
        ended_ = true;
        status_ = status;
        release();
        write_next();
    }

    void finish(const grpc::Status& status) {
        if (finished_) return;
        ended_ = true;
        finished_ = true;
        release();
        this->Finish(status);
    }

    // Later, since it may be called from within what it stops.
    void release() {
        if (stop_) boost::asio::post(loop_, std::exchange(stop_, nullptr));
    }

    boost::asio::io_context& loop_;
    std::deque<Message> queue_;  // the first one is being written
    Stop stop_;
    grpc::Status status_;
    bool writing_ = false;
    bool ended_ = false;     // nothing is added any more
    bool finished_ = false;  // nothing is written any more
};

}  // namespace heartgate::control
