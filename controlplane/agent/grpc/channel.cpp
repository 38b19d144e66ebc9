// SPDX-License-Identifier: Apache-2.0
#include "controlplane/agent/grpc/channel.h"

#include <fmt/format.h>
#include <grpc/support/log.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_certificate_verifier.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <spdlog/spdlog.h>

#include <vector>

namespace heartgate::control::agent {
namespace {

using grpc::experimental::TlsCustomVerificationCheckRequest;

// Chain, time and purpose were checked by gRPC before; without a verifier of ours it would compare names, too.
class AnyName final : public grpc::experimental::ExternalCertificateVerifier {
public:
    bool Verify(TlsCustomVerificationCheckRequest*, std::function<void(grpc::Status)>,
                grpc::Status* sync_status) override {
        *sync_status = grpc::Status::OK;
        return true;
    }
    void Cancel(TlsCustomVerificationCheckRequest*) override {}
};

std::shared_ptr<grpc::ChannelCredentials> credentials(const Identity& identity) {
    std::vector<grpc::experimental::IdentityKeyCertPair> own;
    if (!identity.certificate_pem.empty()) own.push_back({identity.key_pem, identity.certificate_pem});
    grpc::experimental::TlsChannelCredentialsOptions options;
    options.set_certificate_provider(
        std::make_shared<grpc::experimental::StaticDataCertificateProvider>(identity.ca_pem, own));
    options.watch_root_certs();
    if (!own.empty()) options.watch_identity_key_cert_pairs();
    options.set_verify_server_certs(true);
    options.set_check_call_host(false);
    options.set_certificate_verifier(grpc::experimental::ExternalCertificateVerifier::Create<AnyName>());
    return grpc::experimental::TlsCredentials(options);
}

std::string target(const Gateway& gateway) {
    const bool ipv6 = gateway.address.find(':') != std::string::npos;
    return fmt::format("{}:{}", ipv6 ? "ipv6" : "ipv4", gateway.text());
}

}  // namespace

std::shared_ptr<grpc::Channel> make_channel(const Gateway& gateway, const Identity& identity) {
    grpc::ChannelArguments arguments;
    // Waiting between attempts is done by the session; a shared subchannel would add its own.
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_RETRIES, 0);
    arguments.SetInt(GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS, 200);
    arguments.SetInt(GRPC_ARG_MIN_RECONNECT_BACKOFF_MS, 5'000);  // how long one attempt to connect may take
    arguments.SetInt(GRPC_ARG_MAX_RECONNECT_BACKOFF_MS, 15'000);
    // Pings more often than every 5 minutes count as abuse with gRPC's defaults. What finds a dead connection is
    // TCP_USER_TIMEOUT, which gRPC sets to the keep-alive time-out, together with our own heartbeats.
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 600'000);
    arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
    arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    arguments.SetMaxReceiveMessageSize(1 << 20);
    return grpc::CreateCustomChannel(target(gateway), credentials(identity), arguments);
}

void route_grpc_log() {
    gpr_set_log_function([](gpr_log_func_args* entry) { spdlog::debug("gRPC: {}", entry->message); });
}

}  // namespace heartgate::control::agent
