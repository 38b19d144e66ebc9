// SPDX-License-Identifier: Apache-2.0
// What golden packets cannot say of fragments: the whole, and the bounds.
#include <algorithm>
#include <catch2/catch.hpp>

#include "dataplane/packet/bytes.h"
#include "dataplane/packet/checksum.h"
#include "dataplane/packet/headers.h"
#include "dataplane/worker/fragment_queue.h"
#include "heartgate/v1/policy.pb.h"
#include "world.h"

using namespace heartgate::dataplane;
using namespace heartgate::dataplane::test;
using heartgate::contract::DropReason;

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
    Lines loops(unsigned times) {
        Lines lines;
        for (; times > 0; --times) {
            for (const std::string& line : loop()) lines.push_back(line);
        }
        return lines;
    }
    // Bytes [begin, end) of a UDP packet; end 0: to the last one.
    Lines fragment(const std::string& sender, const std::string& from, unsigned id, unsigned begin, unsigned end,
                   unsigned payload = 40) {
        Words description{
            from, ">", "203.0.113.7:53", "udp", "payload", std::to_string(payload), "id", std::to_string(id)};
        description.insert(description.end(), {"from", std::to_string(begin)});
        if (end != 0) description.insert(description.end(), {"to", std::to_string(end)});
        const auto port = [](const std::string& word) { return static_cast<std::uint16_t>(std::stoul(word)); };
        return receive(test::kLanZone,
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
    CHECK(world.loops(3) == Lines{"out wan router 198.51.100.1 > 203.0.113.7 protocol 17 24-48 last ttl 63"});
    world.now_ms += FragmentQueue::kTimeoutMs;
    CHECK(world.loop() == Lines(FragmentQueue::kMostPerSource, "drop fragment-timeout"));
    CHECK(world.worker->counters().held.load() == 0);
}

TEST_CASE("one machine's unfinished datagrams are bounded, end in time, and leave room for another's") {
    Ready world;
    CHECK(world.fragment("pc", "10.0.0.10:5000", 1, 0, 24).front().rfind("out wan", 0) == 0);
    for (unsigned begun = 0; begun < 2 * FragmentTracker::kMostPerSource; ++begun) {
        REQUIRE(world.fragment("guest", "10.0.0.66:5000", begun, 0, 24).front().rfind("out wan", 0) == 0);
    }
    CHECK(world.fragments.size() == 1 + FragmentTracker::kMostPerSource);
    // Of its own the oldest have gone.
    CHECK(world.fragment("guest", "10.0.0.66:5000", 0, 24, 0) == Lines{"held"});
    CHECK(world.fragment("guest", "10.0.0.66:5000", 2 * FragmentTracker::kMostPerSource - 1, 24, 0).front() ==
          "out wan router 198.51.100.1 > 203.0.113.7 protocol 17 24-48 last ttl 63");
    CHECK(world.fragment("pc", "10.0.0.10:5000", 1, 24, 0).front() ==
          "out wan router 198.51.100.1 > 203.0.113.7 protocol 17 24-48 last ttl 63");
    world.now_ms += FragmentTracker::kLifetimeMs;
    for (unsigned loops = 0; loops < FragmentTracker::kDatagrams; ++loops) world.worker->iterate(world.now_ms);
    CHECK(world.fragments.size() == 0);
}

TEST_CASE("first fragments that do not pass take nobody's place") {
    Ready world;
    world.fragment("pc", "10.0.0.10:5000", 1, 0, 24);
    const auto forged = [&](unsigned id) {
        const Words words{"203.0.113.7:53",
                          ">",
                          "198.51.100.1:1",
                          "udp",
                          "payload",
                          "40",
                          "id",
                          std::to_string(id),
                          "from",
                          "0",
                          "to",
                          "24"};
        const auto port = [](const std::string& word) { return static_cast<std::uint16_t>(std::stoul(word)); };
        return world.receive(test::kWanZone, std::vector<Bytes>{build_frame(world.machines["gateway-wan"],
                                                                            world.machines["router"], words, port)});
    };
    for (unsigned id = 0; id < 2 * FragmentTracker::kDatagrams; ++id) REQUIRE(forged(id) == Lines{"drop unsolicited"});
    CHECK(world.fragments.size() == 1);
}

TEST_CASE("until its verdict a first fragment is known to nobody else") {
    FragmentTracker tracker;
    const DatagramKey datagram;
    REQUIRE(tracker.begin(datagram, {.begin = 0, .end = 24}, {}, 0).reason == DropReason::kNone);
    const std::uint32_t epoch = tracker.epoch();
    CHECK(tracker.find(datagram, 0).state == FragmentTracker::State::kUnknown);
    tracker.publish(datagram);
    CHECK(tracker.epoch() != epoch);
    CHECK(tracker.find(datagram, 0).state == FragmentTracker::State::kKnown);
}

TEST_CASE("a full tracker forgets the oldest datagram") {
    FragmentTracker tracker;
    DatagramKey datagram{.zone = test::kWanZone.raw()};
    const auto number = [&](std::uint32_t which) {
        datagram.source[15] = static_cast<std::uint8_t>(which);
        datagram.source[14] = static_cast<std::uint8_t>(which >> 8U);
        return datagram;
    };
    for (std::uint32_t which = 0; which <= FragmentTracker::kDatagrams; ++which) {
        REQUIRE(tracker.begin(number(which), {.begin = 0, .end = 24}, {}, which).reason == DropReason::kNone);
        tracker.publish(number(which));
    }
    CHECK(tracker.size() == FragmentTracker::kDatagrams);
    CHECK(tracker.find(number(0), 0).state == FragmentTracker::State::kUnknown);
    CHECK(tracker.find(number(1), 0).state == FragmentTracker::State::kKnown);
    CHECK(tracker.find(number(FragmentTracker::kDatagrams), 0).state == FragmentTracker::State::kKnown);
}

TEST_CASE("waiting fragments are released a burst in each loop") {
    Ready world;
    const auto in_row = [&](unsigned begin, unsigned end) {
        return world.fragment("pc", "10.0.0.10:5000", 7, begin, end, 600);
    };
    constexpr unsigned kWaiting = 48;
    for (unsigned i = 1; i <= kWaiting; ++i) REQUIRE(in_row(8 * i, 8 * i + 8) == Lines{"held"});
    CHECK(world.loop().empty());
    in_row(0, 8);
    std::vector<std::size_t> released;
    for (unsigned loops = 0; loops < 4; ++loops) released.push_back(world.loop().size());
    std::sort(released.begin(), released.end());
    CHECK(released == std::vector<std::size_t>{0, 0, 16, 32});
    CHECK(world.worker->counters().held.load() == 0);
}

TEST_CASE("fragments of two machines with the same identification leave with two (RFC 4963)") {
    Ready world;
    const auto identification = [&] { return load16(&world.sent.at(0)[ethernet::kLength + ipv4::kIdentification]); };
    world.fragment("pc", "10.0.0.10:5000", 7, 0, 24);
    const std::uint16_t of_pc = identification();
    world.fragment("other", "10.0.0.11:5000", 7, 0, 24);
    const std::uint16_t of_other = identification();
    CHECK(of_pc != of_other);
    CHECK(world.fragment("pc", "10.0.0.10:5000", 7, 24, 0) ==
          Lines{"out wan router 198.51.100.1 > 203.0.113.7 protocol 17 24-48 last ttl 63"});
    CHECK(identification() == of_pc);
    world.fragment("other", "10.0.0.11:5000", 7, 24, 0);
    CHECK(identification() == of_other);
}

TEST_CASE("what the appliance takes apart is put together again as it was, under an identification of its own") {
    Ready world;
    world.quiescence->offline(0);
    world.routes->set_link(
        test::kWanZone,
        {.mac = world.machines["gateway-wan"], .mtu = 100, .port = 1});  // no multiple of 8 is left for the payload
    world.quiescence->online(0);
    CHECK(world.fragment("pc", "10.0.0.10:5000", 7, 0, 200, 300).size() == 3);
    std::vector<Bytes> sent = world.sent;
    CHECK(world.fragment("pc", "10.0.0.10:5000", 7, 200, 0, 300).size() == 2);
    sent.insert(sent.end(), world.sent.begin(), world.sent.end());
    for (const Bytes& frame : sent) {
        CHECK(frame.size() <= ethernet::kLength + 100U);
        CHECK(load16(&frame[ethernet::kLength + ipv4::kIdentification]) ==
              load16(&sent[0][ethernet::kLength + ipv4::kIdentification]));
        CHECK(internet_checksum({&frame[ethernet::kLength], ipv4::kLength}) == 0);
    }
    const auto name = [](const std::string& address, std::uint16_t) { return address == "198.51.100.1" ? "nat" : ""; };
    CHECK(describe(reassembled(sent), name) == "198.51.100.1:nat > 203.0.113.7:53 udp ttl 63");
}

TEST_CASE("a first fragment that waits for its next hop is known again by its own identification") {
    Ready world;
    world.quiescence->offline(0);
    world.routes->remove_neighbour(test::kWanZone, ip("198.51.100.254"));
    world.quiescence->online(0);
    CHECK(world.fragment("pc", "10.0.0.10:5000", 7, 0, 24) == Lines{"held"});
    CHECK(world.fragment("pc", "10.0.0.10:5000", 7, 24, 0) == Lines{"held"});
    world.quiescence->offline(0);
    world.routes->set_neighbour(
        {.address = ip("198.51.100.254"), .zone = test::kWanZone, .mac = world.machines["router"]});
    world.quiescence->online(0);
    CHECK(world.loops(3) == Lines{"out wan router 198.51.100.1:nat > 203.0.113.7:53 udp 0-24 ttl 63",
                                  "out wan router 198.51.100.1 > 203.0.113.7 protocol 17 24-48 last ttl 63"});
}

TEST_CASE("waiting fragments are freed with the worker") {
    Ready world;
    CHECK(world.fragment("pc", "10.0.0.10:5000", 1, 24, 0) == Lines{"held"});
    const unsigned in_use = rte_mempool_in_use_count(packet_pool());
    world.worker->drop_held();
    CHECK(rte_mempool_in_use_count(packet_pool()) == in_use - 1);
    CHECK(world.worker->counters().held.load() == 0);
}
