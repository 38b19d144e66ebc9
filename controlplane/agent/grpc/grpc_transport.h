// SPDX-License-Identifier: Apache-2.0
// The heartbeat stream on gRPC's callback interface. A heartbeat is written by the thread that sends it.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "controlplane/agent/core/identity.h"
#include "controlplane/agent/core/transport.h"

namespace heartgate::control::agent {

class HeartbeatStream;

class GrpcTransport final : public Transport {
public:
    // The listener outlives all streams: wait_for_end() before it goes.
    explicit GrpcTransport(TransportListener& listener);
    ~GrpcTransport() override;

    // For streams that are opened from now on.
    void set_identity(Identity identity);

    void open(std::uint64_t stream, const Gateway& gateway) override;
    void send(const v1::Heartbeat& heartbeat) override;
    void finish(const v1::Heartbeat& goodbye) override;
    void abort() override;

    // Waits until all streams have ended; drops what has not.
    void wait_for_end(Milliseconds most);

private:
    [[nodiscard]] std::shared_ptr<HeartbeatStream> current() const;

    TransportListener& listener_;
    mutable std::mutex mutex_;
    Identity identity_;
    std::vector<std::shared_ptr<HeartbeatStream>> streams_;  // the last one is in use; former ones until they ended
};

}  // namespace heartgate::control::agent
