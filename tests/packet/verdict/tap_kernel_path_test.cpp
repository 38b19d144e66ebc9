// SPDX-License-Identifier: Apache-2.0
// Frames between rings and Linux, on real TAP devices.
#include "dataplane/kernel/tap_kernel_path.h"

#include <net/if.h>

#include <algorithm>
#include <cstring>
#include <fstream>
#include <numeric>
#include <vector>

#include "tests/packet/verdict/kernel_world.h"

using namespace heartgate::dataplane;

namespace {

using Frame = std::vector<std::uint8_t>;

struct Path {
    EndpointTable endpoints{2};
    Gate gate{endpoints};
    TapKernelPath path;

    explicit Path(const TapKernelPathOptions& options = path_options()) : path{options} {}

    void punt(const Frame& frame, Zone zone = test::kLanZone, PuntQueue queue = PuntQueue::kOther) {
        REQUIRE(offer(frame, zone, queue));
    }
    bool offer(const Frame& frame, Zone zone, PuntQueue queue) {
        rte_mbuf* packet = rte_pktmbuf_alloc(packet_pool());
        REQUIRE(packet != nullptr);
        std::memcpy(rte_pktmbuf_append(packet, static_cast<std::uint16_t>(frame.size())), frame.data(), frame.size());
        // What reaches the appliance has a verdict of the gate; here: ARP.
        Question question;
        question.from = zone;
        question.to = kAppliance;
        question.ether_type = ethernet::kArp;
        const bool taken = path.punt(0, zone, queue, gate.permit(gate.decide(question)), packet);
        if (!taken) rte_pktmbuf_free(packet);
        return taken;
    }
    // Whether Linux has sent something.
    bool poll(Frame& frame, Zone zone = test::kLanZone) {
        rte_mbuf* packet = nullptr;
        if (path.take(0, zone, &packet, 1) == 0) return false;
        const auto* data = rte_pktmbuf_mtod(packet, const std::uint8_t*);
        frame.assign(data, data + packet->data_len);
        rte_pktmbuf_free(packet);
        return true;
    }
    // The next frame from Linux that `wanted` accepts; others (MLD, router solicitations) are thrown away.
    template <class Wanted>
    Frame take(Wanted wanted, Zone zone = test::kLanZone) {
        Frame result;
        REQUIRE(eventually([&] { return poll(result, zone) && wanted(result); }));
        return result;
    }
};

void append(Frame& frame, std::initializer_list<std::uint8_t> bytes) { frame.insert(frame.end(), bytes); }
void append(Frame& frame, const MacAddress& mac) { frame.insert(frame.end(), mac.begin(), mac.end()); }
void append_ip(Frame& frame, const std::string& address) {
    const IpAddress value = ip(address);
    frame.insert(frame.end(), value.bytes.begin() + 12, value.bytes.end());
}

Frame arp_request(const std::string& sender, const std::string& target, std::uint16_t vlan = 0) {
    Frame frame(6, 0xff);
    append(frame, kHostMac);
    if (vlan != 0) append(frame, {0x81, 0x00, static_cast<std::uint8_t>(vlan >> 8U), static_cast<std::uint8_t>(vlan)});
    append(frame, {0x08, 0x06, 0, 1, 8, 0, 6, 4, 0, 1});
    append(frame, kHostMac);
    append_ip(frame, sender);
    append(frame, {0, 0, 0, 0, 0, 0});
    append_ip(frame, target);
    return frame;
}

bool is_arp(const Frame& frame, std::uint8_t operation, std::size_t offset = 0) {
    return frame.size() >= 42 + offset && frame[12 + offset] == 0x08 && frame[13 + offset] == 0x06 &&
           frame[21 + offset] == operation;
}

std::uint16_t checksum(const Frame& bytes, std::size_t from, std::size_t to) {
    std::uint32_t sum = 0;
    for (std::size_t i = from; i + 1 < to; i += 2) sum += static_cast<std::uint32_t>(bytes[i] << 8U) + bytes[i + 1];
    while (sum >> 16U) sum = (sum & 0xffffU) + (sum >> 16U);
    return static_cast<std::uint16_t>(~sum);
}
void put_checksum(Frame& frame, std::size_t at, std::size_t from, std::size_t to) {
    const std::uint16_t sum = checksum(frame, from, to);
    frame[at] = static_cast<std::uint8_t>(sum >> 8U);
    frame[at + 1] = static_cast<std::uint8_t>(sum);
}

Frame ping(const std::string& from, const std::string& to, std::uint8_t sequence) {
    Frame frame;
    append(frame, kLanMac);
    append(frame, kHostMac);
    append(frame, {0x08, 0x00, 0x45, 0, 0, 28, 0, 1, 0, 0, 64, 1, 0, 0});
    append_ip(frame, from);
    append_ip(frame, to);
    append(frame, {8, 0, 0, 0, 0x12, 0x34, 0, sequence});
    put_checksum(frame, 24, 14, 34);
    put_checksum(frame, 36, 34, 42);
    return frame;
}

std::string setting(const std::string& path) {
    std::ifstream file{"/proc/sys/net/" + path};
    std::string text;
    file >> text;
    return text;
}

}  // namespace

