// SPDX-License-Identifier: Apache-2.0
// Zones on one port: the LAN untagged, guests and servers with a VLAN tag each. Between them packets are forwarded
// under the rules and untranslated; a tag makes nobody somebody else.
#include <catch2/catch.hpp>

#include "script.h"

GOLDEN("a machine of a VLAN reaches the internet, and the answer comes back with its tag", R"(
    lan guest 10.0.20.66:5000 > 203.0.113.7:53 udp vlan 20
        drop default-drop
    policy from-any
    lan guest 10.0.20.66:5000 > 203.0.113.7:53 udp vlan 20
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        out lan guest vlan 20 203.0.113.7:53 > 10.0.20.66:5000 udp ttl 63
)");

GOLDEN("rules name zones: what one zone may, another may not", R"(
    policy from-guests
    lan guest 10.0.20.66:5000 > 203.0.113.7:53 udp vlan 20
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop default-drop
)");

GOLDEN("between two zones inside nothing is translated", R"(
    policy to-servers
    lan pc 10.0.0.10:5000 > 10.0.30.30:80 tcp syn
        out lan server vlan 30 10.0.0.10:5000 > 10.0.30.30:80 tcp syn ttl 63
    lan server 10.0.30.30:80 > 10.0.0.10:5000 tcp syn-ack vlan 30
        out lan pc 10.0.30.30:80 > 10.0.0.10:5000 tcp syn-ack ttl 63
    lan guest 10.0.20.66:5000 > 10.0.30.30:80 tcp syn vlan 20
        out lan server vlan 30 10.0.20.66:5000 > 10.0.30.30:80 tcp syn ttl 63
    lan server 10.0.30.30:5000 > 10.0.0.10:80 tcp syn vlan 30
        drop default-drop
)");

GOLDEN("health counts between zones, on both sides and on established flows", R"(
    policy to-servers
    bind other server 10.0.30.30
    lan pc 10.0.0.10:5000 > 10.0.30.30:80 tcp syn
        out lan server vlan 30 10.0.0.10:5000 > 10.0.30.30:80 tcp syn ttl 63
    lan server 10.0.30.30:80 > 10.0.0.10:5000 tcp syn-ack vlan 30
        out lan pc 10.0.30.30:80 > 10.0.0.10:5000 tcp syn-ack ttl 63
    isolate other
    lan pc 10.0.0.10:5000 > 10.0.30.30:80 tcp ack
        drop isolated-destination
    lan server 10.0.30.30:80 > 10.0.0.10:5000 tcp ack vlan 30
        drop isolated-destination
    green other
    lan pc 10.0.0.10:5000 > 10.0.30.30:80 tcp ack
        out lan server vlan 30 10.0.0.10:5000 > 10.0.30.30:80 tcp ack ttl 63
    isolate pc
    lan server 10.0.30.30:80 > 10.0.0.10:5000 tcp ack vlan 30
        drop isolated-source
)");

GOLDEN("an isolated machine that tags itself into another VLAN gains nothing", R"(
    policy from-any
    lan pc 10.0.20.10:5000 > 203.0.113.7:53 udp vlan 20
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    isolate pc
    lan pc 10.0.20.10:5000 > 203.0.113.7:53 udp vlan 20
        drop isolated-source
    lan pc 10.0.20.10:5001 > 203.0.113.7:53 udp vlan 20
        drop isolated-source
    lan pc 10.0.20.11:5001 > 10.0.30.30:53 udp vlan 20
        drop isolated-source
    lan pc 10.0.0.10:5001 > 203.0.113.7:53 udp vlan 30
        drop bad-source
    lan pc 10.0.20.10:5001 > 10.0.20.1:53 udp vlan 20
        drop isolated-source
)");

GOLDEN("an address of another zone is no source, whatever the tag", R"(
    policy from-any
    lan guest 10.0.0.66:5000 > 203.0.113.7:53 udp vlan 20
        drop bad-source
    lan guest 10.0.20.66:5000 > 203.0.113.7:53 udp
        drop bad-source
    lan guest 10.0.20.66:5000 > 203.0.113.7:53 udp vlan 30
        drop bad-source
    lan guest 10.0.20.66:5000 > 203.0.113.7:53 udp vlan 20
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
)");

GOLDEN("an address bound in one zone is a spoof from a machine of another", R"(
    policy from-any
    lan guest 10.0.0.10:5000 > 203.0.113.7:53 udp vlan 20
        drop spoofed-address
    lan guest 10.0.20.66:5000 > 203.0.113.7:53 udp vlan 20
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
)");

GOLDEN("a flow belongs to the VLAN that it began in", R"(
    policy to-servers
    lan guest 10.0.20.66:5000 > 10.0.30.30:80 tcp syn vlan 20
        out lan server vlan 30 10.0.20.66:5000 > 10.0.30.30:80 tcp syn ttl 63
    lan server 10.0.30.30:80 > 10.0.20.66:5000 tcp syn-ack
        drop bad-source
    lan server 10.0.30.30:80 > 10.0.20.66:5000 tcp syn-ack vlan 30
        out lan guest vlan 20 10.0.30.30:80 > 10.0.20.66:5000 tcp syn-ack ttl 63
)");

GOLDEN("the appliance is punted to by the interface of the zone", R"(
    lan guest 10.0.20.66 > 10.0.20.1 echo vlan 20
        punt guests vlan 20 10.0.20.66 > 10.0.20.1 echo ttl 64
    lan guest 10.0.20.66:5000 > 192.0.2.1:8347 tcp syn vlan 20
        punt guests vlan 20 10.0.20.66:5000 > 192.0.2.1:8347 tcp syn ttl 64
    lan pc 10.0.0.10 > 10.0.0.1 echo
        punt lan 10.0.0.10 > 10.0.0.1 echo ttl 64
)");

GOLDEN("what Linux sends to a zone leaves with its tag, and the answer is let in by it alone", R"(
    linux guests guest 10.0.20.1:5000 > 10.0.20.66:80 tcp syn vlan 20
        out lan guest vlan 20 10.0.20.1:5000 > 10.0.20.66:80 tcp syn ttl 64
    lan guest 10.0.20.66:80 > 10.0.20.1:5000 tcp syn-ack
        drop local-in
    lan guest 10.0.20.66:80 > 10.0.20.1:5000 tcp syn-ack vlan 20
        punt guests vlan 20 10.0.20.66:80 > 10.0.20.1:5000 tcp syn-ack ttl 64
    linux guests guest 10.0.20.1:5001 > 10.0.20.66:80 tcp syn vlan 30
        drop unknown-vlan
)");

GOLDEN("tags that no zone has are dropped, on every port", R"(
    policy from-any
    lan guest 10.0.20.66:5000 > 203.0.113.7:53 udp vlan 21
        drop unknown-vlan
    wan router 203.0.113.7:53 > 198.51.100.1:5000 udp vlan 20
        drop unknown-vlan
    lan guest 10.0.20.66:5000 > 203.0.113.7:53 udp vlan 20 tag-in-tag
        drop unknown-vlan
)");
