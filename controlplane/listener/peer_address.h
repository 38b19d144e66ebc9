// SPDX-License-Identifier: Apache-2.0
// An endpoint's address as gRPC names it ("ipv4:192.0.2.7:4711", "ipv6:%5B2001:db8::7%5D:4711").
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace heartgate::control::listener {

struct PeerAddress {
    std::string bytes;  // 4 or 16 bytes, network order; empty if the text was not understood
    std::uint32_t port = 0;
    std::string text;  // for people: the address alone
};

PeerAddress parse_peer(std::string_view grpc_peer);

}  // namespace heartgate::control::listener