TEST_CASE("the interfaces are there with MAC, MTU, addresses, and do not forward") {
    if (!enter_namespace()) return;
    const Path path;
    CHECK(path.path.interface_index(test::kLanZone) == static_cast<int>(if_nametoindex("hg-lan")));
    run("ip -o link show dev hg-lan | grep -q 'UP.* mtu 1400 .*link/ether 02:00:00:00:01:00'");
    run("ip -o addr show dev hg-lan | grep -q 'inet 192.168.77.1/24 brd 192.168.77.255'");
    run("ip -o addr show dev hg-lan | grep -q 'inet 192.0.2.1/32'");
    run("ip -o addr show dev hg-lan | grep -q 'inet6 2001:db8::1/128'");
    run("ip -o addr show dev hg-wan | grep -q 'inet 203.0.113.2/24'");
    for (const std::string device : {"hg-lan", "hg-wan"}) {
        CHECK(setting("ipv4/conf/" + device + "/forwarding") == "0");
        CHECK(setting("ipv4/conf/" + device + "/arp_ignore") == "1");
        CHECK(setting("ipv4/conf/" + device + "/arp_announce") == "2");
    }
    CHECK(setting("ipv6/conf/all/forwarding") == "0");
}

TEST_CASE("forwarding that was on is off once the dataplane has its interfaces") {
    if (!enter_namespace()) return;
    run("sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1");
    const Path path;
    CHECK(setting("ipv4/conf/hg-lan/forwarding") == "0");
    CHECK(setting("ipv4/conf/hg-wan/forwarding") == "0");
    CHECK(setting("ipv6/conf/all/forwarding") == "0");
}

TEST_CASE("Linux answers ARP and ping through the rings, with complete checksums") {
    if (!enter_namespace()) return;
    Path path;
    path.punt(arp_request("192.168.77.11", "192.168.77.1"));
    const Frame arp = path.take([](const Frame& frame) { return is_arp(frame, 2); });
    CHECK(std::equal(kLanMac.begin(), kLanMac.end(), arp.begin() + 22));
    CHECK(std::equal(kHostMac.begin(), kHostMac.end(), arp.begin()));

    std::vector<std::int64_t> microseconds;
    for (std::uint8_t sequence = 1; sequence <= 20; ++sequence) {
        const auto sent = std::chrono::steady_clock::now();
        path.punt(ping("192.168.77.11", "192.168.77.1", sequence));
        const Frame reply = path.take([sequence](const Frame& frame) {
            return frame.size() >= 42 && frame[23] == 1 && frame[34] == 0 && frame[41] == sequence;
        });
        microseconds.push_back(
            std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - sent).count());
        CHECK(checksum(reply, 14, 34) == 0);
        CHECK(checksum(reply, 34, reply.size()) == 0);
    }
    std::sort(microseconds.begin(), microseconds.end());
    std::cout << "ping through the kernel path: median " << microseconds[microseconds.size() / 2] << " us\n";
    const auto counters = path.path.counters();
    CHECK(counters.to_kernel >= 21);
    CHECK(counters.to_kernel_failed == 0);
    CHECK(counters.from_kernel >= 21);
}

TEST_CASE("Linux answers for an address on the interface that has it alone") {
    if (!enter_namespace()) return;
    Path path;
    path.punt(arp_request("203.0.113.9", "192.168.77.1"), test::kWanZone);
    path.punt(arp_request("203.0.113.9", "203.0.113.2"),
              test::kWanZone);  // positive control, behind it in the same ring
    const Frame answer = path.take([](const Frame& frame) { return is_arp(frame, 2); }, test::kWanZone);
    CHECK(std::equal(answer.begin() + 28, answer.begin() + 32, ip("203.0.113.2").bytes.begin() + 12));
}

