// SPDX-License-Identifier: Apache-2.0
// Destination NAT: published services, and machines of the LAN that reach each other by the WAN address (RFC 4787
// REQ-9, RFC 5382 REQ-8).
#include <catch2/catch.hpp>

#include "script.h"

GOLDEN("a published service is reached from the WAN, and its answers leave with the WAN address and port", R"(
    policy publish
    wan router 203.0.113.7:5000 > 198.51.100.1:443 tcp syn
        out lan other 203.0.113.7:5000 > 10.0.0.11:8443 tcp syn ttl 63
    lan other 10.0.0.11:8443 > 203.0.113.7:5000 tcp syn-ack
        out wan router 198.51.100.1:443 > 203.0.113.7:5000 tcp syn-ack ttl 63
    wan router 203.0.113.7:5000 > 198.51.100.1:443 tcp ack
        out lan other 203.0.113.7:5000 > 10.0.0.11:8443 tcp ack ttl 63
    wan router 203.0.113.7:5000 > 198.51.100.1:444 tcp syn
        drop unsolicited
    wan router 203.0.113.7:5000 > 198.51.100.1:443 udp
        drop unsolicited
    wan router 203.0.113.7:5001 > 198.51.100.1:443 tcp ack
        drop bad-tcp-state
)");

GOLDEN("a published service is for the sources that it names", R"(
    policy publish
    wan router 203.0.113.7:5000 > 198.51.100.1:500 udp
        out lan other 203.0.113.7:5000 > 10.0.0.11:500 udp ttl 63
    lan other 10.0.0.11:500 > 203.0.113.7:5000 udp
        out wan router 198.51.100.1:500 > 203.0.113.7:5000 udp ttl 63
    wan router 192.0.2.77:5000 > 198.51.100.1:500 udp
        drop unsolicited
)");

GOLDEN("without a rule that lets it in a published service is not reached", R"(
    policy publish-no-rule
    wan router 203.0.113.7:5000 > 198.51.100.1:443 tcp syn
        drop unsolicited
    policy publish
    wan router 203.0.113.7:5000 > 198.51.100.1:443 tcp syn
        out lan other 203.0.113.7:5000 > 10.0.0.11:8443 tcp syn ttl 63
)");

GOLDEN("an isolated server, or one that fails the rule's condition, is not reached, on open connections either", R"(
    policy publish
    wan router 203.0.113.7:5000 > 198.51.100.1:443 tcp syn
        out lan other 203.0.113.7:5000 > 10.0.0.11:8443 tcp syn ttl 63
    lan other 10.0.0.11:8443 > 203.0.113.7:5000 tcp syn-ack
        out wan router 198.51.100.1:443 > 203.0.113.7:5000 tcp syn-ack ttl 63
    isolate other
    wan router 203.0.113.7:5000 > 198.51.100.1:443 tcp ack
        drop isolated-destination
    lan other 10.0.0.11:8443 > 203.0.113.7:5000 tcp ack
        drop isolated-destination
    wan router 203.0.113.7:5001 > 198.51.100.1:443 tcp syn
        drop isolated-destination
    yellow other
    wan router 203.0.113.7:5000 > 198.51.100.1:443 tcp ack
        drop destination-heartbeat
    wan router 203.0.113.7:5001 > 198.51.100.1:443 tcp syn
        drop destination-heartbeat
    green other
    wan router 203.0.113.7:5000 > 198.51.100.1:443 tcp ack
        out lan other 203.0.113.7:5000 > 10.0.0.11:8443 tcp ack ttl 63
    wan router 203.0.113.7:5001 > 198.51.100.1:443 tcp syn
        out lan other 203.0.113.7:5001 > 10.0.0.11:8443 tcp syn ttl 63
)");

