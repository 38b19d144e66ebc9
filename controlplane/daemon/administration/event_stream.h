// SPDX-License-Identifier: Apache-2.0
// One follower of the event log: past events, then each as it happens; one that does not keep up is ended.
#pragma once

#include <grpcpp/grpcpp.h>
#include <heartgate/v1/event.pb.h>

#include <boost/asio/io_context.hpp>
#include <deque>
#include <memory>

#include "controlplane/daemon/administration/backend.h"

namespace heartgate::control {

class EventStream : public grpc::ServerWriteReactor<v1::Event> {
public:
    static constexpr std::size_t kMostQueued = 4096;

    EventStream(boost::asio::io_context& loop, AdministrationBackend& backend, std::uint32_t past);

    // From gRPC's threads.
    void OnWriteDone(bool ok) override;
    void OnCancel() override;
    void OnDone() override;

private:
    void begin(std::uint32_t past);
    void add(const v1::Event& event);
    void write_next();
    void end(const grpc::Status& status);

    boost::asio::io_context& loop_;
    AdministrationBackend& backend_;
    std::deque<v1::Event> queue_;  // the first one is being written
    std::uint64_t number_ = 0;
    bool ended_ = false;
};

}  // namespace heartgate::control
