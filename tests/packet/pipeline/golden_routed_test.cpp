// SPDX-License-Identifier: Apache-2.0
// A routed zone: all its machines have the MAC address of the layer 3 switch, so that the IP address alone says who it
// is. `nobody` as a MAC address binds an address alone.
#include <catch2/catch.hpp>

#include "script.h"

GOLDEN("behind a layer 3 switch the address alone says who it is", R"(
    policy from-any-heartbeat
    lan switch 10.8.0.5:5000 > 203.0.113.7:53 udp vlan 40
        drop source-heartbeat
    bind pc nobody 10.8.0.5
    lan switch 10.8.0.5:5000 > 203.0.113.7:53 udp vlan 40
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        out lan switch vlan 40 203.0.113.7:53 > 10.8.0.5:5000 udp ttl 63
    lan switch 10.8.0.6:5000 > 203.0.113.7:53 udp vlan 40
        drop source-heartbeat
)");

GOLDEN("behind a layer 3 switch an isolated machine is cut off on established flows, and its neighbours are not", R"(
    policy from-any-heartbeat
    bind pc nobody 10.8.0.5
    bind other nobody 10.8.0.6
    lan switch 10.8.0.5:5000 > 203.0.113.7:53 udp vlan 40
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    isolate pc
    lan switch 10.8.0.5:5000 > 203.0.113.7:53 udp vlan 40
        drop isolated-source
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        drop isolated-source
    lan switch 10.8.0.6:5000 > 203.0.113.7:53 udp vlan 40
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    green pc
    lan switch 10.8.0.5:5000 > 203.0.113.7:53 udp vlan 40
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
)");

GOLDEN("an isolated machine of an attached zone that tags itself into a routed one stays who it is", R"(
    policy from-any-heartbeat
    bind other nobody 10.8.0.6
    lan switch 10.8.0.6:5000 > 203.0.113.7:53 udp vlan 40
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    isolate pc
    lan pc 10.8.0.6:5001 > 203.0.113.7:53 udp vlan 40
        drop spoofed-address
    lan pc 10.8.0.7:5001 > 203.0.113.7:53 udp vlan 40
        drop isolated-source
)");

GOLDEN("an address of a routed zone comes from no other", R"(
    policy from-any-heartbeat
    bind pc nobody 10.8.0.5
    lan switch 10.8.0.5:5000 > 203.0.113.7:53 udp
        drop bad-source
    lan switch 10.8.0.5:5000 > 203.0.113.7:53 udp vlan 20
        drop bad-source
    lan switch 10.8.0.5:5000 > 203.0.113.7:53 udp vlan 40
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
)");

static const heartgate::dataplane::test::WorldOptions kSlow{.new_flows_per_second = 1};

GOLDEN_WITH(kSlow, "behind a layer 3 switch each address has a share of its own, not all of them one", R"(
    policy from-any
    lan switch 10.8.0.5:5000 > 203.0.113.7:53 udp vlan 40
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan switch 10.8.0.5:5001 > 203.0.113.7:53 udp vlan 40
        drop new-flow-rate
    lan switch 10.8.0.6:5000 > 203.0.113.7:53 udp vlan 40
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
)");

GOLDEN("the heartbeat address is reached from behind a layer 3 switch", R"(
    lan switch 10.8.0.5:5000 > 192.0.2.1:8347 tcp syn vlan 40
        punt campus vlan 40 10.8.0.5:5000 > 192.0.2.1:8347 tcp syn ttl 64
    isolate pc
    bind pc nobody 10.8.0.5
    lan switch 10.8.0.5:5000 > 192.0.2.1:8347 tcp syn vlan 40
        punt campus vlan 40 10.8.0.5:5000 > 192.0.2.1:8347 tcp syn ttl 64
    lan switch 10.8.0.5 > 10.0.40.1 echo vlan 40
        drop isolated-source
)");