GOLDEN("a service that is no longer published is not reached, on open connections either", R"(
    policy publish
    wan router 203.0.113.7:5000 > 198.51.100.1:443 tcp syn
        out lan other 203.0.113.7:5000 > 10.0.0.11:8443 tcp syn ttl 63
    lan pc 10.0.0.10:6000 > 198.51.100.1:443 tcp syn
        out lan other 198.51.100.1:nat > 10.0.0.11:8443 tcp syn ttl 63
    policy wan-open
    wan router 203.0.113.7:5000 > 198.51.100.1:443 tcp ack
        drop unsolicited
    lan other 10.0.0.11:8443 > 203.0.113.7:5000 tcp syn-ack
        drop unsolicited
    wan router 203.0.113.7:5001 > 198.51.100.1:443 tcp syn
        drop unsolicited
    lan pc 10.0.0.10:6000 > 198.51.100.1:443 tcp ack
        drop local-in
)");

GOLDEN("a machine of the LAN reaches a published service by the WAN address; both ends are asked for their health", R"(
    policy publish
    lan pc 10.0.0.10:6000 > 198.51.100.1:443 tcp syn
        out lan other 198.51.100.1:nat > 10.0.0.11:8443 tcp syn ttl 63
    lan other 10.0.0.11:8443 > 198.51.100.1:nat tcp syn-ack
        out lan pc 198.51.100.1:443 > 10.0.0.10:6000 tcp syn-ack ttl 63
    isolate other
    lan pc 10.0.0.10:6000 > 198.51.100.1:443 tcp ack
        drop isolated-destination
    lan pc 10.0.0.10:6001 > 198.51.100.1:443 tcp syn
        drop isolated-destination
    green other
    isolate pc
    lan pc 10.0.0.10:6000 > 198.51.100.1:443 tcp ack
        drop isolated-source
    lan other 10.0.0.11:8443 > 198.51.100.1:nat tcp ack
        drop isolated-source
    lan pc 10.0.0.10:6001 > 198.51.100.1:443 tcp syn
        drop isolated-source
    green pc
    lan pc 10.0.0.10:6000 > 198.51.100.1:443 tcp ack
        out lan other 198.51.100.1:nat > 10.0.0.11:8443 tcp ack ttl 63
)");

GOLDEN(
    "hairpinning: a machine reaches another one by the WAN address and port that NAT gave it, and is seen by its own",
    R"(
    lan other 10.0.0.11:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:6000 > 198.51.100.1:nat udp
        out lan other 198.51.100.1:nat > 10.0.0.11:5000 udp ttl 63
    lan other 10.0.0.11:5000 > 198.51.100.1:nat udp
        out lan pc 198.51.100.1:nat > 10.0.0.10:6000 udp ttl 63
    lan pc 10.0.0.10:6000 > 198.51.100.1:9 udp
        drop local-in
)");

GOLDEN("hairpinning of TCP, and of ICMP errors about it", R"(
    lan other 10.0.0.11:5000 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    lan pc 10.0.0.10:6000 > 198.51.100.1:nat tcp syn
        out lan other 198.51.100.1:nat > 10.0.0.11:5000 tcp syn ttl 63
    lan other 10.0.0.11:5000 > 198.51.100.1:nat tcp syn-ack
        out lan pc 198.51.100.1:nat > 10.0.0.10:6000 tcp syn-ack ttl 63
    policy publish
    lan pc 10.0.0.10:7000 > 198.51.100.1:443 tcp syn
        out lan other 198.51.100.1:nat > 10.0.0.11:8443 tcp syn ttl 63
    lan other 10.0.0.11 > 198.51.100.1 unreachable code 3 quoting 198.51.100.1:nat > 10.0.0.11:8443 tcp syn
        out lan pc 198.51.100.1 > 10.0.0.10 unreachable 3 quoting 10.0.0.10:7000 > 198.51.100.1:443 tcp syn ttl 64 ttl 63
    lan pc 10.0.0.10 > 198.51.100.1 unreachable code 3 quoting 198.51.100.1:443 > 10.0.0.10:7000 tcp syn-ack
        out lan other 198.51.100.1 > 10.0.0.11 unreachable 3 quoting 10.0.0.11:8443 > 198.51.100.1:nat tcp syn-ack ttl 64 ttl 63
)");

