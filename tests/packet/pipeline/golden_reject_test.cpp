// SPDX-License-Identifier: Apache-2.0
// Who is refused by a rule that says so is told: a TCP reset that it believes (RFC 9293, 3.10.7.1), or ICMP
// administratively prohibited. Nobody on the WAN is.
#include <catch2/catch.hpp>

#include "dataplane/worker/reply_limit.h"
#include "heartgate/v1/policy.pb.h"
#include "script.h"

using namespace heartgate::dataplane;
using namespace heartgate::dataplane::test;

GOLDEN("action reject resets TCP: the sequence number is the segment's acknowledgement", R"(
    policy reject
    lan guest 10.0.0.66:5000 > 203.0.113.7:80 tcp ack seq 1000 ack-number 7000 payload 10
        out lan guest 203.0.113.7:80 > 10.0.0.66:5000 tcp rst seq 7000 ttl 64
        drop rule-reject
    lan guest [2001:db8:1::66]:5000 > [2001:db8:ffff::7]:80 tcp fin seq 1000 ack-number 7000
        out lan guest [2001:db8:ffff::7]:80 > [2001:db8:1::66]:5000 tcp rst seq 7000 ttl 64
        drop rule-reject
)");

GOLDEN("action reject resets TCP: a segment without one is acknowledged, with SYN and data counted", R"(
    policy reject
    lan guest 10.0.0.66:5000 > 203.0.113.7:80 tcp syn seq 1000 payload 0
        out lan guest 203.0.113.7:80 > 10.0.0.66:5000 tcp rst-ack ack-number 1001 ttl 64
        drop rule-reject
    lan guest 10.0.0.66:5000 > 203.0.113.7:80 tcp syn seq 4294967295 mss 1460 payload 10
        out lan guest 203.0.113.7:80 > 10.0.0.66:5000 tcp rst-ack ack-number 10 ttl 64
        drop rule-reject
    lan guest 10.0.0.66:5000 > 203.0.113.7:80 tcp syn seq 1000 payload 0 pad 60
        out lan guest 203.0.113.7:80 > 10.0.0.66:5000 tcp rst-ack ack-number 1001 ttl 64
        drop rule-reject
    lan guest [2001:db8:1::66]:5000 > [2001:db8:ffff::7]:80 tcp syn seq 1000 payload 0 hop-by-hop 0
        out lan guest [2001:db8:ffff::7]:80 > [2001:db8:1::66]:5000 tcp rst-ack ack-number 1001 ttl 64
        drop rule-reject
)");

GOLDEN("nothing answers a reset", R"(
    policy reject
    lan guest 10.0.0.66:5000 > 203.0.113.7:80 tcp rst seq 1000
        drop rule-reject
    lan guest 10.0.0.66:5000 > 203.0.113.7:80 tcp flags 20 seq 1000 ack-number 7000
        drop rule-reject
)");

GOLDEN("action reject answers UDP and ping with ICMP administratively prohibited", R"(
    policy reject
    lan guest 10.0.0.66:5000 > 203.0.113.7:53 udp
        out lan guest 10.0.0.1 > 10.0.0.66 unreachable 13 quoting 10.0.0.66:5000 > 203.0.113.7:53 udp ttl 64 ttl 64
        drop rule-reject
    lan guest 10.0.0.66:77 > 203.0.113.7 echo
        out lan guest 10.0.0.1 > 10.0.0.66 unreachable 13 quoting 10.0.0.66:77 > 203.0.113.7 echo ttl 64 ttl 64
        drop rule-reject
    lan guest [2001:db8:1::66]:5000 > [2001:db8:ffff::7]:53 udp
        out lan guest 2001:db8:1::1 > 2001:db8:1::66 unreachable 1 quoting [2001:db8:1::66]:5000 > [2001:db8:ffff::7]:53 udp ttl 64 ttl 64
        drop rule-reject
)");

GOLDEN("action drop, and what no rule matches, is answered by nothing", R"(
    policy drop
    lan guest 10.0.0.66:5000 > 203.0.113.7:80 tcp syn seq 1000 payload 0
        drop rule-drop
    lan guest 10.0.0.66:5000 > 203.0.113.7:53 udp
        drop rule-drop
    policy nothing
    lan guest 10.0.0.66:5000 > 203.0.113.7:80 tcp syn seq 1000 payload 0
        drop default-drop
)");

