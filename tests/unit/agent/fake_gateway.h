// SPDX-License-Identifier: Apache-2.0
// A gateway for tests: real TLS on loopback with its own CA, remembers what it is told, answers as it is set up.
#pragma once

#include <grpcpp/grpcpp.h>
#include <grpcpp/security/server_credentials.h>

#include <condition_variable>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "controlplane/agent/core/config.h"
#include "controlplane/pki/certificate_authority.h"
#include "heartgate/v1/enrolment.grpc.pb.h"
#include "heartgate/v1/heartbeat.grpc.pb.h"

namespace heartgate::control::agent::test {

class TemporaryDirectory {
public:
    TemporaryDirectory() {
        std::string pattern = (std::filesystem::temp_directory_path() / "heartgate-agent-XXXXXX").string();
        path_ = ::mkdtemp(pattern.data());
    }
    ~TemporaryDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TemporaryDirectory(const TemporaryDirectory&) = delete;
    TemporaryDirectory& operator=(const TemporaryDirectory&) = delete;
    [[nodiscard]] const std::string& path() const { return path_; }

private:
    std::string path_;
};

class FakeGateway final : public v1::HeartbeatService::Service, public v1::EnrolmentService::Service {
public:
    static constexpr const char* kUuid = "01234567-89ab-4cde-8f01-23456789abcd";

    FakeGateway() : ca_{pki::CertificateAuthority::open_or_create(directory_.path() + "/ca").value()} {
        const std::vector<std::string> names{"heartgate"};
        const auto server = ca_.issue_server(names, {}, std::chrono::hours{24}).value();
        grpc::SslServerCredentialsOptions options{GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY};
        options.pem_root_certs = ca_.ca_pem();
        options.pem_key_cert_pairs.push_back({server.key_pem, server.certificate_pem});
        grpc::ServerBuilder builder;
        builder.AddListeningPort("127.0.0.1:0", grpc::SslServerCredentials(options), &port_);
        builder.RegisterService(static_cast<v1::HeartbeatService::Service*>(this));
        builder.RegisterService(static_cast<v1::EnrolmentService::Service*>(this));
        server_ = builder.BuildAndStart();
    }
    ~FakeGateway() override { server_->Shutdown(std::chrono::system_clock::now()); }

    [[nodiscard]] Gateway address() const { return {"127.0.0.1", static_cast<std::uint16_t>(port_)}; }
    [[nodiscard]] std::string token() const { return "hgt1." + std::string(48, 'a') + "." + ca_.fingerprint(); }
    [[nodiscard]] const pki::CertificateAuthority& ca() const { return ca_; }

    grpc::Status Enrol(grpc::ServerContext*, const v1::EnrolRequest* request, v1::EnrolResponse* response) override {
        {
            const std::lock_guard lock{mutex_};
            tokens_.push_back(request->token());
        }
        return issue(request->csr_der(), response);
    }
    grpc::Status Renew(grpc::ServerContext* context, const v1::RenewRequest* request,
                       v1::EnrolResponse* response) override {
        if (!context->auth_context()->IsPeerAuthenticated()) return {grpc::StatusCode::UNAUTHENTICATED, "who?"};
        return issue(request->csr_der(), response);
    }
    grpc::Status Session(grpc::ServerContext* context,
                         grpc::ServerReaderWriter<v1::Directive, v1::Heartbeat>* stream) override {
        if (!context->auth_context()->IsPeerAuthenticated()) return {grpc::StatusCode::UNAUTHENTICATED, "who?"};
        v1::Heartbeat heartbeat;
        bool first = true;
        while (stream->Read(&heartbeat)) {
            v1::Directive directive;
            {
                const std::lock_guard lock{mutex_};
                heartbeats_.push_back(heartbeat);
                directive = directive_;
            }
            changed_.notify_all();
            directive.set_colour(heartbeat.colour());
            if (std::exchange(first, false) || directive.cut_off()) stream->Write(directive);
        }
        {
            const std::lock_guard lock{mutex_};
            ++ended_;
        }
        changed_.notify_all();
        return grpc::Status::OK;
    }

    void set_directive(const v1::Directive& directive) {
        const std::lock_guard lock{mutex_};
        directive_ = directive;
    }
    std::vector<std::string> tokens() {
        const std::lock_guard lock{mutex_};
        return tokens_;
    }
    std::vector<v1::Heartbeat> heartbeats() {
        const std::lock_guard lock{mutex_};
        return heartbeats_;
    }
    // Until the condition holds for what was received; false after 10 s.
    template <typename Condition>
    bool wait(Condition&& condition) {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, std::chrono::seconds{10}, [&] { return condition(heartbeats_); });
    }
    bool wait_for_end() {
        std::unique_lock lock{mutex_};
        return changed_.wait_for(lock, std::chrono::seconds{10}, [&] { return ended_ != 0; });
    }

private:
    grpc::Status issue(const std::string& csr, v1::EnrolResponse* response) {
        const auto certificate = ca_.issue_endpoint(csr, kUuid, std::chrono::hours{24});
        if (!certificate) return {grpc::StatusCode::INVALID_ARGUMENT, certificate.error().message};
        response->set_endpoint_id(kUuid);
        response->set_certificate_pem(certificate->certificate_pem);
        response->set_ca_pem(ca_.ca_pem());
        response->set_not_after_unix_s(certificate->not_after_unix_s);
        return grpc::Status::OK;
    }

    TemporaryDirectory directory_;
    pki::CertificateAuthority ca_;
    int port_ = 0;
    std::mutex mutex_;
    std::condition_variable changed_;
    std::vector<std::string> tokens_;
    std::vector<v1::Heartbeat> heartbeats_;
    v1::Directive directive_;
    int ended_ = 0;
    std::unique_ptr<grpc::Server> server_;
};

}  // namespace heartgate::control::agent::test
