// SPDX-License-Identifier: Apache-2.0
// What is wrong with a packet, by name. Each script begins with the same packet in order.
#include <catch2/catch.hpp>

#include "script.h"

GOLDEN("frames that are shorter than their headers say", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp cut 13
        drop truncated
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp cut 14
        drop truncated
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp cut 33
        drop truncated
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp cut 61
        drop truncated
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp total 1500
        drop truncated
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp cut 53
        drop truncated
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp total 200
        drop truncated
    lan pc 10.0.0.10 > 10.0.0.1 arp cut 41
        drop truncated
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp vlan 7 cut 17
        drop truncated
)");

GOLDEN("frames of no known kind", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp ether-type 0x88cc
        drop bad-ethernet
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp ether-type 46
        drop bad-ethernet
    lan everybody 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop bad-ethernet
    lan nobody 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop bad-ethernet
)");

GOLDEN("IP headers that contradict themselves", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp version 5
        drop bad-ip-header
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp header-length 4
        drop bad-ip-header
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp total 19
        drop bad-ip-header
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp version 4
        drop bad-ip-header
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp bad-checksum
        drop bad-ip-checksum
)");

GOLDEN("source routes are refused", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp option 7
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp option 131
        drop bad-ip-header
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp option 137
        drop bad-ip-header
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp routing-type 0
        drop bad-ip-header
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp routing-type 4
        drop unsupported-protocol
)");

GOLDEN("IPv6 extension headers out of order, too many, or longer than the packet", R"(
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp hop-by-hop 0
        out wan router [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp ttl 63
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp destination-options 0 hop-by-hop 0
        drop bad-ip-header
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp destination-options 0 destination-options 0 destination-options 0 destination-options 0 destination-options 0 destination-options 0 destination-options 0 destination-options 0
        drop bad-ip-header
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp destination-options 9 total 60
        drop bad-ip-header
)");

GOLDEN("sources that cannot be", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 127.0.0.1:5000 > 203.0.113.7:53 udp
        drop bad-source
    lan pc 0.0.0.0:5000 > 203.0.113.7:53 udp
        drop bad-source
    lan pc 224.0.0.5:5000 > 203.0.113.7:53 udp
        drop bad-source
    lan pc 255.255.255.255:5000 > 203.0.113.7:53 udp
        drop bad-source
    lan pc 169.254.1.1:5000 > 203.0.113.7:53 udp
        drop bad-source
    lan pc [ff02::1]:5000 > [2001:db8:ffff::7]:53 udp
        drop bad-source
    lan pc [::1]:5000 > [2001:db8:ffff::7]:53 udp
        drop bad-source
    lan pc [::]:5000 > [2001:db8:ffff::7]:53 udp
        drop bad-source
    lan pc [fe80::10]:5000 > [2001:db8:ffff::7]:53 udp
        drop bad-source
)");

GOLDEN("sources that belong to the other side, or to the appliance", R"(
    lan guest 10.0.0.66:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan guest 203.0.113.66:5000 > 203.0.113.7:53 udp
        drop bad-source
    lan guest 10.0.0.1:5000 > 203.0.113.7:53 udp
        drop bad-source
    policy wan-open
    wan router [2001:db8:ffff::7]:5000 > [2001:db8:1::10]:80 tcp syn
        out lan pc [2001:db8:ffff::7]:5000 > [2001:db8:1::10]:80 tcp syn ttl 63
    wan router [2001:db8:1::11]:5000 > [2001:db8:1::10]:80 tcp syn
        drop bad-source
)");

GOLDEN("VLAN tags that no zone has", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp priority-tag
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp vlan 5
        drop unknown-vlan
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp tag-in-tag
        drop unknown-vlan
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp vlan 0 vlan 5
        drop unknown-vlan
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp vlan 5
        drop unknown-vlan
)");

GOLDEN("upper layers that are cut off or malformed", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp total 27
        drop bad-transport
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp udp-length 7
        drop bad-transport
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp udp-length 29
        drop bad-transport
    lan pc 10.0.0.10:5000 > 203.0.113.7:0 udp
        drop bad-transport
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp total 39
        drop bad-transport
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp data-offset 4
        drop bad-transport
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp data-offset 15
        drop bad-transport
    lan pc 10.0.0.10:0 > 203.0.113.7:80 tcp syn
        drop bad-transport
    lan pc 10.0.0.10:77 > 203.0.113.7 echo total 27
        drop bad-transport
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp total 7
        drop bad-transport
)");

GOLDEN("TCP flags that no sender makes", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp flags 0
        drop bad-transport
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp flags 3
        drop bad-transport
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp flags 6
        drop bad-transport
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp flags 0x29
        drop bad-transport
)");

GOLDEN("protocols that cannot be translated or followed", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10 > 203.0.113.7 gre
        drop unsupported-protocol
    lan pc 10.0.0.10 > 203.0.113.7 timestamp
        drop unsupported-protocol
    lan pc 2001:db8:1::10 > 2001:db8:ffff::7 esp
        drop unsupported-protocol
    isolate pc
    lan pc 10.0.0.10 > 203.0.113.7 gre
        drop isolated-source
)");

GOLDEN("TCP segments and echo replies that open nothing", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    lan pc 10.0.0.10:5001 > 203.0.113.7:80 tcp ack
        drop bad-tcp-state
    lan pc 10.0.0.10:5001 > 203.0.113.7:80 tcp syn-ack
        drop bad-tcp-state
    lan pc 10.0.0.10:5001 > 203.0.113.7:80 tcp rst
        drop bad-tcp-state
    lan pc 10.0.0.10 > 203.0.113.7:9 echo-reply
        drop unsolicited
)");

GOLDEN("the appliance's own MAC as source, and frames for another machine", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan gateway-lan 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop own-mac
    wan gateway-wan 203.0.113.7:53 > 198.51.100.1:nat udp
        drop own-mac
    lan to other pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop foreign-mac
)");

GOLDEN("an IPv4 address inside an IPv6 address is no way around", R"(
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp
        out wan router [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp ttl 63
    isolate pc
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp
        drop isolated-source
)");
