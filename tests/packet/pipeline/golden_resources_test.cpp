// SPDX-License-Identifier: Apache-2.0
// Routes, neighbours, and what happens when something runs out.
#include <catch2/catch.hpp>

#include "script.h"

GOLDEN("destinations to which no route leads", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5000 > 198.18.0.1:53 udp
        drop no-route
    lan pc 10.0.0.10:5000 > 127.0.0.1:53 udp
        drop no-route
    lan pc 10.0.0.10:5000 > 0.0.0.0:53 udp
        drop no-route
    lan pc 10.0.0.10:5000 > 240.0.0.1:53 udp
        drop no-route
    lan pc 10.0.0.10:5000 > 169.254.169.254:80 tcp syn
        drop no-route
    lan pc [2001:db8:1::10]:5000 > [::1]:53 udp
        drop no-route
    unroute 0.0.0.0/0
    lan pc 10.0.0.10:5001 > 203.0.113.7:53 udp
        drop no-route
)");

GOLDEN("packets wait for their next hop, then leave in order", R"(
    forget 198.51.100.254
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        held
    lan pc 10.0.0.10:5001 > 203.0.113.7:80 tcp syn
        held
    loop
    resolve 198.51.100.254 router
    loop
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    loop
)");

GOLDEN("a packet of an open flow waits for its next hop, too", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    forget 10.0.0.10
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        held
    resolve 10.0.0.10 pc
    loop
        out lan pc 203.0.113.7:53 > 10.0.0.10:5000 udp ttl 63
)");

GOLDEN("a held packet is decided again when it is released", R"(
    forget 198.51.100.254
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        held
    lan other 10.0.0.11:5000 > 203.0.113.7:53 udp
        held
    isolate pc
    resolve 198.51.100.254 router
    loop
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
        drop isolated-source
)");

GOLDEN("a neighbour that does not answer in time costs the packets that waited", R"(
    forget 198.51.100.254
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        held
    wait 2999
    loop
    wait 1
    loop
        drop no-neighbour
)");

GOLDEN("only a few packets wait for one neighbour, and others are not hindered", R"(
    forget 198.51.100.254
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        held
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        held
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        held
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        held
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop hold-queue-full
    lan pc 10.0.0.10:5000 > 198.51.100.9:53 udp
        held
)");

GOLDEN("without a WAN address nothing is translated", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    no-wan-address
    lan pc 10.0.0.10:5001 > 203.0.113.7:53 udp
        drop no-nat-port
)");

static const heartgate::dataplane::test::WorldOptions kTwoPorts{.nat_ports = {.first = 2000, .last = 2001}};

GOLDEN_WITH(kTwoPorts, "without a free port nothing is translated", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5001 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5002 > 203.0.113.7:53 udp
        drop no-nat-port
    lan pc 10.0.0.10:5002 > 203.0.113.7:53 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:53 tcp syn ttl 63
)");

static const heartgate::dataplane::test::WorldOptions kTwoFlows{.ipv4_flows = 2};

GOLDEN_WITH(kTwoFlows, "a full table takes no new flow, keeps the old ones, and frees nobody who is isolated", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5001 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5002 > 203.0.113.7:53 udp
        drop flow-table-full
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    isolate pc
    lan pc 10.0.0.10:5002 > 203.0.113.7:53 udp
        drop isolated-source
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop isolated-source
)");

static const heartgate::dataplane::test::WorldOptions kNoWan{.wan_exists = false};

GOLDEN_WITH(kNoWan, "a port that takes nothing costs the packet", R"(
    lan pc 10.0.0.10:5000 > 10.0.0.11:53 udp
        out lan other 10.0.0.10:5000 > 10.0.0.11:53 udp ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop tx-full
)");

GOLDEN("a silent flow ends; what comes later is unsolicited", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wait 119000
    loop
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        out lan pc 203.0.113.7:53 > 10.0.0.10:5000 udp ttl 63
    wait 90000
    loop
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        out lan pc 203.0.113.7:53 > 10.0.0.10:5000 udp ttl 63
    wait 160000
    loop
    loop
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        drop unsolicited
)");

static const heartgate::dataplane::test::WorldOptions kTwoPerHost{.nat_ports = {.per_host = 2}};

GOLDEN_WITH(kTwoPerHost, "a machine with all the NAT ports it may have gets no more, others do", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5001 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5002 > 203.0.113.7:53 udp
        drop nat-quota
    lan pc 10.0.0.10:5001 > 203.0.113.8:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.8:53 udp ttl 63
    lan other 10.0.0.11:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
)");