GOLDEN("nobody who is isolated gets out or in by a hairpin, new or old", R"(
    lan other 10.0.0.11:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:6000 > 198.51.100.1:nat udp
        out lan other 198.51.100.1:nat > 10.0.0.11:5000 udp ttl 63
    isolate pc
    lan other 10.0.0.11:5000 > 198.51.100.1:nat udp
        drop isolated-source
    green pc
    lan other 10.0.0.11:5000 > 198.51.100.1:nat udp
        out lan pc 198.51.100.1:nat > 10.0.0.10:6000 udp ttl 63
    isolate other
    lan pc 10.0.0.10:6001 > 198.51.100.1:nat udp
        drop isolated-destination
    lan pc 10.0.0.10:6000 > 198.51.100.1:nat udp
        drop isolated-destination
    green other
    isolate pc
    lan pc 10.0.0.10:6001 > 198.51.100.1:nat udp
        drop isolated-source
    green pc
    policy destination-green
    yellow other
    lan pc 10.0.0.10:6001 > 198.51.100.1:nat udp
        drop destination-heartbeat
)");

GOLDEN("a hairpin needs a rule from LAN to LAN", R"(
    lan other 10.0.0.11:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    policy nothing
    lan pc 10.0.0.10:6000 > 198.51.100.1:nat udp
        drop default-drop
)");

GOLDEN("fragments to a published service go to it, and its answers come back", R"(
    policy publish
    wan router 203.0.113.7:5000 > 198.51.100.1:500 udp payload 40 id 7 from 0 to 24
        out lan other 203.0.113.7:5000 > 10.0.0.11:500 udp 0-24 ttl 63
    wan router 203.0.113.7:5000 > 198.51.100.1:500 udp payload 40 id 7 from 24
        out lan other 203.0.113.7 > 10.0.0.11 protocol 17 24-48 last ttl 63
    lan other 10.0.0.11:500 > 203.0.113.7:5000 udp payload 40 id 7 from 0 to 24
        out wan router 198.51.100.1:500 > 203.0.113.7:5000 udp 0-24 ttl 63
    lan other 10.0.0.11:500 > 203.0.113.7:5000 udp payload 40 id 7 from 24
        out wan router 198.51.100.1 > 203.0.113.7 protocol 17 24-48 last ttl 63
)");

GOLDEN("an ICMP error about a published service's packet is translated, both ways", R"(
    policy publish
    wan router 203.0.113.7:5000 > 198.51.100.1:500 udp
        out lan other 203.0.113.7:5000 > 10.0.0.11:500 udp ttl 63
    lan other 10.0.0.11 > 203.0.113.7 unreachable code 3 quoting 203.0.113.7:5000 > 10.0.0.11:500 udp
        out wan router 198.51.100.1 > 203.0.113.7 unreachable 3 quoting 203.0.113.7:5000 > 198.51.100.1:500 udp ttl 64 ttl 63
    lan other 10.0.0.11:500 > 203.0.113.7:5000 udp
        out wan router 198.51.100.1:500 > 203.0.113.7:5000 udp ttl 63
    wan router 203.0.113.7 > 198.51.100.1 unreachable code 3 quoting 198.51.100.1:500 > 203.0.113.7:5000 udp
        out lan other 203.0.113.7 > 10.0.0.11 unreachable 3 quoting 10.0.0.11:500 > 203.0.113.7:5000 udp ttl 64 ttl 63
)");

GOLDEN("packets to a published service wait for the machine's MAC", R"(
    policy publish
    forget 10.0.0.11
    wan router 203.0.113.7:5000 > 198.51.100.1:443 tcp syn
        held
    resolve 10.0.0.11 other
    loop
        out lan other 203.0.113.7:5000 > 10.0.0.11:8443 tcp syn ttl 63
)");
