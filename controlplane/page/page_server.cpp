// SPDX-License-Identifier: Apache-2.0
#include "controlplane/page/page_server.h"

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <boost/beast/core.hpp>
#include <boost/beast/http.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <utility>

#include "controlplane/page/daemon_question.h"
#include "controlplane/page/page_text.h"

namespace heartgate::control::page {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = boost::beast::http;
using asio::ip::tcp;

namespace {

constexpr std::chrono::seconds kPatience{10};

}  // namespace

class Connection : public std::enable_shared_from_this<Connection> {
public:
    Connection(PageServer& server, tcp::socket socket, asio::ip::address machine)
        : server_{server}, stream_{std::move(socket)}, machine_{std::move(machine)} {
        parser_.header_limit(PageServer::kMostHeader);
    }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;
    ~Connection() { server_.left(machine_); }

    void start() {
        stream_.expires_after(kPatience);
        http::async_read_header(stream_, buffer_, parser_,
                                [self = shared_from_this()](const beast::error_code& failure, std::size_t) {
                                    if (!failure) self->ask();
                                });
    }

private:
    void ask() {
        ask_daemon(server_.loop_, server_.daemon_socket_, machine_,
                   [self = shared_from_this()](const std::optional<v1::PageAnswer>& answer) { self->reply(answer); });
    }
    void reply(const std::optional<v1::PageAnswer>& answer) {
        // RFC 6585, 6: what it carries is not what the client asked the site for, and nobody keeps it.
        response_.result(http::status::network_authentication_required);
        response_.version(11);
        response_.set(http::field::content_type, "text/html; charset=utf-8");
        response_.set(http::field::cache_control, "no-store");
        response_.set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'");
        response_.set("X-Content-Type-Options", "nosniff");
        response_.keep_alive(false);
        response_.body() = page_text(answer);
        response_.prepare_payload();
        stream_.expires_after(kPatience);
        http::async_write(stream_, response_, [self = shared_from_this()](const beast::error_code&, std::size_t) {
            beast::error_code ignored;
            self->stream_.socket().shutdown(tcp::socket::shutdown_send, ignored);
        });
    }

    PageServer& server_;
    beast::tcp_stream stream_;
    asio::ip::address machine_;
    beast::flat_buffer buffer_{2UL * PageServer::kMostHeader};
    http::request_parser<http::empty_body> parser_;
    http::response<http::string_body> response_;
};

PageServer::PageServer(asio::io_context& loop, std::string daemon_socket)
    : loop_{loop}, daemon_socket_{std::move(daemon_socket)}, acceptor_{loop} {}

Expected<void> PageServer::listen(const std::string& address, std::uint16_t port) {
    boost::system::error_code failure;
    const tcp::endpoint endpoint{asio::ip::make_address(address, failure), port};
    if (!failure) acceptor_.open(endpoint.protocol(), failure);
    if (!failure) acceptor_.set_option(asio::socket_base::reuse_address(true), failure);
    const int yes = 1;
    if (!failure) ::setsockopt(acceptor_.native_handle(), IPPROTO_IP, IP_FREEBIND, &yes, sizeof(yes));
    if (!failure) acceptor_.bind(endpoint, failure);
    if (!failure) acceptor_.listen(asio::socket_base::max_listen_connections, failure);
    if (failure) {
        return error(ErrorKind::kFailedPrecondition,
                     fmt::format("cannot listen on {}:{}: {}; see listen and port", address, port, failure.message()));
    }
    accept();
    return {};
}

std::uint16_t PageServer::port() const { return acceptor_.local_endpoint().port(); }

void PageServer::stop() {
    boost::system::error_code ignored;
    acceptor_.close(ignored);
}

void PageServer::accept() {
    acceptor_.async_accept([this](const boost::system::error_code& failure, tcp::socket socket) {
        if (failure == asio::error::operation_aborted) return;
        boost::system::error_code gone;
        const asio::ip::address machine = failure ? asio::ip::address{} : socket.remote_endpoint(gone).address();
        if (!failure && !gone && admit(machine)) {
            std::make_shared<Connection>(*this, std::move(socket), machine)->start();
        }
        accept();
    });
}

bool PageServer::admit(const asio::ip::address& machine) {
    if (total_ == kMostConnections) return false;
    unsigned& of_machine = connections_[machine];
    if (of_machine == kMostPerMachine) return false;
    ++of_machine;
    ++total_;
    return true;
}

void PageServer::left(const asio::ip::address& machine) {
    --total_;
    const auto found = connections_.find(machine);
    if (--found->second == 0) connections_.erase(found);
}

}  // namespace heartgate::control::page
