// SPDX-License-Identifier: Apache-2.0
// What one machine sends too much of costs that machine, not the others.
#include <catch2/catch.hpp>

#include "script.h"

namespace {

using heartgate::dataplane::test::WorldOptions;

// per second: neighbour, DHCP, heartbeat SYN, heartbeat, other, answer
const WorldOptions kSlow{.punt_rates = {.rates = {{{2, 4}, {1, 4}, {1, 4}, {2, 4}, {2, 4}, {3, 4}}}}};

const WorldOptions kFewFlows{.quota = {.flows = 3, .unanswered = 2}};
const WorldOptions kSlowToOpen{.new_flows_per_second = 2};

}  // namespace

GOLDEN_WITH(kSlow, "a machine that floods with ARP does not take the others' share", R"(
    lan pc 10.0.0.10 > 10.0.0.1 arp
        punt lan arp
    lan pc 10.0.0.10 > 10.0.0.2 arp
        punt lan arp
    lan pc 10.0.0.10 > 10.0.0.3 arp + pc 10.0.0.10 > 10.0.0.4 arp + pc 10.0.0.10 > 10.0.0.5 arp
        drop punt-rate
        drop punt-rate
        drop punt-rate
    lan other 10.0.0.11 > 10.0.0.1 arp
        punt lan arp
    lan pc 10.0.0.10:5000 > 192.0.2.1:8347 tcp syn
        punt lan 10.0.0.10:5000 > 192.0.2.1:8347 tcp syn ttl 64
    wait 499
    lan pc 10.0.0.10 > 10.0.0.1 arp
        drop punt-rate
    wait 1
    lan pc 10.0.0.10 > 10.0.0.1 arp
        punt lan arp
    lan pc 10.0.0.10 > 10.0.0.1 arp
        drop punt-rate
)");

GOLDEN_WITH(kSlow, "made-up MAC addresses exhaust the share of unknown machines alone", R"(
    lan guest 10.0.0.66 > 10.0.0.1 arp + guest 10.0.0.66 > 10.0.0.1 arp
        punt lan arp
        punt lan arp
    lan intruder 10.0.0.99 > 10.0.0.1 arp + intruder 10.0.0.99 > 10.0.0.1 arp
        punt lan arp
        punt lan arp
    lan router 10.0.0.98 > 10.0.0.1 arp
        drop punt-rate
    lan pc 10.0.0.10 > 10.0.0.1 arp
        punt lan arp
    wan router 198.51.100.254 > 198.51.100.1 arp
        punt wan arp
)");

GOLDEN_WITH(kSlow, "new connections to the heartbeat address are limited, running ones go on", R"(
    lan pc 10.0.0.10:5000 > 192.0.2.1:8347 tcp syn
        punt lan 10.0.0.10:5000 > 192.0.2.1:8347 tcp syn ttl 64
    lan pc 10.0.0.10:5001 > 192.0.2.1:8347 tcp syn
        drop punt-rate
    lan pc 10.0.0.10:5000 > 192.0.2.1:8347 tcp ack
        punt lan 10.0.0.10:5000 > 192.0.2.1:8347 tcp ack ttl 64
    lan other 10.0.0.11:5000 > 192.0.2.1:8347 tcp syn
        punt lan 10.0.0.11:5000 > 192.0.2.1:8347 tcp syn ttl 64
)");

GOLDEN_WITH(kSlow, "answers to the appliance's own connections are limited, also errors about them and fragments", R"(
    linux wan router 198.51.100.1:40000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 64
    wan router 203.0.113.7:53 > 198.51.100.1:40000 udp
        punt wan 203.0.113.7:53 > 198.51.100.1:nat udp ttl 64
    wan router 203.0.113.7:53 > 198.51.100.1:40000 udp payload 40 id 9 from 0 to 24
        punt wan 203.0.113.7:53 > 198.51.100.1:nat udp 0-24 ttl 64
    wan router 203.0.113.7:53 > 198.51.100.1:40000 udp payload 40 id 9 from 24
        punt wan 203.0.113.7 > 198.51.100.1 protocol 17 24-48 last ttl 64
    wan router 203.0.113.7:53 > 198.51.100.1:40000 udp
        drop punt-rate
    wan router 203.0.113.7 > 198.51.100.1 unreachable code 3 quoting 198.51.100.1:40000 > 203.0.113.7:53 udp
        drop punt-rate
    wan router 203.0.113.7:53 > 198.51.100.1:40000 udp payload 40 id 10 from 0 to 24
        drop punt-rate
    wait 334
    wan router 203.0.113.7:53 > 198.51.100.1:40000 udp
        punt wan 203.0.113.7:53 > 198.51.100.1:nat udp ttl 64
)");

