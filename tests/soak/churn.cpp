// SPDX-License-Identifier: Apache-2.0
#include "tests/soak/churn.h"

#include <fmt/format.h>

#include <array>
#include <stdexcept>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "heartgate/v1/policy.pb.h"
#include "tests/zones.h"

namespace heartgate::dataplane::test {

namespace {

using contract::Colour;
using contract::EndpointState;
using contract::Presence;

constexpr EndpointState kGreen{.colour = Colour::kGreen, .presence = Presence::kConnected};
constexpr EndpointState kIsolated{.colour = Colour::kRed, .presence = Presence::kConnected, .isolated = true};
constexpr std::uint32_t kEndpoints = 12;  // numbers 1 to 12, at 10.0.0.21 to 10.0.0.32
constexpr std::uint32_t kTurnMs = 40;     // how far time goes in a turn, at most

MacAddress mac_of(std::uint32_t endpoint) { return {2, 0, 0, 0, 1, static_cast<std::uint8_t>(endpoint)}; }
std::string ipv4_of(std::uint32_t endpoint) { return fmt::format("10.0.0.{}", 20 + endpoint); }
std::string ipv6_of(std::uint32_t endpoint) { return fmt::format("2001:db8:1::{:x}", 0x20 + endpoint); }

Words words_of(const std::string& text) {
    Words words;
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = std::min(text.find(' ', at), text.size());
        if (end > at) words.push_back(text.substr(at, end - at));
        at = end + 1;
    }
    return words;
}

// What the other side says to a packet: the same with both ends swapped, which leaves checksums as they are.
Bytes reply_to(const Bytes& sent, const MacAddress& gateway, const MacAddress& router) {
    Bytes reply = sent;
    std::copy(gateway.begin(), gateway.end(), reply.begin());
    std::copy(router.begin(), router.end(), reply.begin() + 6);
    std::uint8_t* at = &reply[ethernet::kLength];
    const bool six = load16(&reply[ethernet::kType]) == ethernet::kIpv6;
    const std::size_t size = six ? 16 : 4;
    std::uint8_t* source = at + (six ? ipv6::kSource : ipv4::kSource);
    std::swap_ranges(source, source + size, source + size);
    const std::uint8_t protocol = at[six ? ipv6::kNextHeader : ipv4::kProtocol];
    std::uint8_t* upper = at + (six ? ipv6::kLength : (at[0] & 0xfU) * std::size_t{4});
    if (protocol == IPPROTO_UDP || protocol == IPPROTO_TCP) std::swap_ranges(upper, upper + 2, upper + 2);
    if (protocol == IPPROTO_TCP && (upper[tcp_header::kFlags] & 2U) != 0) upper[tcp_header::kFlags] |= 0x10U;
    if (protocol == IPPROTO_ICMP) upper[0] = 0;
    return reply;
}

}  // namespace

Churn::Churn(std::uint64_t seed)
    : random_{seed},
      memory_{16},
      consumer_{memory_, *world_.endpoints, *world_.bindings, *world_.gate, *world_.quiescence},
      producer_{memory_, consumer_} {
    world_.words = false;
    world_.quiescence->offline(0);
    for (std::uint32_t endpoint = 1; endpoint <= kEndpoints; ++endpoint) {
        const IpAddress four = ip(ipv4_of(endpoint));
        const IpAddress six = ip(ipv6_of(endpoint));
        producer_.endpoints[endpoint] = {.state = kGreen, .mac = mac_of(endpoint), .addresses = {four, six}};
        for (const IpAddress& address : {four, six}) {
            world_.routes->set_neighbour({.address = address, .zone = test::kLanZone, .mac = mac_of(endpoint)});
        }
    }
    world_.quiescence->online(0);
    load_any_policy();
    consumer_.policy_loaded();
    producer_.start(SIZE_MAX);
    poll(20);
}

void Churn::poll(unsigned times) {
    for (unsigned i = 0; i < times; ++i) {
        consumer_.poll();
        world_.quiescence->quiescent(0);
    }
}

Bytes Churn::frame_of(std::uint32_t endpoint) {
    static constexpr std::array<const char*, 14> kWays{"udp",
                                                       "udp payload 700",
                                                       "tcp syn",
                                                       "tcp ack",
                                                       "tcp fin",
                                                       "tcp rst",
                                                       "echo",
                                                       "udp ttl 1",
                                                       "udp fragment",
                                                       "udp later-fragment",
                                                       "tcp syn-ack",
                                                       "udp cut 30",
                                                       "udp bad-checksum",
                                                       "udp no-checksum"};
    const bool six = one_in(4);
    std::string kind = kWays.at(below(kWays.size()));
    if (six && kind.find("fragment") != std::string::npos) kind = "udp fragment-header";
    const std::uint32_t port = 1000 + below(60);
    const std::uint32_t server = below(20);
    std::string text;
    if (six) {
        text = fmt::format("[{}]:{} > [2001:db8:ffff::{:x}]:443 ", ipv6_of(endpoint), port, server);
        if (kind == "echo") text = fmt::format("[{}]:{} > 2001:db8:ffff::{:x} ", ipv6_of(endpoint), port, server);
    } else {
        text = fmt::format("{}:{} > 203.0.113.{}:443 ", ipv4_of(endpoint), port, server);
        if (kind == "echo") text = fmt::format("{}:{} > 203.0.113.{} ", ipv4_of(endpoint), port, server);
    }
    if (one_in(50)) text = fmt::format("{}:{} > {}:445 ", ipv4_of(endpoint), port, ipv4_of(1 + below(kEndpoints)));
    if (one_in(50)) text = fmt::format("10.0.0.77:{} > 203.0.113.{}:443 ", port, server);  // an address of nobody
    if (text.find('[') == std::string::npos && kind == "udp fragment-header") kind = "udp";
    if (kind == "echo" && text.find(":44") != std::string::npos) kind = "udp";
    return build_frame(world_.machines["gateway-lan"], mac_of(endpoint), words_of(text + kind),
                       [](const std::string& word) { return static_cast<std::uint16_t>(std::stoul(word)); });
}

