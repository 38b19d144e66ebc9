// SPDX-License-Identifier: Apache-2.0
#include "tests/unit/listener/site.h"

#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>

#include <spdlog/spdlog.h>

#include <chrono>
#include <csignal>
#include <future>
#include <stdexcept>

#include "controlplane/pki/key.h"

namespace heartgate::testing {
namespace {

constexpr std::chrono::seconds kPatience{10};

struct PrepareOnce {
    PrepareOnce() {
        spdlog::set_level(spdlog::level::off);  // the listener's own lines
        std::signal(SIGPIPE, SIG_IGN);          // as the program does
        control::listener::prepare_grpc();
    }
};

}  // namespace

Site::Site(control::listener::ListenerConfig limits)
    : authority(std::move(*control::pki::CertificateAuthority::open_or_create(directory.path()))),
      daemon((directory.path() / "listener.sock").string(), {identity(), trust()}) {
    static const PrepareOnce prepared;
    limits.daemon_socket = (directory.path() / "listener.sock").string();
    limits.listen = {"127.0.0.1"};
    limits.port = 0;
    auto made = control::listener::Listener::create(limits);
    if (!made) throw std::runtime_error(made.error().message);
    listener = std::move(*made);
    daemon.come();
    std::promise<void> ready;
    thread_ = std::thread([&] { (void)listener->run([&] { ready.set_value(); }); });
    if (ready.get_future().wait_for(kPatience) != std::future_status::ready)
        throw std::runtime_error("listener not ready");
}

Site::~Site() {
    listener->stop();
    thread_.join();
}

Credentials Site::credentials(std::chrono::seconds validity, std::int64_t now) const {
    const std::string key = control::pki::make_key().value();
    const auto issued = authority.issue_endpoint(control::pki::make_csr(key).value(), kUuid, validity, now).value();
    return {key, issued.certificate_pem, issued.serial};
}

std::shared_ptr<grpc::Channel> Site::channel(const std::optional<Credentials>& own) const {
    using grpc::experimental::StaticDataCertificateProvider;
    grpc::experimental::TlsChannelCredentialsOptions options;
    if (own) {
        options.set_certificate_provider(std::make_shared<StaticDataCertificateProvider>(
            authority.ca_pem(),
            std::vector<grpc::experimental::IdentityKeyCertPair>{{own->key_pem, own->certificate_pem}}));
        options.watch_identity_key_cert_pairs();
    } else {
        options.set_certificate_provider(std::make_shared<StaticDataCertificateProvider>(authority.ca_pem()));
    }
    options.watch_root_certs();
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // each channel a connection of its own
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    return grpc::CreateCustomChannel("ipv4:127.0.0.1:" + std::to_string(port()),
                                     grpc::experimental::TlsCredentials(options), arguments);
}

v1::DaemonToListener Site::trust(std::vector<std::string> revoked, std::uint32_t accept_expired_s) const {
    v1::DaemonToListener message;
    message.mutable_trust()->set_ca_pem(authority.ca_pem());
    message.mutable_trust()->set_accept_expired_s(accept_expired_s);
    for (std::string& serial : revoked) message.mutable_trust()->add_revoked_serials(std::move(serial));
    return message;
}

v1::DaemonToListener Site::identity() const {
    const auto server =
        authority.issue_server({}, std::vector<std::string>{"127.0.0.1"}, std::chrono::hours(24)).value();
    v1::DaemonToListener message;
    message.mutable_identity()->set_certificate_pem(server.certificate_pem);
    message.mutable_identity()->set_key_pem(server.key_pem);
    return message;
}

Session::Session(const std::shared_ptr<grpc::Channel>& channel) : stub_(v1::HeartbeatService::NewStub(channel)) {
    context_.set_deadline(std::chrono::system_clock::now() + kPatience);
    stream_ = stub_->Session(&context_);
}

std::optional<v1::Directive> Session::receive() {
    v1::Directive directive;
    if (!stream_->Read(&directive)) return std::nullopt;
    return directive;
}

grpc::Status Session::end() {
    while (receive()) continue;
    return stream_->Finish();
}

grpc::Status Session::close() {
    stream_->WritesDone();
    return end();
}

v1::Heartbeat green(std::uint64_t sequence) {
    v1::Heartbeat heartbeat;
    heartbeat.set_boot(1);
    heartbeat.set_sequence(sequence);
    heartbeat.set_colour(v1::GREEN);
    heartbeat.set_host("adserver");
    heartbeat.set_interval_ms(1000);
    return heartbeat;
}

}  // namespace heartgate::testing
