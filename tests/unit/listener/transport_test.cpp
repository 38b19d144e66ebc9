// SPDX-License-Identifier: Apache-2.0
// What happens below gRPC: TLS versions, connection limits, certificates that change.
#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>
#include <future>

#include "controlplane/pki/openssl.h"
#include "controlplane/pki/server_chain.h"
#include "tests/unit/listener/site.h"

using namespace heartgate;           // NOLINT(google-build-using-namespace)
using namespace heartgate::testing;  // NOLINT(google-build-using-namespace)

namespace {

int connect_to(std::uint16_t port) {
    const int descriptor = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(connect(descriptor, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    const timeval patience{.tv_sec = 5, .tv_usec = 0};
    REQUIRE(setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
    return descriptor;
}

// The server's chain (PEM) if a handshake with this version succeeds; empty if not.
std::string handshake(std::uint16_t port, int version) {
    const std::unique_ptr<SSL_CTX, control::pki::Deleter<SSL_CTX_free>> context(SSL_CTX_new(TLS_client_method()));
    SSL_CTX_set_min_proto_version(context.get(), version);
    SSL_CTX_set_max_proto_version(context.get(), version);
    constexpr std::array<unsigned char, 3> kH2{2, 'h', '2'};
    SSL_CTX_set_alpn_protos(context.get(), kH2.data(), kH2.size());
    const std::unique_ptr<SSL, control::pki::Deleter<SSL_free>> ssl(SSL_new(context.get()));
    const int descriptor = connect_to(port);
    SSL_set_fd(ssl.get(), descriptor);
    std::string chain;
    if (SSL_connect(ssl.get()) == 1) {
        STACK_OF(X509)* certificates = SSL_get_peer_cert_chain(ssl.get());
        for (int i = 0; i < sk_X509_num(certificates); ++i)
            chain += control::pki::write_certificate(sk_X509_value(certificates, i)).value();
    }
    close(descriptor);
    return chain;
}

// Whether the gateway leaves this connection open; it says nothing on one before it is spoken to.
bool closed_by_gateway(int descriptor) {
    char byte = 0;
    const auto count = recv(descriptor, &byte, 1, 0);
    return count == 0 || (count < 0 && errno != EAGAIN);
}

}  // namespace

TEST_CASE("TLS 1.3 is spoken and nothing older") {
    const Site site;
    CHECK_FALSE(handshake(site.port(), TLS1_3_VERSION).empty());
    CHECK(handshake(site.port(), TLS1_2_VERSION).empty());
}

TEST_CASE("the chain that the gateway shows satisfies a token's fingerprint") {
    const Site site;
    const std::string chain = handshake(site.port(), TLS1_3_VERSION);
    CHECK(control::pki::check_server_chain(chain, site.authority.fingerprint(), control::pki::unix_now_s()));
}

TEST_CASE("a new certificate from heartgated holds for new handshakes and leaves streams alone") {
    Site site;
    Session session(site.channel(site.credentials()));
    REQUIRE(session.send(green(1)));
    site.daemon.wait_for(is_heartbeat);
    const std::string before = handshake(site.port(), TLS1_3_VERSION);
    site.daemon.send(site.identity());
    std::string after = before;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(8);
    while (after == before && std::chrono::steady_clock::now() < end) after = handshake(site.port(), TLS1_3_VERSION);
    CHECK(after != before);
    CHECK_FALSE(after.empty());
    REQUIRE(session.send(green(2)));
    site.daemon.wait_for([](const auto& message) { return message.heartbeat().heartbeat().sequence() == 2; });
}

TEST_CASE(
    "connections above the limit of one source are closed before any handshake, and count no longer when they end") {
    control::listener::ListenerConfig limits;
    limits.max_connections_per_source = 2;
    Site site(limits);
    const int first = connect_to(site.port());
    const int second = connect_to(site.port());
    const int third = connect_to(site.port());
    CHECK(closed_by_gateway(third));
    site.daemon.wait_for(refusal("too many connections from one source"));
    close(first);
    close(second);
    close(third);
    // gRPC notices the closed ones on its own threads: try until there is room.
    bool room = false;
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
    while (!room && std::chrono::steady_clock::now() < end) room = !handshake(site.port(), TLS1_3_VERSION).empty();
    CHECK(room);
}

TEST_CASE("a connection that never begins its handshake is closed") {
    const Site site;
    const int silent = connect_to(site.port());
    const timeval patience{.tv_sec = 9, .tv_usec = 0};
    REQUIRE(setsockopt(silent, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) == 0);
    CHECK(closed_by_gateway(silent));
    close(silent);
}