void Churn::turn() {
    ++bursts;
    world_.now_ms += below(kTurnMs);
    if (one_in(8)) change();
    poll(1);
    const std::uint32_t endpoint = 1 + below(kEndpoints);
    const bool isolated = world_.endpoints->word(endpoint).state().isolated;
    std::vector<Bytes> frames;
    for (std::uint32_t count = 1 + below(8); count > 0; --count) frames.push_back(frame_of(endpoint));
    if (one_in(20)) {
        Bytes& any = frames.back();
        for (std::size_t i = 12; i < any.size(); ++i) any[i] ^= static_cast<std::uint8_t>(one_in(8) ? below(256) : 0U);
    }
    world_.receive(test::kLanZone, frames);
    const std::vector<Bytes> sent = world_.sent;
    if (isolated) {
        from_isolated += frames.size();
        for (const Bytes& frame : sent) {
            if (frame_source(frame) == world_.machines["gateway-wan"]) {
                throw std::logic_error{fmt::format("a packet of isolated endpoint {} reached the WAN", endpoint)};
            }
        }
    }
    answer(sent);
    if (one_in(4)) world_.loop();
}

void Churn::answer(const std::vector<Bytes>& sent) {
    std::vector<Bytes> replies;
    for (const Bytes& frame : sent) {
        if (frame_source(frame) != world_.machines["gateway-wan"] || one_in(4)) continue;
        replies.push_back(reply_to(frame, world_.machines["gateway-wan"], world_.machines["router"]));
    }
    if (replies.empty()) return;
    answered += replies.size();
    world_.receive(test::kWanZone, replies);
}

void Churn::change() {
    const std::uint32_t kind = below(100);
    if (kind < 60) return isolate_or_release();
    if (kind < 70) return restart();
    if (kind < 80) return load_any_policy();
    if (kind < 99) return change_network();
    world_.now_ms += 60'000;
}

void Churn::isolate_or_release() {
    const std::uint32_t endpoint = 1 + below(kEndpoints);
    EndpointState& state = producer_.endpoints[endpoint].state;
    state = state == kGreen ? kIsolated : kGreen;
    producer_.tell(endpoint);
    poll(2);
    ++isolations;
    if (world_.endpoints->word(endpoint).state() != state) throw std::logic_error{"a change was not applied"};
}

// Nobody who was isolated may be free at any moment in between.
void Churn::restart() {
    ++restarts;
    const auto check = [&] {
        for (const auto& [number, endpoint] : producer_.endpoints) {
            if (world_.endpoints->word(number).state() == endpoint.state) continue;
            throw std::logic_error{fmt::format("endpoint {} lost its state in a restart of heartgated", number)};
        }
    };
    producer_.start(below(40));  // killed before it was through
    for (unsigned i = 0; i < 4; ++i) poll(1), check();
    producer_.start(SIZE_MAX);
    for (unsigned i = 0; i < 20; ++i) poll(1), check();
}

void Churn::load_any_policy() {
    v1::Policy policy;
    policy.set_revision(bursts);
    for (std::uint32_t id = 1; id <= 1 + below(3); ++id) {
        v1::Rule& rule = *policy.add_rules();
        rule.set_id(id);
        rule.set_name(fmt::format("rule {}", id));
        rule.set_from_zone("lan");
        rule.set_action(v1::ACCEPT);
        if (one_in(2)) rule.add_to_networks("203.0.113.0/28");
        if (one_in(2)) rule.mutable_source()->set_require_heartbeat(true);
    }
    world_.load_policy(policy);
}

// The control thread waits for the worker in these; it is at rest.
void Churn::change_network() {
    world_.quiescence->offline(0);
    switch (below(4)) {
        case 0:
            world_.flows->set_wan_addresses({ip(one_in(2) ? "198.51.100.1" : "198.51.100.2").ipv4()});
            break;
        case 1:
            world_.routes->replace_routes(world_.route_list);
            break;
        case 2:
            if (one_in(2)) world_.routes->remove_neighbour(test::kWanZone, ip("198.51.100.254"));
            world_.routes->set_neighbour(
                {.address = ip("198.51.100.254"), .zone = test::kWanZone, .mac = world_.machines["router"]});
            break;
        default: {
            const std::uint32_t endpoint = 1 + below(kEndpoints);
            world_.routes->remove_neighbour(test::kLanZone, ip(ipv4_of(endpoint)));
            if (one_in(8)) break;  // its answers are held, then dropped
            world_.routes->set_neighbour(
                {.address = ip(ipv4_of(endpoint)), .zone = test::kLanZone, .mac = mac_of(endpoint)});
            break;
        }
    }
    world_.quiescence->online(0);
}

void Churn::come_to_rest() {
    constexpr std::uint32_t kLongestMs = 3 * 3600 * 1000;  // the longest time-out is 2 h 4 min
    for (std::uint32_t passed = 0; passed < kLongestMs; passed += 500) {
        world_.now_ms += 500;
        world_.loop();
    }
}

}  // namespace heartgate::dataplane::test