TEST_CASE("with a VLAN the rings carry tagged frames and Linux untagged ones") {
    if (!enter_namespace()) return;
    Path path{path_options(42)};
    path.punt(arp_request("192.168.77.11", "192.168.77.1", 42));
    const Frame answer = path.take([](const Frame& frame) { return is_arp(frame, 2, 4); });
    CHECK(answer[12] == 0x81);
    CHECK(answer[13] == 0x00);
    CHECK(answer[15] == 42);
    CHECK(std::equal(kHostMac.begin(), kHostMac.end(), answer.begin()));
}

TEST_CASE("asking for a neighbour makes Linux solicit it") {
    if (!enter_namespace()) return;
    Path path;
    path.path.resolve(0, test::kLanZone, ip("192.168.77.50"));
    const Frame four = path.take([](const Frame& frame) { return is_arp(frame, 1) && frame[41] == 50; });
    CHECK(std::equal(four.begin() + 28, four.begin() + 32, ip("192.168.77.1").bytes.begin() + 12));  // arp_announce
    path.path.resolve(0, test::kLanZone, ip("2001:db8:77::50"));
    (void)path.take([](const Frame& frame) {
        return frame.size() >= 78 && frame[12] == 0x86 && frame[13] == 0xdd && frame[54] == 135 && frame[77] == 0x50;
    });
    CHECK(path.path.counters().resolved == 2);
}

TEST_CASE("asking again and again asks Linux rarely") {
    if (!enter_namespace()) return;
    Path path;
    for (int i = 0; i < 100; ++i) path.path.resolve(0, test::kLanZone, ip("192.168.77.51"));
    path.path.resolve(0, test::kLanZone, ip("192.168.77.52"));
    REQUIRE(eventually([&path] { return path.path.counters().resolved >= 2; }));
    CHECK(path.path.counters().resolved < 10);
}

TEST_CASE("interfaces outlive the dataplane and are taken up again") {
    if (!enter_namespace()) return;
    {
        const Path path;
        run("ip addr replace 192.168.77.200/24 dev hg-lan");
        run("ip route replace 10.77.0.0/16 via 203.0.113.1 dev hg-wan");
    }
    const unsigned index = if_nametoindex("hg-lan");
    REQUIRE(index != 0);
    run("ip route show | grep -q 10.77.0.0/16");
    Path path;
    CHECK(if_nametoindex("hg-lan") == index);
    // Asked again and again: until Linux takes note of the device's carrier it sends nothing.
    CHECK(eventually([&path] {
        Frame frame;
        if (path.poll(frame)) return is_arp(frame, 2);
        (void)path.offer(arp_request("192.168.77.11", "192.168.77.200"), test::kLanZone, PuntQueue::kOther);
        return false;
    }));
    run("ip addr del 192.168.77.200/24 dev hg-lan && ip route del 10.77.0.0/16");
}

TEST_CASE("a full queue to Linux leaves heartbeats and ARP theirs") {
    if (!enter_namespace()) return;
    Path path;
    const Frame frame = arp_request("203.0.113.9", "203.0.113.77");
    bool full = false;
    for (int i = 0; i < 1'000'000 && !full; ++i) full = !path.offer(frame, test::kLanZone, PuntQueue::kOther);
    CHECK(full);
    CHECK(path.offer(frame, test::kLanZone, PuntQueue::kHeartbeat));
    CHECK(path.offer(frame, test::kLanZone, PuntQueue::kControl));
}

TEST_CASE("what a worker did not take is freed at the end") {
    if (!enter_namespace()) return;
    const unsigned before = rte_mempool_avail_count(packet_pool());
    {
        Path path;
        path.path.resolve(0, test::kLanZone, ip("192.168.77.60"));
        REQUIRE(eventually([&path] { return path.path.counters().from_kernel > 0; }));
        for (int i = 0; i < 50; ++i) path.punt(arp_request("192.168.77.11", "192.168.77.1"));
    }
    CHECK(rte_mempool_avail_count(packet_pool()) == before);
}

TEST_CASE("an interface that another process has is an error that says so") {
    if (!enter_namespace()) return;
    const Path first;
    TapKernelPathOptions again = path_options();
    again.name = "kp2";
    CHECK_THROWS_WITH(TapKernelPath{again},
                      "TAP device 'hg-lan': cannot be opened: Device or resource busy; another "
                      "dataplane has it; stop that one first");
    again.taps[0].name = "lo";
    CHECK_THROWS_WITH(TapKernelPath{again}, Catch::Matchers::StartsWith("TAP device 'lo': cannot be opened"));
}
