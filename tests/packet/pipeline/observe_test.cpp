// SPDX-License-Identifier: Apache-2.0
// Captures and drop watches beside the fast path: what they see, what they leave out, what they lose.
#include <catch2/catch.hpp>
#include <map>
#include <sstream>

#include "dataplane/observe/described_packet.h"
#include "dataplane/observe/pcapng.h"
#include "heartgate/v1/policy.pb.h"
#include "script.h"

using namespace heartgate::dataplane;
using namespace heartgate::dataplane::test;
using heartgate::contract::DropReason;

namespace {

constexpr ObservationPoints kEverywhere =
    bit(ObservationPoint::kReceived) | bit(ObservationPoint::kSent) | bit(ObservationPoint::kDropped);

// The LAN may go to the WAN, but not to 203.0.113.99.
struct Watched : World {
    explicit Watched(const WorldOptions& options = {}) : World{options} {
        heartgate::v1::Policy policy;
        heartgate::v1::Rule& no = *policy.add_rules();
        no.set_id(1);
        no.set_name("no");
        no.add_to_networks("203.0.113.99/32");
        no.set_action(heartgate::v1::DROP);
        heartgate::v1::Rule& all = *policy.add_rules();
        all.set_id(2);
        all.set_name("all");
        all.set_from_zone("lan");
        all.set_action(heartgate::v1::ACCEPT);
        load_policy(policy);
        gate->set_ready(true);
    }
    void from_pc(const std::string& packet) {
        Words parts;
        std::istringstream stream{packet};
        for (std::string word; stream >> word;) parts.push_back(word);
        receive(kLanZone, std::vector<Bytes>{build_frame(
                              machines["gateway-lan"], machines["pc"], parts,
                              [](const std::string& port) { return static_cast<std::uint16_t>(std::stoul(port)); })});
    }
    Observer* watch(ObservationOptions options) {
        return observers->attach(std::make_unique<Observer>(1, std::move(options)));
    }
    // The worker of this test is this thread.
    void unwatch(const Observer* observer) {
        quiescence->offline(0);
        observers->detach(observer);
        quiescence->online(0);
    }
};

ObservationOptions options_at(ObservationPoints points) {
    ObservationOptions options;
    options.points = points;
    return options;
}

struct Seen {
    ObservedPacket packet;
    Bytes bytes;
};

std::vector<Seen> all_of(Observer& observer) {
    std::vector<Seen> seen;
    while (observer.take([&](const ObservedPacket& packet, const std::uint8_t* bytes) {
        seen.push_back({packet, Bytes{bytes, bytes + packet.captured}});
    })) {
    }
    return seen;
}

const std::string kPasses = "10.0.0.10:5000 > 203.0.113.7:53 udp";
const std::string kDropped = "10.0.0.10:5000 > 203.0.113.99:53 udp";

// ip dst host 203.0.113.99, as `tcpdump -ddd -y EN10MB` prints it.
const std::vector<bpf_insn> kToRefused{{0x28, 0, 0, 12},         {0x15, 0, 3, 0x0800},  {0x20, 0, 0, 30},
                                       {0x15, 0, 1, 0xcb007163}, {0x06, 0, 0, 262'144}, {0x06, 0, 0, 0}};

}  // namespace

TEST_CASE("a capture sees packets as they come and as they leave, and dropped ones with their reason") {
    Watched world;
    world.from_pc(kPasses);
    Observer* observer = world.watch(options_at(kEverywhere));
    REQUIRE(observer != nullptr);
    world.from_pc(kPasses);
    const std::vector<Seen> passed = all_of(*observer);
    REQUIRE(passed.size() == 2);
    CHECK(passed[0].packet.point == ObservationPoint::kReceived);
    CHECK(passed[0].packet.port == 0);
    CHECK(describe_packet(passed[0].bytes).source == ip("10.0.0.10"));
    CHECK(passed[1].packet.point == ObservationPoint::kSent);
    CHECK(passed[1].packet.port == 1);
    CHECK(passed[1].bytes == world.sent.at(0));  // after translation
    CHECK(passed[1].packet.tsc >= passed[0].packet.tsc);

    world.from_pc(kDropped);
    const std::vector<Seen> dropped = all_of(*observer);
    REQUIRE(dropped.size() == 2);
    CHECK(dropped[1].packet.point == ObservationPoint::kDropped);
    CHECK(dropped[1].packet.reason == DropReason::kRuleDrop);
    CHECK(dropped[1].packet.port == 0);
    CHECK(dropped[1].packet.length == dropped[1].bytes.size());
    CHECK(observer->lost() == 0);

    world.unwatch(observer);
    CHECK(world.observers->points() == 0);
    world.from_pc(kDropped);  // nobody looks any more
}

TEST_CASE("an observer sees only what it asked for") {
    Watched world;
    const ObservationOptions drops = options_at(bit(ObservationPoint::kDropped));
    ObservationOptions other = drops;
    other.reasons.set(static_cast<std::size_t>(DropReason::kNoRoute));
    ObservationOptions wan = drops;
    wan.segments = {{.port = 1, .vlan = 0}, {.port = 0, .vlan = 20}};
    ObservationOptions filtered = options_at(bit(ObservationPoint::kReceived));
    filtered.filter = kToRefused;
    std::map<std::string, Observer*> observers{{"drops", world.watch(drops)},
                                               {"other reason", world.watch(other)},
                                               {"other zone", world.watch(wan)},
                                               {"filtered", world.watch(filtered)}};
    CHECK(world.watch(drops) == nullptr);  // four are the most
    world.from_pc(kPasses);
    world.from_pc(kDropped);
    CHECK(all_of(*observers["drops"]).size() == 1);
    CHECK(all_of(*observers["other reason"]).empty());
    CHECK(all_of(*observers["other zone"]).empty());
    const std::vector<Seen> seen = all_of(*observers["filtered"]);
    REQUIRE(seen.size() == 1);
    CHECK(describe_packet(seen[0].bytes).destination == ip("203.0.113.99"));

    world.unwatch(observers["other zone"]);
    CHECK(world.watch(drops) != nullptr);
}

TEST_CASE("what there is no room for, and what is over the rate, is lost and counted") {
    Watched world;
    constexpr unsigned kPackets = 3000;
    ObservationOptions small = options_at(bit(ObservationPoint::kDropped));
    small.ring_bytes = 1U << 16U;
    ObservationOptions slow = options_at(bit(ObservationPoint::kDropped));
    slow.per_second = 10;
    ObservationOptions short_ones = options_at(bit(ObservationPoint::kDropped));
    short_ones.snap_length = 20;
    Observer* full = world.watch(small);
    Observer* limited = world.watch(slow);
    Observer* cut = world.watch(short_ones);
    std::size_t taken = 0;
    for (unsigned i = 0; i < kPackets; ++i) {
        world.from_pc(kDropped);
        if (i % 7 == 0) taken += all_of(*cut).size();  // the ring goes round many times
    }
    const std::size_t kept = all_of(*full).size();
    CHECK(kept > 400);
    CHECK(kept + full->lost() == kPackets);
    CHECK(all_of(*limited).size() == 10);
    CHECK(limited->lost() == kPackets - 10);
    const std::vector<Seen> rest = all_of(*cut);
    REQUIRE_FALSE(rest.empty());
    CHECK(rest.back().bytes.size() == 20);
    CHECK(rest.back().packet.length > 20);
    CHECK(taken + rest.size() == kPackets);
    CHECK(cut->lost() == 0);
}

TEST_CASE("packets that waited and were given up are seen with the port they came from") {
    Watched world;
    Observer* observer = world.watch(options_at(bit(ObservationPoint::kDropped)));
    world.from_pc("10.0.0.10:5000 > 10.0.0.77:53 udp");
    REQUIRE(world.worker->counters().held.load() == 1);
    world.now_ms += 60'000;
    world.loop();
    const std::vector<Seen> seen = all_of(*observer);
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].packet.reason == DropReason::kNoNeighbour);
    CHECK(seen[0].packet.port == 0);
}

