// SPDX-License-Identifier: Apache-2.0
// The gRPC server with its certificate and limits. Mutual TLS 1.3: client certificates are asked for, and checked by
// us.
#pragma once

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <memory>

#include "controlplane/common/error.h"
#include "controlplane/listener/enrolment_endpoint.h"
#include "controlplane/listener/session.h"

namespace heartgate::control::listener {

// Before anything of gRPC runs in this process: TLS 1.3 only, and its log through ours, bounded in rate.
void prepare_grpc();

// Certificate chain and key in memory, under a path that gRPC can read again and again: never on a disk.
class IdentityFile {
public:
    IdentityFile() = default;
    IdentityFile(const IdentityFile&) = delete;
    IdentityFile& operator=(const IdentityFile&) = delete;
    ~IdentityFile();

    Expected<void> set(const v1::ListenerIdentity& identity);
    [[nodiscard]] std::string path() const;

private:
    int descriptor_ = -1;
};

class Server {
public:
    Server(Relay& relay, const TrustHolder& trust) : heartbeats_(relay, trust), enrolments_(relay, trust) {}
    ~Server();

    // The first identity starts the server; each further one holds for handshakes from about a second later on.
    Expected<void> serve_as(const v1::ListenerIdentity& identity);
    [[nodiscard]] bool running() const { return server_ != nullptr; }

    void take(int descriptor);  // an accepted connection
    void shut_down();           // after the last take()

private:
    HeartbeatEndpoint heartbeats_;
    EnrolmentEndpoint enrolments_;
    IdentityFile identity_;
    std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> connections_;
    std::unique_ptr<grpc::Server> server_;
};

}  // namespace heartgate::control::listener
