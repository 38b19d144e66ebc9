// SPDX-License-Identifier: Apache-2.0
// A client of a UNIX socket that is served by an Asio loop of the same thread: writes the fuzzer's bytes, reads and
// forgets the answers, and waits until the server has closed the connection.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <cstdlib>
#include <span>
#include <string>

#include "tests/fuzz/input.h"

namespace heartgate::fuzz {

// A folder that lives as long as the fuzzer.
inline const std::string& socket_path() {
    static const std::string path = [] {
        std::string pattern = "/tmp/heartgate-fuzz-XXXXXX";
        require(mkdtemp(pattern.data()) != nullptr, "a temporary folder can be made");
        return pattern + "/socket";
    }();
    static const int cleaned = std::atexit([] {
        unlink(path.c_str());
        rmdir(path.substr(0, path.rfind('/')).c_str());
    });
    (void)cleaned;
    return path;
}

// A frame's length in front of its bytes, so that the fuzzer need not find it.
inline std::string framed(std::span<const std::uint8_t> bytes) {
    std::string frame;
    for (const unsigned shift : {24U, 16U, 8U, 0U}) frame += static_cast<char>((bytes.size() >> shift) & 0xffU);
    frame.append(bytes.begin(), bytes.end());
    return frame;
}

inline void talk(boost::asio::io_context& loop, const std::string& path, const std::string& bytes) {
    const int client = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof(address.sun_path) - 1);
    require(connect(client, reinterpret_cast<const sockaddr*>(&address), sizeof(address)) == 0, "the server listens");
    std::size_t written = 0;
    std::array<char, 65536> answer;
    for (unsigned rounds = 0;; ++rounds) {
        require(rounds < 100'000, "the server comes to an end with a connection");
        if (written < bytes.size()) {
            const ssize_t count = send(client, bytes.data() + written, bytes.size() - written, MSG_NOSIGNAL);
            if (count > 0) written += static_cast<std::size_t>(count);
            if (count < 0 && errno != EAGAIN) written = bytes.size();  // closed by the server
            if (written == bytes.size()) shutdown(client, SHUT_WR);
        } else if (bytes.empty()) {
            shutdown(client, SHUT_WR);
        }
        loop.restart();
        loop.poll();
        const ssize_t count = recv(client, answer.data(), answer.size(), 0);
        if (count == 0 || (count < 0 && errno != EAGAIN)) break;
    }
    close(client);
}

}  // namespace heartgate::fuzz