TEST_CASE("a VLAN tag that the port has taken out is seen again") {
    Watched world;
    Observer* observer = world.watch(options_at(bit(ObservationPoint::kReceived)));
    const Bytes frame = build_frame(
        world.machines["gateway-lan"], world.machines["pc"], {"10.0.0.10:5000", ">", "203.0.113.7:53", "udp"},
        [](const std::string& port) { return static_cast<std::uint16_t>(std::stoul(port)); });
    rte_mbuf* packet = world.packet_of(frame);
    packet->ol_flags |= RTE_MBUF_F_RX_VLAN | RTE_MBUF_F_RX_VLAN_STRIPPED;
    packet->vlan_tci = 42;
    world.receive(kLanZone, packet);
    const std::vector<Seen> seen = all_of(*observer);
    REQUIRE(seen.size() == 1);
    CHECK(seen[0].bytes.size() == frame.size() + 4);
    const DescribedPacket described = describe_packet(seen[0].bytes);
    CHECK(described.vlan == 42);
    CHECK(described.source == ip("10.0.0.10"));
    CHECK(described.destination_port == 53);
}

TEST_CASE("what a packet is, as far as its bytes say it") {
    Watched world;
    const auto frame = [&](const Words& words) {
        return build_frame(world.machines["gateway-lan"], world.machines["pc"], words,
                           [](const std::string& port) { return static_cast<std::uint16_t>(std::stoul(port)); });
    };
    const Bytes tcp = frame({"[2001:db8:1::10]:40000", ">", "[2001:db8:2::7]:443", "tcp", "syn"});
    const DescribedPacket whole = describe_packet(tcp);
    CHECK(whole.source == ip("2001:db8:1::10"));
    CHECK(whole.destination == ip("2001:db8:2::7"));
    CHECK(whole.protocol == IPPROTO_TCP);
    CHECK(whole.destination_port == 443);
    CHECK(whole.source_mac == world.machines["pc"]);
    // However short it is cut.
    for (std::size_t length = 0; length < tcp.size(); ++length) {
        const DescribedPacket part = describe_packet({tcp.data(), length});
        CHECK(part.destination_port == (length >= 58 ? 443 : 0));
    }
    CHECK(describe_packet(frame({"10.0.0.10", ">", "10.0.0.1", "arp"})).destination == ip("10.0.0.1"));
}

