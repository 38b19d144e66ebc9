// SPDX-License-Identifier: Apache-2.0
// What scripts cannot say: segmented packets, stripped tags, missing headroom, activity, limits, the loop itself.
#include <rte_ethdev.h>

#include <catch2/catch.hpp>
#include <sstream>
#include <thread>

#include "dataplane/worker/alarm.h"
#include "dataplane/worker/hold_queue.h"
#include "dataplane/worker/reply_limit.h"
#include "heartgate/v1/policy.pb.h"
#include "script.h"

using namespace heartgate::dataplane;
using namespace heartgate::dataplane::test;
using heartgate::contract::DropReason;

namespace {

Bytes frame_from_pc(World& world, const std::string& packet) {
    Words words;
    std::istringstream stream{packet};
    for (std::string word; stream >> word;) words.push_back(word);
    return build_frame(world.machines["gateway-lan"], world.machines["pc"], words,
                       [](const std::string& port) { return static_cast<std::uint16_t>(std::stoul(port)); });
}

struct Ready : World {
    explicit Ready(const WorldOptions& options = {}) : World{options} {
        heartgate::v1::Policy policy;
        heartgate::v1::Rule& rule = *policy.add_rules();
        rule.set_id(1);
        rule.set_name("all");
        rule.set_from_zone("lan");
        rule.set_action(heartgate::v1::ACCEPT);
        load_policy(policy);
        gate->set_ready(true);
    }
    std::vector<std::string> from_pc(const std::string& packet) {
        return receive(test::kLanZone, std::vector<Bytes>{frame_from_pc(*this, packet)});
    }
    // The packet's first `first` bytes in one segment, the rest in another.
    rte_mbuf* segmented(const Bytes& frame, std::size_t first) {
        rte_mbuf* head = packet_of({frame.begin(), frame.begin() + static_cast<std::ptrdiff_t>(first)});
        rte_mbuf* tail = packet_of({frame.begin() + static_cast<std::ptrdiff_t>(first), frame.end()});
        REQUIRE(rte_pktmbuf_chain(head, tail) == 0);
        return head;
    }
};

}  // namespace

using Lines = std::vector<std::string>;

TEST_CASE("every drop reason that can exist now has a script that makes it happen") {
    std::set<std::string> seen;
    for (const Golden& golden : goldens()) seen.merge(run(golden));
    for (std::size_t i = 1; i < heartgate::contract::kDropReasons; ++i) {
        const std::string name{heartgate::contract::kDropReasonNames[i]};
        if (name == "no-mbuf") continue;  // below: no script can take headroom away
        INFO(name);
        CHECK(seen.count(name) == 1);
    }
}

TEST_CASE("a packet in several segments passes if its headers are in the first one") {
    Ready world;
    const Bytes frame = frame_from_pc(world, "10.0.0.10:5000 > 203.0.113.7:53 udp payload 100");
    CHECK(world.receive(test::kLanZone, world.segmented(frame, 60)) ==
          Lines{"out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63"});
    CHECK(world.receive(test::kLanZone, world.segmented(frame, 42)) ==
          Lines{"out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63"});
    for (const std::size_t first : {13U, 14U, 33U, 34U, 41U}) {
        INFO(first);
        CHECK(world.receive(test::kLanZone, world.segmented(frame, first)) == Lines{"drop truncated"});
    }
}

TEST_CASE("a jumbo frame that the port has put into several buffers leaves as it came, its payload untouched") {
    Ready world{{.mtu = 9216}};
    Bytes frame = frame_from_pc(world, "10.0.0.10:5000 > 203.0.113.7:53 udp payload 9188");
    CHECK(frame.size() == 14 + 9216);
    CHECK(world.receive(test::kLanZone, world.segmented(frame, 2048)) ==
          Lines{"out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63"});
    REQUIRE(world.sent.size() == 1);
    CHECK(std::equal(frame.begin() + 42, frame.end(), world.sent[0].begin() + 42, world.sent[0].end()));
}

