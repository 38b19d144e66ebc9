// SPDX-License-Identifier: Apache-2.0
// What the listener delivers, in the order of urgency: the heartbeat's effect on the ring first, everything else after.
// Streams, their endpoints, and what is refused.
#pragma once

#include <heartgate/v1/listener.pb.h>

#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <unordered_map>

#include "controlplane/daemon/bindings.h"
#include "controlplane/daemon/directives.h"
#include "controlplane/daemon/endpoint_registry.h"
#include "controlplane/daemon/refusals.h"

namespace heartgate::control {

class HeartbeatIntake {
public:
    // Ends a stream with a gRPC status.
    using Close = std::function<void(std::uint64_t stream, std::uint32_t status, const std::string& reason)>;

    HeartbeatIntake(EndpointRegistry& registry, Bindings& bindings, Directives& directives, Refusals& refusals,
                    EventLog& events, Close close);

    void set_revoked(std::set<std::string> serials) { revoked_ = std::move(serials); }
    // Whoever has this certificate is no longer heard; the endpoint's open streams are ended.
    void revoke(EndpointRecord& record, const std::string& serial);

    void stream_opened(const v1::StreamOpened& opened);
    // `replayed`: the last heartbeat of a stream, repeated by the listener after a reconnect.
    void heartbeat(const v1::HeartbeatReceived& received, bool replayed);
    void stream_closed(std::uint64_t stream);
    // The listener is gone; it announces its streams again when it comes back.
    void forget_streams();

    // Whose stream it is; nullptr if it was refused or is closed.
    [[nodiscard]] const EndpointRecord* endpoint_of(std::uint64_t stream) const;
    [[nodiscard]] std::uint64_t streams() const { return sessions_.size(); }
    [[nodiscard]] std::uint64_t accepted() const { return accepted_; }

private:
    struct Session {
        EndpointRecord* record = nullptr;
        std::string serial;
        IpAddress peer;
    };

    void refuse(std::uint64_t stream, std::uint32_t status, const std::string& cause, const Session& session);
    void take_description(EndpointRecord& record, const v1::Heartbeat& heartbeat);
    void settle(EndpointRecord& record, const Session& session, const v1::Heartbeat& heartbeat);

    EndpointRegistry& registry_;
    Bindings& bindings_;
    Directives& directives_;
    Refusals& refusals_;
    EventLog& events_;
    Close close_;
    std::unordered_map<std::uint64_t, Session> sessions_;
    std::set<std::string> revoked_;
    std::uint64_t accepted_ = 0;
};

}  // namespace heartgate::control
