// SPDX-License-Identifier: Apache-2.0
// One thing per script: TCP connections through their states and time-outs, echo identifiers, TTLs, tags, IPv6 headers.
#include <catch2/catch.hpp>

#include "script.h"

GOLDEN("TCP: both sides may open at once", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp syn
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp syn ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn-ack
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn-ack ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp ack
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp ack ttl 63
)");

GOLDEN("TCP: a reset ends nothing at once, so a forged one does not either", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp syn-ack
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp syn-ack ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp ack
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp ack ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp rst
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp rst ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp ack
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp ack ttl 63
)");

GOLDEN("TCP: an established connection may be silent for two hours", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp syn-ack
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp syn-ack ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp ack
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp ack ttl 63
    wait 7200000
    loop
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp ack
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp ack ttl 63
)");

GOLDEN("TCP: one that was reset ends after four minutes", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp syn-ack
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp syn-ack ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp rst
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp rst ttl 63
    wait 230000
    loop
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp rst
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp rst ttl 63
    wait 280000
    loop
    loop
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp ack
        drop unsolicited
)");

GOLDEN("TCP: one that was never answered ends after four minutes", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    wait 280000
    loop
    loop
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp syn-ack
        drop unsolicited
)");

GOLDEN("TCP: after both have closed, the same ports open a new connection", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp syn-ack
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp syn-ack ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp fin
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp fin ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp fin
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp fin ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp syn-ack
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp syn-ack ttl 63
)");

GOLDEN("TCP: a segment of no connection opens none, from either side", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp fin
        drop bad-tcp-state
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp rst
        drop bad-tcp-state
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn-ack
        drop bad-tcp-state
    wan router 203.0.113.7:80 > 198.51.100.1:2000 tcp syn-ack
        drop unsolicited
)");