TEST_CASE("padding in a segment of its own is cut off or costs the packet, never a read outside") {
    Ready world;
    const Bytes frame = frame_from_pc(world, "10.0.0.10:5000 > 203.0.113.7:53 udp payload 10 pad 8");
    CHECK(world.receive(test::kLanZone, world.segmented(frame, 50)) ==
          Lines{"out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63"});
    CHECK(world.receive(test::kLanZone, world.segmented(frame, 56)) == Lines{"drop no-mbuf"});
}

TEST_CASE("a tag that the port has taken out of the frame counts like one in the frame") {
    Ready world;
    const Bytes frame = frame_from_pc(world, "10.0.0.10:5000 > 203.0.113.7:53 udp");
    const auto tagged = [&](std::uint16_t tci) {
        rte_mbuf* packet = world.packet_of(frame);
        packet->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
        packet->vlan_tci = tci;
        return packet;
    };
    CHECK(world.receive(test::kLanZone, tagged(0x0005)) == Lines{"drop unknown-vlan"});
    CHECK(world.receive(test::kLanZone, tagged(0xe000)) ==
          Lines{"out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63"});
}

TEST_CASE("a packet without headroom for the tag of its way out is dropped") {
    Ready world{{.lan_vlan = 7}};
    Bytes opening = frame_from_pc(world, "10.0.0.10:5000 > 203.0.113.7:53 udp vlan 7");
    REQUIRE(world.receive(test::kLanZone, std::vector<Bytes>{opening}).size() == 1);
    const auto answer = [&](std::uint16_t headroom) {
        const Bytes frame =
            build_frame(world.machines["gateway-wan"], world.machines["router"],
                        {"203.0.113.7:53", ">", "198.51.100.1:nat", "udp"}, [&](const std::string& port) {
                            return port == "nat" ? world.nat_port : static_cast<std::uint16_t>(std::stoul(port));
                        });
        rte_mbuf* packet = rte_pktmbuf_alloc(packet_pool());
        packet->data_off = headroom;
        std::copy(
            frame.begin(), frame.end(),
            reinterpret_cast<std::uint8_t*>(rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size()))));
        return packet;
    };
    CHECK(world.receive(test::kWanZone, answer(4)) ==
          Lines{"out lan pc vlan 7 203.0.113.7:53 > 10.0.0.10:5000 udp ttl 63"});
    CHECK(world.receive(test::kWanZone, answer(3)) == Lines{"drop no-mbuf"});
}

TEST_CASE("a held packet makes the worker ask Linux for its next hop, and is freed with the worker") {
    const unsigned before = rte_mempool_avail_count(packet_pool());
    {
        Ready world;
        world.routes->remove_neighbour(test::kWanZone, test::ip("198.51.100.254"));
        CHECK(world.from_pc("10.0.0.10:5000 > 203.0.113.7:53 udp") == Lines{"held"});
        CHECK(world.kernel.asked == std::vector<IpAddress>{test::ip("198.51.100.254")});
        world.worker->drop_held();
        CHECK(world.worker->counters().drop(DropReason::kNoNeighbour).load() == 1);
        CHECK(world.worker->counters().held.load() == 0);
    }
    CHECK(rte_mempool_avail_count(packet_pool()) == before);
}

TEST_CASE("the hold queue is bounded over all neighbours") {
    Ready world;
    for (unsigned host = 2; host < 2 + HoldQueue::kMost; ++host) {
        const std::string sender = std::to_string(100 + host / HoldQueue::kMostPerSender);
        world.machines["pc"] = {2, 0, 0, 0, 1, static_cast<std::uint8_t>(host / HoldQueue::kMostPerSender)};
        const std::string packet = "10.0.0." + sender + ":5000 > 198.51.100." + std::to_string(host) + ":53 udp";
        REQUIRE(world.from_pc(packet) == Lines{"held"});
    }
    world.machines["pc"] = {2, 0, 0, 0, 1, 99};
    CHECK(world.from_pc("10.0.0.199:5000 > 198.51.100.200:53 udp") == Lines{"drop hold-queue-full"});
}

