// SPDX-License-Identifier: Apache-2.0
// One heartbeat stream to one gateway, whatever carries it. Nothing here blocks; what happens is told to the listener,
// possibly from other threads and before the call returns.
#pragma once

#include <cstdint>
#include <string>

#include "controlplane/agent/core/config.h"
#include "heartgate/v1/heartbeat.pb.h"

namespace heartgate::control::agent {

enum class CloseCause {
    kUnreachable,      // no connection, or it broke
    kUnauthenticated,  // our certificate, or the gateway's, is not accepted
    kNewerSession,     // another session of the same certificate took over
    kRefused,          // the gateway does not like what we say, or has no room
};

class TransportListener {
public:
    virtual ~TransportListener() = default;
    virtual void on_directive(std::uint64_t stream, const v1::Directive& directive) = 0;
    virtual void on_closed(std::uint64_t stream, CloseCause cause, const std::string& message) = 0;
};

class Transport {
public:
    virtual ~Transport() = default;
    // Begins to connect; messages may be sent at once. on_closed() follows exactly once.
    virtual void open(std::uint64_t stream, const Gateway& gateway) = 0;
    // While one is still being written the newest of the others waits, since each says everything, and before it those
    // that report a detection.
    virtual void send(const v1::Heartbeat& heartbeat) = 0;
    // Sends the last one and ends the stream in good order.
    virtual void finish(const v1::Heartbeat& goodbye) = 0;
    // Drops the stream.
    virtual void abort() = 0;
};

}  // namespace heartgate::control::agent