GOLDEN("TCP: an IPv6 connection is opened, used and closed", R"(
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:80 tcp syn
        out wan router [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:80 tcp syn ttl 63
    wan router [2001:db8:ffff::7]:80 > [2001:db8:1::10]:5000 tcp syn-ack
        out lan pc [2001:db8:ffff::7]:80 > [2001:db8:1::10]:5000 tcp syn-ack ttl 63
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:80 tcp fin
        out wan router [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:80 tcp fin ttl 63
)");

GOLDEN("UDP: a flow that nobody answers ends after two minutes, too (RFC 4787 REQ-5)", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wait 126000
    loop
    loop
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        drop unsolicited
)");

GOLDEN("echo: two machines with the same identifier get different ones", R"(
    lan pc 10.0.0.10:77 > 203.0.113.7 echo
        out wan router 198.51.100.1:nat > 203.0.113.7 echo ttl 63
    wan router 203.0.113.7 > 198.51.100.1:nat echo-reply
        out lan pc 203.0.113.7 > 10.0.0.10:77 echo-reply ttl 63
    lan other 10.0.0.11:77 > 203.0.113.7 echo
        out wan router 198.51.100.1:nat > 203.0.113.7 echo ttl 63
    wan router 203.0.113.7 > 198.51.100.1:nat echo-reply
        out lan other 203.0.113.7 > 10.0.0.11:77 echo-reply ttl 63
)");

GOLDEN("echo: a reply from somebody else, or with another identifier, is unsolicited", R"(
    lan pc 10.0.0.10:77 > 203.0.113.7 echo
        out wan router 198.51.100.1:nat > 203.0.113.7 echo ttl 63
    wan router 203.0.113.8 > 198.51.100.1:nat echo-reply
        drop unsolicited
    wan router 203.0.113.7 > 198.51.100.1:nat+1 echo-reply
        drop unsolicited
)");

GOLDEN("echo: one identifier towards two servers stays one", R"(
    lan pc 10.0.0.10:77 > 203.0.113.7 echo
        out wan router 198.51.100.1:nat > 203.0.113.7 echo ttl 63
    lan pc 10.0.0.10:77 > 203.0.113.8 echo
        out wan router 198.51.100.1:nat > 203.0.113.8 echo ttl 63
    wan router 203.0.113.7 > 198.51.100.1:nat echo-reply
        out lan pc 203.0.113.7 > 10.0.0.10:77 echo-reply ttl 63
)");

GOLDEN("echo: a ping that is silent for a minute is over", R"(
    lan pc 10.0.0.10:77 > 203.0.113.7 echo
        out wan router 198.51.100.1:nat > 203.0.113.7 echo ttl 63
    wait 100000
    loop
    loop
    wan router 203.0.113.7 > 198.51.100.1:nat echo-reply
        drop unsolicited
)");

GOLDEN("TTL: two becomes one, and that is still sent", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp ttl 2
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 1
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp ttl 255
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 254
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp ttl 2
        out wan router [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp ttl 1
)");

GOLDEN("TTL: what is for the appliance itself needs no more than one", R"(
    lan pc 10.0.0.10:77 > 10.0.0.1 echo ttl 1
        punt lan 10.0.0.10:77 > 10.0.0.1 echo ttl 1
)");

GOLDEN("tag: a priority tag is none", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp priority-tag
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp priority-tag
        out lan pc 203.0.113.7:53 > 10.0.0.10:5000 udp ttl 63
)");

GOLDEN("tag: a second one is nobody's, on either side", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp tag-in-tag vlan 7
        drop unknown-vlan
    wan router 203.0.113.7:53 > 198.51.100.1:2000 udp vlan 7
        drop unknown-vlan
)");

static const heartgate::dataplane::test::WorldOptions kTagged7{.lan_vlan = 7};

GOLDEN_WITH(kTagged7, "tag: a zone with one takes neither untagged frames nor another tag", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp vlan 7
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop unknown-vlan
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp vlan 8
        drop unknown-vlan
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp priority-tag
        drop unknown-vlan
)");

GOLDEN_WITH(kTagged7, "tag: an isolated machine is isolated behind it, too", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp vlan 7
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    isolate pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp vlan 7
        drop isolated-source
)");

GOLDEN("IPv6: options before UDP belong to the same flow as none", R"(
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp
        out wan router [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp ttl 63
    wan router [2001:db8:ffff::7]:53 > [2001:db8:1::10]:5000 udp hop-by-hop 0
        out lan pc [2001:db8:ffff::7]:53 > [2001:db8:1::10]:5000 udp ttl 63
    wan router [2001:db8:ffff::7]:53 > [2001:db8:1::10]:5000 udp destination-options 2
        out lan pc [2001:db8:ffff::7]:53 > [2001:db8:1::10]:5000 udp ttl 63
)");

GOLDEN("IPv6: options are no way around an isolation", R"(
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp destination-options 0
        out wan router [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp ttl 63
    isolate pc
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp destination-options 0
        drop isolated-source
    lan pc [2001:db8:1::10]:5001 > [2001:db8:ffff::7]:53 udp hop-by-hop 3 destination-options 1
        drop isolated-source
)");

GOLDEN("IPv6: padding behind the packet is cut off", R"(
    lan pc [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp payload 0 pad 9
        out wan router [2001:db8:1::10]:5000 > [2001:db8:ffff::7]:53 udp ttl 63
)");

GOLDEN("IPv6: between two machines of the LAN as well, until one is isolated", R"(
    lan pc [2001:db8:1::10]:5000 > [2001:db8:1::11]:445 tcp syn
        out lan other [2001:db8:1::10]:5000 > [2001:db8:1::11]:445 tcp syn ttl 63
    isolate other
    lan pc [2001:db8:1::10]:5000 > [2001:db8:1::11]:445 tcp ack
        drop isolated-destination
    lan other [2001:db8:1::11]:445 > [2001:db8:1::10]:5000 tcp syn-ack
        drop isolated-destination
)");

GOLDEN("isolation: a ping in either direction of an open flow", R"(
    lan pc 10.0.0.10:77 > 203.0.113.7 echo
        out wan router 198.51.100.1:nat > 203.0.113.7 echo ttl 63
    isolate pc
    lan pc 10.0.0.10:77 > 203.0.113.7 echo
        drop isolated-source
    wan router 203.0.113.7 > 198.51.100.1:nat echo-reply
        drop isolated-source
)");

GOLDEN("isolation: a download that runs, with its connection known to both", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp syn-ack
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp syn-ack ttl 63
    isolate pc
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp ack payload 1400
        drop isolated-source
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp ack
        drop isolated-source
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp rst
        drop isolated-source
    green pc
    wan router 203.0.113.7:80 > 198.51.100.1:nat tcp ack payload 1400
        out lan pc 203.0.113.7:80 > 10.0.0.10:5000 tcp ack ttl 63
)");

GOLDEN("isolation: a whole burst stops, the neighbour's packet in it does not", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp + other 10.0.0.11:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    isolate pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp + other 10.0.0.11:5000 > 203.0.113.7:53 udp + pc 10.0.0.10:6000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
        drop isolated-source
        drop isolated-source
)");

GOLDEN("isolation: fragments and packets without a flow", R"(
    isolate pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 0 to 24
        drop isolated-source
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 40 id 7 from 24
        held
    wait 2000
    loop
        drop fragment-timeout
    lan pc 10.0.0.10 > 203.0.113.7 gre
        drop isolated-source
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp ack
        drop isolated-source
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp ttl 1
        drop isolated-source
)");

GOLDEN("isolation: an answer of somebody outside to a machine that was isolated meanwhile", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    isolate pc
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        drop isolated-source
    green pc
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        out lan pc 203.0.113.7:53 > 10.0.0.10:5000 udp ttl 63
)");

GOLDEN("isolation: the IPv6 ping of a machine, and its answer", R"(
    lan pc [2001:db8:1::10]:5 > 2001:db8:ffff::7 echo
        out wan router [2001:db8:1::10]:5 > 2001:db8:ffff::7 echo ttl 63
    isolate pc
    lan pc [2001:db8:1::10]:5 > 2001:db8:ffff::7 echo
        drop isolated-source
    wan router 2001:db8:ffff::7 > [2001:db8:1::10]:5 echo-reply
        drop isolated-source
)");

GOLDEN("isolation: released and isolated again, each time at the next burst", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    isolate pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop isolated-source
    green pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    isolate pc
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        drop isolated-source
)");

GOLDEN("isolation: an isolated machine reaches no neighbour by IPv4 either, and none reaches it", R"(
    isolate pc
    lan pc 10.0.0.10:5000 > 10.0.0.11:445 tcp syn
        drop isolated-source
    lan other 10.0.0.11:5000 > 10.0.0.10:445 tcp syn
        drop isolated-destination
    lan guest 10.0.0.66:5000 > 10.0.0.10:445 tcp syn
        drop isolated-destination
)");

GOLDEN("NAT: the same port of UDP and of TCP are two flows", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:443 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:443 udp ttl 63
    wan router 203.0.113.7:443 > 198.51.100.1:nat udp
        out lan pc 203.0.113.7:443 > 10.0.0.10:5000 udp ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:443 tcp syn
        out wan router 198.51.100.1:nat > 203.0.113.7:443 tcp syn ttl 63
    wan router 203.0.113.7:443 > 198.51.100.1:nat tcp syn-ack
        out lan pc 203.0.113.7:443 > 10.0.0.10:5000 tcp syn-ack ttl 63
)");

GOLDEN("NAT: two machines with the same port each get their own answers", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        out lan pc 203.0.113.7:53 > 10.0.0.10:5000 udp ttl 63
    lan other 10.0.0.11:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp
        out lan other 203.0.113.7:53 > 10.0.0.11:5000 udp ttl 63
)");

GOLDEN("NAT: an empty UDP packet and a large one", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 0
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 1472
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp payload 1471
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
)");

GOLDEN("checksum: a wrong one of the IPv4 header is dropped on an open flow as well, both ways", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp bad-checksum
        drop bad-ip-checksum
    wan router 203.0.113.7:53 > 198.51.100.1:nat udp bad-checksum
        drop bad-ip-checksum
)");

GOLDEN("checksum: IPv4 options are in it, also after translation", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:80 tcp syn option 148
        out wan router 198.51.100.1:nat > 203.0.113.7:80 tcp syn ttl 63
    lan pc 10.0.0.10:77 > 203.0.113.7 echo option 148
        out wan router 198.51.100.1:nat > 203.0.113.7 echo ttl 63
)");

GOLDEN("WAN: a SYN, a datagram and a ping to the WAN address open nothing", R"(
    wan router 203.0.113.7:5000 > 198.51.100.1:22 tcp syn
        drop unsolicited
    wan router 203.0.113.7:5000 > 198.51.100.1:53 udp
        drop unsolicited
)");

GOLDEN("WAN: a packet to a machine behind NAT, by its inside address, is unsolicited", R"(
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.7:53 udp ttl 63
    wan router 203.0.113.7:53 > 10.0.0.10:5000 udp
        drop unsolicited
)");

GOLDEN("routes: a host route goes before the default route", R"(
    route 203.0.113.7/32 lan 10.0.0.11
    lan pc 10.0.0.10:5000 > 203.0.113.7:53 udp
        out lan other 10.0.0.10:5000 > 203.0.113.7:53 udp ttl 63
    lan pc 10.0.0.10:5000 > 203.0.113.8:53 udp
        out wan router 198.51.100.1:nat > 203.0.113.8:53 udp ttl 63
)");