TEST_CASE("a machine that scans keeps no other machine's packets from waiting, and asks Linux for no more than waits") {
    Ready world;
    unsigned held = 0;
    for (unsigned host = 2; host < 250; ++host) {
        const std::string packet = "10.0.0.10:5000 > 198.51.100." + std::to_string(host) + ":53 udp";
        held += world.from_pc(packet) == Lines{"held"} ? 1U : 0U;
    }
    CHECK(held == HoldQueue::kMostPerSender);
    CHECK(world.kernel.asked.size() == HoldQueue::kMostPerSender);
    world.machines["pc"] = world.machines["other"];
    CHECK(world.from_pc("10.0.0.11:5000 > 198.51.100.9:53 udp") == Lines{"held"});
}

TEST_CASE("a new neighbour does not have the routes of others looked up anew") {
    Ready world;
    world.from_pc("10.0.0.10:5000 > 203.0.113.7:53 udp");
    const std::uint32_t epoch = world.routes->epoch();
    world.quiescence->offline(0);
    world.routes->set_neighbour(
        {.address = test::ip("10.0.0.70"), .zone = test::kLanZone, .mac = {2, 0, 0, 0, 0, 0x70}});
    world.quiescence->online(0);
    CHECK(world.routes->epoch() == epoch);
    CHECK(world.from_pc("10.0.0.10:5000 > 203.0.113.7:53 udp").front().rfind("out wan", 0) == 0);
}

TEST_CASE("ICMP errors are limited in rate") {
    Ready world;
    unsigned answered = 0;
    for (unsigned i = 0; i < 500; ++i) {
        answered += static_cast<unsigned>(world.from_pc("10.0.0.10:5000 > 203.0.113.7:53 udp ttl 1").size() - 1);
    }
    CHECK(answered >= 1);
    CHECK(answered <= 2 * IcmpLimit::kMost);
    world.now_ms += 10 * IcmpLimit::kMillisecondsPer;
    unsigned later = 0;
    for (unsigned i = 0; i < 100; ++i) {
        later += static_cast<unsigned>(world.from_pc("10.0.0.10:5000 > 203.0.113.7:53 udp ttl 1").size() - 1);
    }
    CHECK(later >= 1);
    CHECK(later <= 10);
}

TEST_CASE("an endpoint's routed packets are its sign of life, stopped ones too; all others are not") {
    Ready world;
    // When it was last seen, on the world's clock; 0: never.
    const auto seen = [&] {
        const auto age = world.activity->age_ms(kPc, world.now_ms);
        return age ? world.now_ms - *age : 0U;
    };
    world.from_pc("10.0.0.10 > 10.0.0.1 arp");
    world.from_pc("10.0.0.10:68 > 255.255.255.255:67 udp");
    world.from_pc("10.0.0.10:5353 > 224.0.0.251:5353 udp");
    world.from_pc("10.0.0.10:5000 > 10.0.0.1:53 udp");
    CHECK(seen() == 0);

    world.from_pc("10.0.0.10:5000 > 203.0.113.7:53 udp");
    CHECK(seen() == world.now_ms);

    // Answers alone prove nothing about the endpoint, and do not hide its own packets.
    const std::uint32_t opened = world.now_ms;
    const auto answer = [&] {
        const Bytes frame =
            build_frame(world.machines["gateway-wan"], world.machines["router"],
                        {"203.0.113.7:53", ">", "198.51.100.1:nat", "udp"}, [&](const std::string& port) {
                            return port == "nat" ? world.nat_port : static_cast<std::uint16_t>(std::stoul(port));
                        });
        REQUIRE(world.receive(test::kWanZone, std::vector<Bytes>{frame}).front().rfind("out lan", 0) == 0);
    };
    for (unsigned i = 0; i < 30; ++i) {
        world.now_ms += 100;
        answer();
    }
    CHECK(seen() == opened);
    for (unsigned i = 0; i < 30; ++i) {
        world.now_ms += 100;
        answer();
        world.from_pc("10.0.0.10:5000 > 203.0.113.7:53 udp");
    }
    CHECK(seen() >= world.now_ms - 1100);

    world.set_state(kPc, {.isolated = true});
    world.now_ms += 5000;
    CHECK(world.from_pc("10.0.0.10:5000 > 203.0.113.7:53 udp") == Lines{"drop isolated-source"});
    CHECK(seen() == world.now_ms);
    world.now_ms += 5000;
    CHECK(world.from_pc("10.0.0.10:5999 > 203.0.113.7:53 udp") == Lines{"drop isolated-source"});
    CHECK(seen() == world.now_ms);
}

