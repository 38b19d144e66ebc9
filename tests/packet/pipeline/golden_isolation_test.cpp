// SPDX-License-Identifier: Apache-2.0
// Who may pass. Each "must not" comes after the same packet has passed.
#include <catch2/catch.hpp>

#include "script.h"

GOLDEN("an isolated endpoint's established flow stops at the next burst, in both directions, and goes on after release",
       R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp syn-ack
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp syn-ack ttl 63
    isolate pc
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp ack
        drop isolated-source
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp ack
        drop isolated-source
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp ack + router 203.0.113.7:80 > 198.51.100.1:nat tcp ack
        drop isolated-source
        drop isolated-source
    green pc
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp ack
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp ack ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp ack
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp ack ttl 63
)");

GOLDEN("an isolated endpoint's IPv6 flow stops as well", R"(
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp
        out wan router [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp ttl 63
    isolate pc
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp
        drop isolated-source
    wan router [2001:db8:ffff::7]:53 > [2001:db8:1::10]:5000 udp
        drop isolated-source
)");

GOLDEN("an isolated endpoint opens no flow, another one does not notice", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    isolate pc
    lan pc 10.0.0.10:5001 > 203.0.113.7:53 udp
        drop isolated-source
    lan other 10.0.0.11:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
)");

GOLDEN("isolated, an endpoint reaches the remediation list and nothing else", R"(
    isolate pc
    lan pc 10.0.0.10:5000 > 203.0.113.99:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.99:80 tcp syn ttl 63
    wan router 203.0.113.99:80 > 198.51.100.1:nat tcp syn-ack
        out lan pc 203.0.113.99:80 > 10.0.0.10:5000 tcp syn-ack ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.98:80 tcp syn
        drop isolated-source
)");

GOLDEN("nobody on the LAN reaches an isolated neighbour through the gateway, on open flows either", R"(
    lan other 10.0.0.11:5000 > 10.0.0.10:445 tcp syn
        out lan pc 10.0.0.11:5000 > 10.0.0.10:445 tcp syn ttl 63
    isolate pc
    lan other 10.0.0.11:5000 > 10.0.0.10:445 tcp ack
        drop isolated-destination
    lan pc 10.0.0.10:445 > 10.0.0.11:5000 tcp ack
        drop isolated-destination
    lan other 10.0.0.11:5001 > 10.0.0.10:445 tcp syn
        drop isolated-destination
    lan pc 10.0.0.10:5002 > 10.0.0.11:445 tcp syn
        drop isolated-source
)");

GOLDEN("minimum green: YELLOW, RED and MISSING stop, also on an open flow; ASLEEP goes by its colour", R"(
    policy green
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    yellow pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop source-heartbeat
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        drop source-heartbeat
    red pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop source-heartbeat
    missing pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop source-heartbeat
    asleep pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    asleep-yellow pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop source-heartbeat
    green pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
)");

GOLDEN("minimum yellow: YELLOW passes, RED and MISSING stop", R"(
    policy yellow
    yellow pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    red pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop source-heartbeat
    missing pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop source-heartbeat
    yellow pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
)");

GOLDEN("minimum none: every colour passes, and MISSING", R"(
    red pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    missing pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
)");

GOLDEN("require_heartbeat: a machine without an agent never passes, one whose heartbeats stop no longer", R"(
    policy heartbeat
    lan guest 10.0.0.66:5000 > 203.0.113.7:53 udp
        drop source-heartbeat
    lan guest [2001:db8:1::66]:5000 > [2001:db8:ffff::7]:53 udp
        drop source-heartbeat
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    missing pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop source-heartbeat
    asleep pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop source-heartbeat
    never pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop source-heartbeat
    green pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
)");

GOLDEN("without require_heartbeat a machine without an agent passes minimum green", R"(
    policy green
    lan guest 10.0.0.66:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
)");

GOLDEN("a condition on the destination stops packets to it", R"(
    policy destination-green
    lan pc 10.0.0.10:5000 > 10.0.0.11:445 tcp syn
        out lan other 10.0.0.10:5000 > 10.0.0.11:445 tcp syn ttl 63
    yellow other
    lan pc 10.0.0.10:5000 > 10.0.0.11:445 tcp ack
        drop destination-heartbeat
    lan other 10.0.0.11:445 > 10.0.0.10:5000 tcp ack
        drop destination-heartbeat
    lan pc 10.0.0.10:5001 > 10.0.0.11:445 tcp syn
        drop destination-heartbeat
)");

GOLDEN("a time-limited permit outranks the colour", R"(
    policy green
    red pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop source-heartbeat
    permit pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
)");

GOLDEN("open flows are decided anew when the policy changes", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    policy drop
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp ack
        drop rule-drop
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp ack
        drop rule-drop
    policy nothing
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp ack
        drop default-drop
    policy any
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp ack
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp ack ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp ack
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp ack ttl 63
)");

GOLDEN("without a policy, and before the endpoint states are loaded, no transit passes", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    policy none
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop not-ready
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        drop not-ready
    policy any
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    not-ready
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop not-ready
    lan pc 10.0.0.10:5001 > 203.0.113.7:53 udp
        drop not-ready
)");

GOLDEN("a foreign MAC with a bound address is a spoof, on an open flow too, and does not harm the flow", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan intruder 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop spoofed-address
    lan intruder 10.0.0.10:5001 > 203.0.113.7:53 udp
        drop spoofed-address
    lan other 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop spoofed-address
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        out lan pc 203.0.113.7:53 > 10.0.0.10:5000 udp ttl 63
)");

GOLDEN("a neighbour that takes over a flow of an isolated machine's own address does not receive for it", R"(
    resolve 10.0.0.77 pc
    lan pc 10.0.0.77:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        out lan pc 203.0.113.7:53 > 10.0.0.77:5000 udp ttl 63
    isolate pc
    lan pc 10.0.0.77:5000 > 203.0.113.7:53 udp
        drop isolated-source
    lan other 10.0.0.77:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        drop spoofed-address
)");

GOLDEN("what Linux sends to an address goes by the machine that gets it", R"(
    resolve 10.0.0.11 pc
    linux lan pc 10.0.0.1:8080 > 10.0.0.11:5000 udp
        out lan pc 10.0.0.1:8080 > 10.0.0.11:5000 udp ttl 64
    isolate pc
    linux lan pc 10.0.0.1:8081 > 10.0.0.11:5000 udp
        drop isolated-destination
)");

GOLDEN("another source address gets an isolated endpoint nowhere", R"(
    lan pc 10.0.0.77:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    isolate pc
    lan pc 10.0.0.77:5000 > 203.0.113.7:53 udp
        drop isolated-source
    lan pc 10.0.0.78:5000 > 203.0.113.7:53 udp
        drop isolated-source
    lan pc 10.0.0.11:5000 > 203.0.113.7:53 udp
        drop spoofed-address
    lan pc [2001:db8:1::77]:5000 > [2001:db8:ffff::7]:53 udp
        drop isolated-source
)");

GOLDEN("an isolated endpoint cannot take over the flow of a machine without an agent", R"(
    lan guest 10.0.0.66:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    isolate pc
    lan pc 10.0.0.66:5000 > 203.0.113.7:53 udp
        drop isolated-source
    lan guest 10.0.0.66:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
)");

GOLDEN("answers do not follow an address that another endpoint has taken over by ARP", R"(
    lan guest 10.0.0.66:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        out lan guest 203.0.113.7:53 > 10.0.0.66:5000 udp ttl 63
    isolate pc
    resolve 10.0.0.66 pc
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        drop spoofed-address
    resolve 10.0.0.66 guest
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        out lan guest 203.0.113.7:53 > 10.0.0.66:5000 udp ttl 63
    resolve 10.0.0.11 intruder
    lan guest 10.0.0.66:5000 > 10.0.0.11:445 tcp syn
        drop spoofed-address
)");

GOLDEN("answers do not go to another endpoint that had taken over the address before the flow began", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        out lan pc 203.0.113.7:53 > 10.0.0.10:5000 udp ttl 63
    resolve 10.0.0.10 other
    lan pc 10.0.0.10:5001 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        drop spoofed-address
)");

GOLDEN("an isolated machine cannot answer the WAN for an address that is bound to nobody", R"(
    policy wan-open
    resolve 2001:db8:1::66 guest
    wan router [2001:db8:ffff::7]:5000 > [2001:db8:1::66]:80 tcp syn
        out lan guest [2001:db8:ffff::7]:5000 > [2001:db8:1::66]:80 tcp syn ttl 63
    isolate pc
    lan pc [2001:db8:1::66]:80 > [2001:db8:ffff::7]:5000 tcp syn-ack
        drop isolated-destination
    lan other [2001:db8:1::66]:80 > [2001:db8:ffff::7]:5000 tcp syn-ack
        drop spoofed-address
    lan guest [2001:db8:1::66]:80 > [2001:db8:ffff::7]:5000 tcp syn-ack
        out wan router [2001:db8:1::66]:80 > [2001:db8:ffff::7]:5000 tcp syn-ack ttl 63
)");

GOLDEN("an isolated machine does not hide behind a neighbour entry that is gone", R"(
    policy wan-open
    resolve 2001:db8:1::77 pc
    wan router [2001:db8:ffff::7]:5000 > [2001:db8:1::77]:80 tcp syn
        out lan pc [2001:db8:ffff::7]:5000 > [2001:db8:1::77]:80 tcp syn ttl 63
    lan pc [2001:db8:1::77]:80 > [2001:db8:ffff::7]:5000 tcp syn-ack
        out wan router [2001:db8:1::77]:80 > [2001:db8:ffff::7]:5000 tcp syn-ack ttl 63
    forget 2001:db8:1::77
    isolate pc
    lan pc [2001:db8:1::77]:80 > [2001:db8:ffff::7]:5000 tcp ack
        drop isolated-destination
)");

GOLDEN("a machine that enrols while it answers another one goes on answering", R"(
    policy any
    lan pc 10.0.0.10:5000 > 10.0.0.66:445 tcp syn
        out lan guest 10.0.0.10:5000 > 10.0.0.66:445 tcp syn ttl 63
    lan guest 10.0.0.66:445 > 10.0.0.10:5000 tcp syn-ack
        out lan pc 10.0.0.66:445 > 10.0.0.10:5000 tcp syn-ack ttl 63
    bind other guest 10.0.0.66
    lan guest 10.0.0.66:445 > 10.0.0.10:5000 tcp ack
        out lan pc 10.0.0.66:445 > 10.0.0.10:5000 tcp ack ttl 63
    isolate other
    lan guest 10.0.0.66:445 > 10.0.0.10:5000 tcp ack
        drop isolated-destination
)");

GOLDEN("another MAC gets a machine nowhere where a heartbeat is required", R"(
    policy heartbeat
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    isolate pc
    lan intruder 10.0.0.99:5000 > 203.0.113.7:53 udp
        drop source-heartbeat
    lan intruder 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop spoofed-address
)");

GOLDEN("a machine that turns out to be an isolated endpoint is cut off on its open flows", R"(
    isolate other
    lan guest 10.0.0.66:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    bind other guest 10.0.0.66
    lan guest 10.0.0.66:5000 > 203.0.113.7:53 udp
        drop isolated-source
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        drop isolated-source
)");

GOLDEN("an address that moves to another endpoint takes no verdict along", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    isolate other
    bind other other 10.0.0.10
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop spoofed-address
    lan other 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop isolated-source
)");

GOLDEN("an unbound MAC that changes keeps its flow if it may pass", R"(
    lan guest 10.0.0.66:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan intruder 10.0.0.66:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
)");
