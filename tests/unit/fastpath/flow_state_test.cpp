// SPDX-License-Identifier: Apache-2.0
#include "dataplane/flow/flow_state.h"

#include <catch2/catch.hpp>

using namespace heartgate::dataplane;
using flow_state::after_packet;
using flow_state::after_tcp;

namespace {

constexpr auto kForward = Direction::kForward;
constexpr auto kReply = Direction::kReply;
constexpr FlowTimeouts kTimeouts;

std::uint32_t tcp_timeout(std::uint8_t state) { return flow_state::timeout(kTimeouts, IPPROTO_TCP, state); }

std::uint8_t established() {
    std::uint8_t state = after_tcp(0, kForward, tcp::kSyn);
    state = after_tcp(state, kReply, tcp::kSyn | tcp::kAck);
    return after_tcp(state, kForward, tcp::kAck);
}

}  // namespace

TEST_CASE("a TCP connection is established by the three-way handshake and by nothing less") {
    std::uint8_t state = after_tcp(0, kForward, tcp::kSyn);
    CHECK(tcp_timeout(state) == kTimeouts.tcp_transitory);
    CHECK(tcp_timeout(after_tcp(state, kForward, tcp::kAck)) == kTimeouts.tcp_transitory);
    state = after_tcp(state, kReply, tcp::kSyn | tcp::kAck);
    CHECK(tcp_timeout(state) == kTimeouts.tcp_transitory);
    CHECK(tcp_timeout(after_tcp(state, kForward, tcp::kAck)) == kTimeouts.tcp_established);
}

TEST_CASE("a simultaneous open establishes the connection") {
    std::uint8_t state = after_tcp(0, kForward, tcp::kSyn);
    state = after_tcp(state, kReply, tcp::kSyn);
    state = after_tcp(state, kForward, tcp::kSyn | tcp::kAck);
    CHECK(tcp_timeout(state) == kTimeouts.tcp_established);
}

TEST_CASE("a half-closed connection keeps the long time-out, one closed by both sides gets the short one") {
    const std::uint8_t half = after_tcp(established(), kForward, tcp::kFin | tcp::kAck);
    CHECK(tcp_timeout(half) == kTimeouts.tcp_established);
    const std::uint8_t closed = after_tcp(half, kReply, tcp::kFin | tcp::kAck);
    CHECK(tcp_timeout(closed) == kTimeouts.tcp_transitory);
    CHECK(tcp_timeout(after_tcp(closed, kForward, tcp::kAck)) == kTimeouts.tcp_transitory);
}

TEST_CASE("a reset shortens the time-out, and later traffic restores it") {
    const std::uint8_t reset = after_tcp(established(), kReply, tcp::kRst);
    CHECK(tcp_timeout(reset) == kTimeouts.tcp_transitory);
    CHECK(tcp_timeout(after_tcp(reset, kForward, tcp::kAck)) == kTimeouts.tcp_established);
}

TEST_CASE("a SYN on an ended connection begins a new one") {
    const std::uint8_t reset = after_tcp(established(), kReply, tcp::kRst);
    CHECK(after_tcp(reset, kForward, tcp::kSyn) == flow_state::kSyn);
    std::uint8_t closed = after_tcp(established(), kForward, tcp::kFin | tcp::kAck);
    closed = after_tcp(closed, kReply, tcp::kFin | tcp::kAck);
    CHECK(after_tcp(closed, kForward, tcp::kSyn) == flow_state::kSyn);
}

TEST_CASE("data on an established connection changes no state, so that hits store nothing") {
    CHECK(after_tcp(established(), kForward, tcp::kAck) == established());
    CHECK(after_tcp(established(), kReply, tcp::kAck) == established());
}

TEST_CASE("a UDP flow gets the long time-out with its first answer") {
    CHECK(flow_state::timeout(kTimeouts, IPPROTO_UDP, after_packet(0, kForward)) == kTimeouts.udp_one_way);
    CHECK(flow_state::timeout(kTimeouts, IPPROTO_UDP, after_packet(0, kReply)) == kTimeouts.udp);
}

TEST_CASE("the state after any packet is the one that its protocol's own rules give") {
    for (unsigned state = 0; state < 64; ++state) {
        for (const Direction direction : {kForward, kReply}) {
            const auto before = static_cast<std::uint8_t>(state);
            CHECK(flow_state::after(before, IPPROTO_UDP, direction, 0) == after_packet(before, direction));
            CHECK(flow_state::after(before, IPPROTO_ICMP, direction, 0) == after_packet(before, direction));
            for (unsigned bits = 0; bits < 64; ++bits) {
                const auto flags = static_cast<std::uint8_t>(bits);
                CHECK(flow_state::after(before, IPPROTO_TCP, direction, flags) == after_tcp(before, direction, flags));
            }
        }
    }
}