TEST_CASE("who claims an address of others or of the appliance raises an alarm, and an honest machine none") {
    Ready world;
    Alarm alarm;
    world.from_pc("10.0.0.10 > 10.0.0.1 arp");
    world.from_pc("10.0.0.10:5000 > 203.0.113.7:53 udp");
    CHECK_FALSE(world.worker->take_alarm(alarm));
    const auto raised = [&](const std::string& packet) {
        world.from_pc(packet);
        REQUIRE(world.worker->take_alarm(alarm));
        CHECK(alarm.mac == pack(world.machines["pc"]));
        CHECK(alarm.zone.is_inside());
        return std::pair{alarm.reason, alarm.address};
    };
    CHECK(raised("10.0.0.11 > 10.0.0.1 arp") == std::pair{DropReason::kSpoofedNeighbour, test::ip("10.0.0.11")});
    CHECK(raised("10.0.0.1 > 10.0.0.1 arp") == std::pair{DropReason::kOwnAddress, test::ip("10.0.0.1")});
    CHECK(raised("10.0.0.11:5000 > 203.0.113.7:53 udp") ==
          std::pair{DropReason::kSpoofedAddress, test::ip("10.0.0.11")});
    world.machines["pc"] = world.machines["gateway-lan"];
    CHECK(raised("10.0.0.10:5000 > 203.0.113.7:53 udp").first == DropReason::kOwnMac);

    unsigned count = 0;
    for (unsigned i = 0; i < 10'000; ++i) world.from_pc("10.0.0.10:5000 > 203.0.113.7:53 udp");
    while (world.worker->take_alarm(alarm)) ++count;
    CHECK(count <= AlarmQueue::kPerSecond);
    const AlarmQueue& alarms = world.worker->alarms();
    CHECK(alarms.raised() == 10'004);
    CHECK(alarms.lost() == alarms.raised() - 4 - count);
}

TEST_CASE("an unchanged endpoint's flow is not decided again when another endpoint changes") {
    Ready world;
    world.from_pc("10.0.0.10:5000 > 203.0.113.7:53 udp");
    const std::uint64_t before = world.worker->counters().redecided.load();
    for (unsigned i = 0; i < 10; ++i) {
        world.set_state(kOther, {.colour = i % 2 == 0 ? heartgate::contract::Colour::kYellow
                                                      : heartgate::contract::Colour::kGreen});
        CHECK(world.from_pc("10.0.0.10:5000 > 203.0.113.7:53 udp").front().rfind("out wan", 0) == 0);
    }
    CHECK(world.worker->counters().redecided.load() == before);
}

TEST_CASE("a new machine's binding does not have the flows of others decided again") {
    Ready world;
    world.from_pc("10.0.0.10:5000 > 203.0.113.7:53 udp");
    const std::uint64_t before = world.worker->counters().redecided.load();
    for (std::uint8_t host = 100; host < 110; ++host) {
        world.bind(kOther, {2, 0, 0, 0, 9, host}, heartgate::dataplane::test::ip("10.0.0." + std::to_string(host)));
        CHECK(world.from_pc("10.0.0.10:5000 > 203.0.113.7:53 udp").front().rfind("out wan", 0) == 0);
    }
    CHECK(world.worker->counters().redecided.load() == before);
}

TEST_CASE("a denied packet makes no flow and takes no port") {
    Ready world;
    world.set_state(kPc, {.isolated = true});
    for (unsigned port = 5000; port < 5010; ++port) {
        world.from_pc("10.0.0.10:" + std::to_string(port) + " > 203.0.113.7:53 udp");
    }
    CHECK(world.flows->flows() == 0);
    CHECK(world.flows->nat_mappings() == 0);
}

TEST_CASE("the worker's loop runs the health hook before it reads the generation, and ends when told") {
    struct Isolate final : LoopHook {
        explicit Isolate(World& of) : world{of} {}
        void poll() noexcept override {
            ++polls;
            if (armed) world.set_state(kPc, {.isolated = true});
            armed = false;
        }
        World& world;
        bool armed = false;
        std::atomic<unsigned> polls{0};
    };
    Ready world;
    Isolate hook{world};
    const ZoneTable zones = test::zones();
    const auto own = [&](std::uint16_t port, const char* name) {
        PortQueues queues;
        queues.port_id = port;
        queues.mac = world.machines[name];
        return queues;
    };
    Worker worker{0,
                  {.flows = *world.flows,
                   .endpoints = *world.endpoints,
                   .activity = *world.activity,
                   .bindings = *world.bindings,
                   .gate = *world.gate,
                   .routes = *world.routes,
                   .fragments = world.fragments,
                   .quiescence = *world.quiescence,
                   .kernel = world.kernel,
                   .zones = zones,
                   .ports = {own(0, "gateway-lan"), own(1, "gateway-wan")},
                   .pool = packet_pool(),
                   .health = &hook}};
    rte_mbuf* packet = world.packet_of(frame_from_pc(world, "10.0.0.10:5000 > 203.0.113.7:53 udp"));
    hook.armed = true;
    REQUIRE(rte_eth_tx_burst(0, 0, &packet, 1) == 1);  // the ring hands it back as received
    CHECK(worker.iterate(world.now_ms) == 1);
    CHECK(worker.counters().drop(DropReason::kIsolatedSource).load() == 1);

    std::atomic<bool> stop{false};
    std::thread thread{[&] { worker.run(stop); }};
    const unsigned before = hook.polls;
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{10};
    while (hook.polls < before + 1000 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    CHECK(hook.polls >= before + 1000);
    stop = true;
    thread.join();
}

TEST_CASE("a sleeping worker wakes when its doorbell rings, also if it rings just before the sleep") {
    struct Count final : LoopHook {
        void poll() noexcept override { ++polls; }
        std::atomic<std::uint64_t> polls{0};
    };
    const auto eventually = [](auto&& done) {
        const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds{10};
        while (!done() && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
        return done();
    };
    Ready world;
    Count hook;
    heartgate::contract::Doorbell doorbell;
    constexpr std::uint32_t kForEver = 3'600'000'000;
    const ZoneTable zones = test::zones();
    Worker worker{0,
                  {.flows = *world.flows,
                   .endpoints = *world.endpoints,
                   .activity = *world.activity,
                   .bindings = *world.bindings,
                   .gate = *world.gate,
                   .routes = *world.routes,
                   .fragments = world.fragments,
                   .quiescence = *world.quiescence,
                   .kernel = world.kernel,
                   .zones = zones,
                   .ports = {},
                   .pool = packet_pool(),
                   .health = &hook,
                   .idle = {.empty_polls = 3, .sleep_us = kForEver, .longest_sleep_us = kForEver},
                   .doorbell = &doorbell}};
    std::atomic<bool> stop{false};
    std::thread thread{[&] { worker.run(stop); }};
    for (int i = 0; i < 1'000; ++i) {
        const std::uint64_t before = hook.polls;
        doorbell.ring();
        REQUIRE(eventually([&] { return hook.polls > before; }));
    }
    // It sleeps, and is no obstacle for who waits for all workers.
    std::uint64_t polls = 0;
    REQUIRE(eventually([&] {
        const std::uint64_t before = std::exchange(polls, hook.polls.load());
        std::this_thread::sleep_for(std::chrono::milliseconds{1});
        return before == polls;
    }));
    world.quiescence->synchronize();
    stop = true;
    doorbell.ring();
    thread.join();
}