TEST_CASE("the file of a capture is made of whole blocks, and a dropped packet has its reason as a comment") {
    std::string file = pcapng::begin({"lan", "wan", "local"}, 65'535);
    const Bytes bytes(61, 0xab);
    pcapng::add(file,
                {.length = 61, .captured = 61, .point = ObservationPoint::kDropped, .reason = DropReason::kUnsolicited},
                1, bytes, 0x0102'0304'0506'0708U, 7);
    const auto word = [&file](std::size_t at) {
        std::uint32_t value = 0;
        std::memcpy(&value, file.data() + at, sizeof value);
        return value;
    };
    std::vector<std::uint32_t> types;
    std::size_t last = 0;
    for (std::size_t at = 0; at < file.size();) {
        const std::uint32_t length = word(at + 4);
        REQUIRE(length % 4 == 0);
        REQUIRE(at + length <= file.size());
        REQUIRE(word(at + length - 4) == length);
        types.push_back(word(at));
        last = at;
        at += length;
    }
    CHECK(types == std::vector<std::uint32_t>{0x0a0d0d0a, 1, 1, 1, 6});
    CHECK(word(last + 8) == 1);  // the interface: wan
    CHECK(word(last + 12) == 0x01020304U);
    CHECK(word(last + 16) == 0x05060708U);
    CHECK(word(last + 20) == 61);
    CHECK(word(last + 24) == 61);
    CHECK(file.find("dropped: unsolicited", last) != std::string::npos);
}
