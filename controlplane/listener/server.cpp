// SPDX-License-Identifier: Apache-2.0
#include "controlplane/listener/server.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <grpc/support/log.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <spdlog/spdlog.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <cstring>

#include "controlplane/listener/refusal_log.h"

namespace heartgate::control::listener {
namespace {

// gRPC writes a line or more for each failed handshake.
void log_of_grpc(gpr_log_func_args* args) {
    static RefusalLog bound;
    const std::string place = fmt::format("{}:{}", args->file, args->line);
    if (const auto decision = bound.decide("grpc", place, RefusalLog::Clock::now()); decision.log)
        spdlog::warn(
            "gRPC: {}{}", args->message,
            decision.left_out == 0 ? std::string() : fmt::format(" ({} more lines left out)", decision.left_out));
}

}  // namespace

void prepare_grpc() {
    // gRPC 1.51 has no switch for TLS 1.3 only. Our keys are ECDSA, so with RSA suites alone no TLS 1.2 handshake can
    // complete; the suites of TLS 1.3 are not affected.
    setenv("GRPC_SSL_CIPHER_SUITES", "ECDHE-RSA-AES128-GCM-SHA256:ECDHE-RSA-AES256-GCM-SHA384",
           1);  // NOLINT: no threads yet
    gpr_set_log_function(log_of_grpc);
}

IdentityFile::~IdentityFile() {
    if (descriptor_ >= 0) close(descriptor_);
}

std::string IdentityFile::path() const { return fmt::format("/proc/self/fd/{}", descriptor_); }

Expected<void> IdentityFile::set(const v1::ListenerIdentity& identity) {
    // One file for chain and key, put into place at once, so that gRPC never reads a chain with another key.
    const std::string text = identity.certificate_pem() + "\n" + identity.key_pem();
    const int fresh = memfd_create("heartgate-listener-identity", MFD_CLOEXEC);
    const bool good = fresh >= 0 && write(fresh, text.data(), text.size()) == static_cast<ssize_t>(text.size()) &&
                      (descriptor_ < 0 || dup3(fresh, descriptor_, O_CLOEXEC) == descriptor_);
    if (!good) {
        const int code = errno;
        if (fresh >= 0) close(fresh);
        return error(ErrorKind::kInternal,
                     fmt::format("cannot keep the certificate in memory: {}", std::strerror(code)));
    }
    if (descriptor_ < 0)
        descriptor_ = fresh;
    else
        close(fresh);
    return {};
}

Server::~Server() { shut_down(); }

Expected<void> Server::serve_as(const v1::ListenerIdentity& identity) {
    if (auto set = identity_.set(identity); !set || server_) return set;

    constexpr unsigned int kReloadSeconds = 1;
    grpc::experimental::TlsServerCredentialsOptions options(
        std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(identity_.path(), identity_.path(),
                                                                             kReloadSeconds));
    options.watch_identity_key_cert_pairs();
    // gRPC's own verification refuses expired certificates before anybody is asked; enrolment comes without any.
    options.set_cert_request_type(GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_BUT_DONT_VERIFY);

    grpc::ServerBuilder builder;
    builder.RegisterService(&heartbeats_);
    builder.RegisterService(&enrolments_);
    builder.SetMaxReceiveMessageSize(256 *
                                     1024);  // above kMaxHeartbeatBytes, so that we see and count what is too long
    builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, 8);
    builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, 4096);
    builder.AddChannelArgument(GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS, 5000);
    builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, 60'000);  // without a call
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
    builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 5000);
    builder.AddChannelArgument(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    connections_ = builder.experimental().AddExternalConnectionAcceptor(
        grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
        grpc::experimental::TlsServerCredentials(options));
    server_ = builder.BuildAndStart();
    if (!server_) return error(ErrorKind::kInternal, "gRPC did not start with the certificate that heartgated gave");
    return {};
}

void Server::take(int descriptor) {
    grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters parameters;
    parameters.fd = descriptor;
    connections_->HandleNewConnection(&parameters);
}

void Server::shut_down() {
    if (!server_) return;
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(1));
    server_->Wait();
    server_.reset();
}

}  // namespace heartgate::control::listener