GOLDEN_WITH(kSlow, "DHCP and DNS have limits of their own", R"(
    lan to everybody guest 0.0.0.0:68 > 255.255.255.255:67 udp
        punt lan 0.0.0.0:68 > 255.255.255.255:67 udp ttl 64
    lan to everybody guest 0.0.0.0:68 > 255.255.255.255:67 udp
        drop punt-rate
    lan pc 10.0.0.10:5000 > 10.0.0.1:53 udp
        punt lan 10.0.0.10:5000 > 10.0.0.1:53 udp ttl 64
    lan pc 10.0.0.10:5001 > 10.0.0.1:53 udp
        punt lan 10.0.0.10:5001 > 10.0.0.1:53 udp ttl 64
    lan pc 10.0.0.10:7 > 10.0.0.1 echo
        drop punt-rate
    lan pc 10.0.0.10 > 10.0.0.1 arp
        punt lan arp
)");

GOLDEN_WITH(kFewFlows, "a machine holds so many flows, and of these so many that nobody answers; others go on", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        out lan pc 203.0.113.7:53 > 10.0.0.10:5000 udp ttl 63
    lan pc 10.0.0.10:5001 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc [2001:db8:1::10]:5002 > [2001:db8:ffff::7]:80 tcp syn
        out wan router [2001:db8:1::10]:5002 > [2001:db8:ffff::7]:80 tcp syn ttl 63
    lan pc 10.0.0.10:5003 > 203.0.113.7:53 udp
        drop source-quota
    lan pc 10.0.0.10:5001 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan other 10.0.0.11:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan guest 10.0.0.66:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan guest 10.0.0.66:5001 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan guest 10.0.0.67:5002 > 203.0.113.7:53 udp
        drop source-quota
)");

GOLDEN_WITH(kFewFlows,
            "a connection whose handshake is not complete counts as unanswered, and flows that end give room", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp syn-ack
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp syn-ack ttl 63
    lan pc 10.0.0.10:5001 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5002 > 203.0.113.7:53 udp
        drop source-quota
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp ack
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp ack ttl 63
    lan pc 10.0.0.10:5002 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5003 > 203.0.113.7:53 udp
        drop source-quota
    wait 126000
    loop
    loop
    loop
    lan pc 10.0.0.10:5003 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
)");

GOLDEN_WITH(kSlowToOpen, "a machine opens flows so fast and no faster, while its own flows and others' new ones go on",
            R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp + pc 10.0.0.10:5001 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5002 > 203.0.113.7:53 udp
        drop new-flow-rate
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan other 10.0.0.11:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wait 500
    lan pc 10.0.0.10:5002 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5003 > 203.0.113.7:53 udp
        drop new-flow-rate
)");

GOLDEN("a forged reset ends no connection that goes on, one that stays silent ends", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp syn-ack
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp syn-ack ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp ack
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp ack ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp rst
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp rst ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp ack
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp ack ttl 63
    wait 300000
    loop
    loop
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp ack
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp ack ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp rst
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp rst ttl 63
    wait 300000
    loop
    loop
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp ack
        drop unsolicited
)");

GOLDEN("both sides may open at once and close at once", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp syn
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp syn ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn-ack
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn-ack ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp syn-ack
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp syn-ack ttl 63
    wait 300000
    loop
    loop
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp fin
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp fin ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp fin
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp fin ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp ack
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp ack ttl 63
    wait 300000
    loop
    loop
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp ack
        drop unsolicited
)");
