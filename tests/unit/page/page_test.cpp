// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <memory>
#include <string>
#include <thread>

#include "controlplane/common/framed_socket.h"
#include "controlplane/page/page_server.h"
#include "controlplane/page/page_text.h"

namespace asio = boost::asio;
namespace v1 = heartgate::v1;
using heartgate::control::FramedSocket;
using heartgate::control::page::page_text;
using heartgate::control::page::PageServer;

namespace {

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

v1::PageAnswer isolated() {
    v1::PageAnswer answer;
    answer.set_cut_off(true);
    answer.set_rule("internet");
    answer.set_why("Malware was found (<script>alert('x')</script> & \"y\").");
    answer.set_what_to_do("Wait.");
    answer.set_whom_to_call("555");
    return answer;
}

// heartgated, as far as the page sees it, and the page, on a thread of their own.
struct Site {
    Site() {
        if (mkdtemp(folder.data()) == nullptr) throw std::runtime_error{"no temporary folder"};
        path = folder + "/page.sock";
    }
    ~Site() {
        loop.stop();
        if (thread.joinable()) thread.join();
        ::unlink(path.c_str());
        ::rmdir(folder.c_str());
    }
    Site(const Site&) = delete;
    Site& operator=(const Site&) = delete;

    void daemon_answers(const v1::PageAnswer& answer) {
        acceptor.open();
        acceptor.bind({path});
        acceptor.listen();
        acceptor.async_accept([this, answer](const boost::system::error_code& failure, FramedSocket::Socket socket) {
            if (failure) return;
            asked = std::make_shared<FramedSocket>(std::move(socket), 64, 65536);
            asked->start(
                [this, answer](std::string_view frame) {
                    question.ParseFromArray(frame.data(), static_cast<int>(frame.size()));
                    asked->send(answer.SerializeAsString());
                },
                [](const std::string&) {});
        });
    }
    void begin() {
        REQUIRE(server.listen("127.0.0.1", 0));
        thread = std::thread{[this] { loop.run(); }};
    }
    // What the page says to these bytes, until it closes.
    std::string talk(const std::string& request) {
        asio::io_context own;
        asio::ip::tcp::socket socket{own};
        socket.connect({asio::ip::address_v4::loopback(), server.port()});
        asio::write(socket, asio::buffer(request));
        std::string reply;
        boost::system::error_code end;
        asio::read(socket, asio::dynamic_buffer(reply), end);
        return reply;
    }

    std::string folder = "/tmp/heartgate-page-XXXXXX";
    std::string path;
    asio::io_context loop;
    asio::local::stream_protocol::acceptor acceptor{loop};
    std::shared_ptr<FramedSocket> asked;
    v1::PageQuestion question;
    PageServer server{loop, "/tmp/heartgate-page-nowhere"};
    std::thread thread;
};

}  // namespace

TEST_CASE("the page says why, what to do, whom to call and by which rule, with hostile text escaped") {
    const std::string text = page_text(isolated());
    CHECK(has(text, "Malware was found (&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &amp; &quot;y&quot;)."));
    CHECK(has(text, "Wait."));
    CHECK(has(text, "555"));
    CHECK(has(text, "internet"));
    CHECK_FALSE(has(text, "<script"));
}

TEST_CASE("without heartgated, and once the machine may pass again, the page says so") {
    CHECK(has(page_text(std::nullopt), "cannot say why"));
    CHECK(has(page_text(v1::PageAnswer{}), "not cut off any more"));
}

TEST_CASE("whatever is asked for, the page is served, and the connection ends") {
    for (const std::string request :
         {"GET / HTTP/1.1\r\nHost: example.com\r\n\r\n", "GET http://10.0.0.1/admin HTTP/1.0\r\n\r\n",
          "CONNECT 10.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n",
          "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"}) {
        Site site;
        site.begin();
        const std::string reply = site.talk(request);
        INFO(request << reply);
        CHECK(reply.rfind("HTTP/1.1 511", 0) == 0);
        CHECK(has(reply, "no-store"));
        CHECK(has(reply, "default-src 'none'"));
        CHECK(has(reply, "This machine is cut off"));
    }
}

TEST_CASE("what is no HTTP, or has no end, gets no answer") {
    Site site;
    site.begin();
    CHECK(site.talk("SSH-2.0-x\r\n").empty());
    CHECK(site.talk("GET / HTTP/1.1\r\nX: " + std::string(PageServer::kMostHeader, 'x') + "\r\n\r\n").empty());
}

TEST_CASE("heartgated is asked for the address of the connection, and its answer is shown") {
    Site site;
    site.daemon_answers(isolated());
    PageServer server{site.loop, site.path};
    REQUIRE(server.listen("127.0.0.1", 0));
    site.begin();
    asio::io_context own;
    asio::ip::tcp::socket socket{own};
    socket.connect({asio::ip::address_v4::loopback(), server.port()});
    asio::write(socket, asio::buffer(std::string{"GET / HTTP/1.1\r\nHost: 192.0.2.9\r\n\r\n"}));
    std::string reply;
    boost::system::error_code end;
    asio::read(socket, asio::dynamic_buffer(reply), end);
    CHECK(has(reply, "Malware was found"));
    site.loop.stop();
    site.thread.join();
    CHECK(site.question.address() == std::string("\x7f\0\0\1", 4));
}