GOLDEN("whom a condition keeps out is told where the rule says so, and is not where it does not", R"(
    policy green-else-reject
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn seq 1000 payload 0
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    yellow pc
    lan pc 10.0.0.10:5001 > 203.0.113.7:80 tcp syn seq 1000 payload 0
        out lan pc 203.0.113.7:80 > 10.0.0.10:5001 tcp rst-ack ack-number 1001 ttl 64
        drop source-heartbeat
    policy green
    lan pc 10.0.0.10:5001 > 203.0.113.7:80 tcp syn seq 1000 payload 0
        drop source-heartbeat
    policy heartbeat-else-reject
    lan guest 10.0.0.66:5000 > 203.0.113.7:53 udp
        out lan guest 10.0.0.1 > 10.0.0.66 unreachable 13 quoting 10.0.0.66:5000 > 203.0.113.7:53 udp ttl 64 ttl 64
        drop source-heartbeat
)");

GOLDEN("a machine that is isolated while its download runs gets a reset for its next segment", R"(
    policy green-else-reject
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp syn-ack
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp syn-ack ttl 63
    isolate pc
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp ack seq 7000 payload 100
        drop isolated-source
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp ack seq 1000 ack-number 7000
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp rst seq 7000 ttl 64
        drop isolated-source
    lan pc 10.0.0.10:5002 > 203.0.113.7:443 tcp syn seq 5 payload 0
        out lan pc 203.0.113.7:443 > 10.0.0.10:5002 tcp rst-ack ack-number 6 ttl 64
        drop isolated-source
    green pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp ack seq 1000 ack-number 7000
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp ack ttl 63
)");

GOLDEN("a machine with somebody else's address gets no answer that would be somebody else's", R"(
    policy green-else-reject
    isolate pc
    lan intruder 10.0.0.10:5000 > 203.0.113.7:80 tcp syn seq 1000 payload 0
        drop spoofed-address
)");

GOLDEN("nobody on the WAN learns that a rule rejects", R"(
    policy reject
    wan router [2001:db8:ffff::7]:4000 > [2001:db8:1::10]:22 tcp syn seq 1
        drop unsolicited
    policy wan-open-else-reject
    isolate pc
    wan router [2001:db8:ffff::7]:4000 > [2001:db8:1::10]:22 tcp syn seq 1
        drop isolated-destination
)");

GOLDEN_WITH((WorldOptions{.lan_vlan = 7}), "answers go back with the tag that the packet came with", R"(
    policy reject
    lan guest 10.0.0.66:5000 > 203.0.113.7:80 tcp syn seq 1000 payload 0 vlan 7
        out lan guest vlan 7 203.0.113.7:80 > 10.0.0.66:5000 tcp rst-ack ack-number 1001 ttl 64
        drop rule-reject
)");

namespace {

// How many of `count` packets of this kind are answered within a millisecond.
unsigned answered(World& world, const std::string& script_kind, unsigned count) {
    const std::uint64_t before = world.worker->counters().generated.load();
    const Words words{"10.0.0.66:5000", ">", "203.0.113.7:53", script_kind};
    for (unsigned i = 0; i < count; ++i) {
        world.receive(
            test::kLanZone,
            {build_frame(world.machines["gateway-lan"], world.machines["guest"], words,
                         [](const std::string& word) { return static_cast<std::uint16_t>(std::stoul(word)); })});
    }
    return static_cast<unsigned>(world.worker->counters().generated.load() - before);
}

}  // namespace

TEST_CASE("answers are bounded in rate, each kind by itself, and the packets are dropped all the same") {
    World world;
    heartgate::v1::Policy policy;
    heartgate::v1::Rule& rule = *policy.add_rules();
    rule.set_id(1);
    rule.set_action(heartgate::v1::REJECT);
    world.load_policy(policy);
    world.gate->set_ready(true);
    // What is in the bucket, and once more what it has earned while nobody looked.
    CHECK(answered(world, "udp", 3 * IcmpLimit::kMost) == 2 * IcmpLimit::kMost);
    CHECK(answered(world, "tcp", 3 * ResetLimit::kMost) == 2 * ResetLimit::kMost);
    const auto& drops = world.worker->counters().drop(heartgate::contract::DropReason::kRuleReject);
    CHECK(drops.load() == 3 * IcmpLimit::kMost + 3 * ResetLimit::kMost);
    world.now_ms += 10;
    CHECK(answered(world, "udp", 3) == 1);
    CHECK(answered(world, "tcp", 20) == 10);
}
