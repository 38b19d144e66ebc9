// SPDX-License-Identifier: Apache-2.0
// ARP and Neighbour Discovery that Linux must not believe, each with the truth beside it.
#include <catch2/catch.hpp>

#include "script.h"

GOLDEN("ARP for the address of a connected machine is believed from that machine alone", R"(
    lan to everybody pc 10.0.0.10 > 10.0.0.1 arp
        punt lan arp
    lan to everybody other 10.0.0.10 > 10.0.0.1 arp
        drop spoofed-neighbour
    lan intruder 10.0.0.10 > 10.0.0.1 arp operation 2
        drop spoofed-neighbour
    lan to everybody intruder 10.0.0.10 > 10.0.0.10 arp
        drop spoofed-neighbour
    lan intruder 10.0.0.99 > 10.0.0.1 arp
        punt lan arp
)");

GOLDEN("ARP says the MAC that the frame comes from", R"(
    lan pc 10.0.0.10 > 10.0.0.1 arp link-address 0x99
        drop spoofed-neighbour
    lan pc 10.0.0.10 > 10.0.0.1 arp link-address 0x10
        punt lan arp
)");

GOLDEN("a machine with a new MAC is reachable once the one that had its address is gone", R"(
    lan intruder 10.0.0.10 > 10.0.0.1 arp
        drop spoofed-neighbour
    missing pc
    lan intruder 10.0.0.10 > 10.0.0.1 arp
        punt lan arp
    lan intruder 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop spoofed-address
)");

GOLDEN("the second interface of a machine may take over its address", R"(
    bind pc intruder 10.0.0.77
    lan intruder 10.0.0.10 > 10.0.0.1 arp
        punt lan arp
    lan guest 10.0.0.10 > 10.0.0.1 arp
        drop spoofed-neighbour
)");

GOLDEN("nobody claims an address of the appliance, on either side", R"(
    lan to everybody pc 10.0.0.1 > 10.0.0.1 arp
        drop own-address
    lan to everybody guest 192.0.2.1 > 192.0.2.1 arp
        drop own-address
    lan guest 198.51.100.1 > 10.0.0.1 arp operation 2
        drop own-address
    wan to everybody router 198.51.100.1 > 198.51.100.1 arp operation 2
        drop own-address
    wan to everybody router 198.51.100.254 > 198.51.100.1 arp
        punt wan arp
    lan pc 2001:db8:1::1 > 2001:db8:1::1 advertisement
        drop own-address
    lan to group pc 2001:db8:1::10 > ff02::1 advertisement target 2001:db8:1::1
        drop own-address
    wan to group router 2001:db8:2::fe > ff02::1 advertisement target 2001:db8:2::1
        drop own-address
    wan router 2001:db8:2::fe > 2001:db8:2::1 advertisement
        punt wan 2001:db8:2::fe > 2001:db8:2::1 icmp 136 ttl 255
)");

GOLDEN("an isolated machine takes no neighbour's address, but may get a new one", R"(
    lan pc 10.0.0.66 > 10.0.0.1 arp
        punt lan arp
    isolate pc
    lan pc 10.0.0.66 > 10.0.0.1 arp
        drop spoofed-neighbour
    lan pc 2001:db8:1::10 > 2001:db8:1::1 advertisement target 2001:db8:1::66
        drop spoofed-neighbour
    lan pc 10.0.0.10 > 10.0.0.1 arp
        punt lan arp
    lan pc 10.0.0.77 > 10.0.0.1 arp
        punt lan arp
)");

GOLDEN("a machine that asks whether an address is free claims nothing", R"(
    lan to everybody intruder 0.0.0.0 > 10.0.0.1 arp
        punt lan arp
    lan intruder 0.0.0.0 > 10.0.0.1 arp operation 2
        drop bad-neighbour
    lan to group intruder :: > ff02::1:ff00:1 solicitation
        punt lan :: > ff02::1:ff00:1 icmp 135 ttl 255
    lan to group intruder :: > ff02::1:ff00:1 solicitation link-address 0x99
        drop bad-neighbour
    lan intruder :: > ff02::1 solicitation
        drop bad-neighbour
)");

