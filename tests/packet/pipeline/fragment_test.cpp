// SPDX-License-Identifier: Apache-2.0
// What golden packets cannot say of fragments: the whole, and the bounds.
#include <catch2/catch.hpp>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "dataplane/worker/fragment_queue.h"
#include "heartgate/v1/policy.pb.h"
#include "world.h"

using namespace heartgate::dataplane;
using namespace heartgate::dataplane::test;

namespace {

using Lines = std::vector<std::string>;

struct Ready : World {
    Ready() {
        heartgate::v1::Policy policy;
        heartgate::v1::Rule& rule = *policy.add_rules();
        rule.set_id(1);
        rule.set_name("all");
        rule.set_from_zone("lan");
        rule.set_action(heartgate::v1::ACCEPT);
        load_policy(policy);
        gate->set_ready(true);
    }
    // Bytes [begin, end) of a UDP packet's 48; end 0: to the last one.
    Lines fragment(const std::string& sender, const std::string& from, unsigned id, unsigned begin, unsigned end) {
        Words description{from, ">", "203.0.113.7:53", "udp", "payload", "40", "id", std::to_string(id)};
        description.insert(description.end(), {"from", std::to_string(begin)});
        if (end != 0) description.insert(description.end(), {"to", std::to_string(end)});
        const auto port = [](const std::string& word) { return static_cast<std::uint16_t>(std::stoul(word)); };
        return receive(Zone::kLan,
                       std::vector<Bytes>{build_frame(machines["gateway-lan"], machines[sender], description, port)});
    }
};

// The packet that IPv4 fragments, without options, make together.
Bytes reassembled(const std::vector<Bytes>& fragments) {
    constexpr std::size_t kHeaders = ethernet::kLength + ipv4::kLength;
    Bytes whole{fragments.front().begin(), fragments.front().begin() + kHeaders};
    for (const Bytes& frame : fragments) {
        const std::uint8_t* ip = &frame[ethernet::kLength];
        const std::size_t at = kHeaders + (load16(ip + ipv4::kFragment) & 0x1fffU) * 8U;
        const std::size_t length = load16(ip + ipv4::kTotalLength) - ipv4::kLength;
        whole.resize(std::max(whole.size(), at + length));
        std::copy_n(ip + ipv4::kLength, length, &whole[at]);
    }
    std::uint8_t* ip = &whole[ethernet::kLength];
    store16(ip + ipv4::kFragment, 0);
    store16(ip + ipv4::kTotalLength, static_cast<std::uint16_t>(whole.size() - ethernet::kLength));
    store16(ip + ipv4::kChecksum, 0);
    store_raw(ip + ipv4::kChecksum, internet_checksum({ip, ipv4::kLength}));
    return whole;
}

}  // namespace

TEST_CASE("translated fragments make a packet together whose checksums are right") {
    Ready world;
    std::vector<Bytes> sent;
    for (const auto& [begin, end] : {std::pair{0U, 16U}, {16U, 32U}, {32U, 0U}}) {
        world.fragment("pc", "10.0.0.10:5000", 7, begin, end);
        REQUIRE(world.sent.size() == 1);
        sent.push_back(world.sent.front());
    }
    const auto name = [](const std::string& address, std::uint16_t) { return address == "198.51.100.1" ? "nat" : ""; };
    CHECK(describe(reassembled(sent), name) == "198.51.100.1:nat > 203.0.113.7:53 udp ttl 63");
    CHECK(world.fragments.size() == 0);
}

TEST_CASE("one machine's waiting fragments leave room for another's") {
    Ready world;
    for (unsigned id = 0; id < FragmentQueue::kMostPerSource; ++id) {
        // Other addresses do not help: on the LAN it is the machine that counts.
        const std::string from = id % 2 == 0 ? "10.0.0.66:5000" : "10.0.0.67:5000";
        REQUIRE(world.fragment("guest", from, id, 24, 0) == Lines{"held"});
    }
    CHECK(world.fragment("guest", "10.0.0.66:5000", 1000, 24, 0) == Lines{"drop fragment-limit"});
    CHECK(world.fragment("pc", "10.0.0.10:5000", 1, 24, 0) == Lines{"held"});
    world.fragment("pc", "10.0.0.10:5000", 1, 0, 24);
    CHECK(world.loop() == Lines{"out wan router 198.51.100.1 > 203.0.113.7 protocol 17 24-48 last ttl 63"});
    world.now_ms += FragmentQueue::kTimeoutMs;
    CHECK(world.loop() == Lines(FragmentQueue::kMostPerSource, "drop fragment-timeout"));
    CHECK(world.worker->counters().held.load() == 0);
}

TEST_CASE("one machine's unfinished datagrams are bounded, end in time, and leave room for another's") {
    Ready world;
    unsigned begun = 0;
    while (world.fragment("guest", "10.0.0.66:5000", begun, 0, 24) != Lines{"drop fragment-limit"}) {
        REQUIRE(++begun < 2 * FragmentTracker::kMostPerSource);  // some have taken the place of others
    }
    CHECK(world.fragments.size() == FragmentTracker::kMostPerSource);
    CHECK(world.fragment("pc", "10.0.0.10:5000", 1, 0, 24).front().rfind("out wan", 0) == 0);
    world.now_ms += FragmentTracker::kLifetimeMs;
    for (unsigned loops = 0; loops < FragmentTracker::kDatagrams; ++loops) world.worker->iterate(world.now_ms);
    CHECK(world.fragments.size() == 0);
}

TEST_CASE("waiting fragments are freed with the worker") {
    Ready world;
    CHECK(world.fragment("pc", "10.0.0.10:5000", 1, 24, 0) == Lines{"held"});
    const unsigned in_use = rte_mempool_in_use_count(packet_pool());
    world.worker->drop_held();
    CHECK(rte_mempool_in_use_count(packet_pool()) == in_use - 1);
    CHECK(world.worker->counters().held.load() == 0);
}