GOLDEN("ARP that no machine sends", R"(
    lan pc 10.0.0.10 > 10.0.0.1 arp operation 3
        drop bad-neighbour
    lan pc 127.0.0.1 > 10.0.0.1 arp
        drop bad-neighbour
    lan pc 224.0.0.1 > 10.0.0.1 arp
        drop bad-neighbour
    lan pc 203.0.113.7 > 10.0.0.1 arp
        drop bad-source
    lan guest 10.0.0.67 > 10.0.0.1 arp
        punt lan arp
)");

GOLDEN("neighbour discovery for the address of a connected machine is believed from that machine alone", R"(
    lan pc 2001:db8:1::10 > 2001:db8:1::1 solicitation
        punt lan 2001:db8:1::10 > 2001:db8:1::1 icmp 135 ttl 255
    lan other 2001:db8:1::10 > 2001:db8:1::1 solicitation
        drop spoofed-neighbour
    lan pc 2001:db8:1::10 > 2001:db8:1::1 solicitation link-address 0x99
        drop spoofed-neighbour
    lan pc 2001:db8:1::10 > 2001:db8:1::1 solicitation no-link-address
        punt lan 2001:db8:1::10 > 2001:db8:1::1 icmp 135 ttl 255
    lan pc 2001:db8:1::10 > 2001:db8:1::1 advertisement solicited
        punt lan 2001:db8:1::10 > 2001:db8:1::1 icmp 136 ttl 255
    lan pc 2001:db8:1::10 > 2001:db8:1::1 advertisement link-address 0x99
        drop spoofed-neighbour
    lan other 2001:db8:1::11 > 2001:db8:1::1 advertisement target 2001:db8:1::10
        drop spoofed-neighbour
    lan other 2001:db8:1::11 > 2001:db8:1::1 advertisement target 2001:db8:1::12
        punt lan 2001:db8:1::11 > 2001:db8:1::1 icmp 136 ttl 255
    lan to group other 2001:db8:1::10 > ff02::2 router-solicitation
        drop spoofed-neighbour
    lan to group other 2001:db8:1::11 > ff02::2 router-solicitation
        punt lan 2001:db8:1::11 > ff02::2 icmp 133 ttl 255
)");

GOLDEN("neighbour discovery that is not valid by RFC 4861", R"(
    lan pc 2001:db8:1::10 > 2001:db8:1::1 solicitation target ff02::1
        drop bad-neighbour
    lan pc 2001:db8:1::10 > 2001:db8:1::1 solicitation option-length 0
        drop bad-neighbour
    lan pc 2001:db8:1::10 > 2001:db8:1::1 solicitation option-length 2
        drop bad-neighbour
    lan pc 2001:db8:1::10 > 2001:db8:1::1 solicitation payload 1
        drop bad-neighbour
    lan to group pc 2001:db8:1::10 > ff02::1 advertisement solicited
        drop bad-neighbour
    lan to group pc :: > ff02::1 advertisement target 2001:db8:1::10
        drop bad-neighbour
    lan pc 2001:db8:9::10 > 2001:db8:1::1 solicitation
        drop bad-source
)");

GOLDEN("routers are on the WAN", R"(
    lan to group guest fe80::66 > ff02::1 router-advertisement
        drop rogue-router
    lan guest fe80::66 > fe80::1 redirect target 2001:db8:1::66
        drop rogue-router
    lan to group guest 2001:db8:1::66 > ff02::1 router-advertisement
        drop bad-neighbour
    wan to group router fe80::fe > ff02::1 router-advertisement
        punt wan fe80::fe > ff02::1 icmp 134 ttl 255
)");
